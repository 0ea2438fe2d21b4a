"""Shares: how much of the loop's time each namespace has used recently, which decides the order of their turns.

Used time decays exponentially: after one second, 37 % of it are left. A namespace that has used more than its share
waits behind all that have not. So a namespace with many changes, or with policies that take long to compile, delays
only itself.
"""

import math
from typing import Final

WINDOW: Final = 1.0
"""Seconds after which 1/e of the used time is left."""

SHARE: Final = 0.1
"""Seconds that a namespace may have used; above that, its share is used up. The largest usual policy takes less."""

CLUSTER: Final = ""
"""Objects without a namespace, such as Nodes. Administrators and kubelets change them; they come first."""

_REMEMBERED: Final = 1_000
_NEGLIGIBLE: Final = 1e-4
"""If more than `_REMEMBERED` namespaces are kept, those with less than `_NEGLIGIBLE` seconds are dropped."""


# exp() of this is 0. Unlike negative infinity, it is above the rank of `CLUSTER`.
_UNUSED: Final = -1e300


class Shares:
    """The decaying time that each namespace has used. All times are monotonic seconds."""

    def __init__(self) -> None:
        # By namespace: log(used time) + now / WINDOW. All used times decay by the same factor, so these values stay the
        # same as time passes, and a heap can keep the order of the namespaces.
        self._ranks: dict[str, float] = {}
        self.times_forgotten = 0
        """How often all ranks were lowered. An order by rank that is older must be computed again."""

    def charge(self, namespace: str, seconds: float, now: float) -> None:
        """Note that `seconds` were used for a namespace."""
        if seconds <= 0 or namespace == CLUSTER:
            return
        self._ranks[namespace] = math.log(self.used(namespace, now) + seconds) + now / WINDOW
        if len(self._ranks) > _REMEMBERED:
            # This lowers ranks, too, by which the heaps of namespaces are not corrected: until its next turn, such a
            # namespace is behind those that have used even less.
            least = math.log(_NEGLIGIBLE) + now / WINDOW
            self._ranks = {name: rank for name, rank in self._ranks.items() if rank >= least}

    def forget(self) -> None:
        """Set the used time of all namespaces to zero."""
        self._ranks.clear()
        self.times_forgotten += 1

    def used(self, namespace: str, now: float) -> float:
        """The decayed time that a namespace has used, in seconds."""
        return math.exp(self.rank(namespace) - now / WINDOW)

    def rank(self, namespace: str) -> float:
        """The rank of a namespace: lower if it has used less. A charge changes it; the passing of time does not."""
        return self._ranks.get(namespace, _UNUSED) if namespace != CLUSTER else -math.inf

    def is_used_up(self, namespace: str, now: float) -> bool:
        """Whether a namespace has used its share, so that it waits behind all others."""
        return self.used(namespace, now) > SHARE
