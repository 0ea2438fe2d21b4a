"""Shares: how much of the loop's time each namespace has used of late, and whose turn it is before others.

Used time fades: of a second that was used a second ago 0.37 s are left. A namespace that has used more than its share
waits behind all that have not. So one that changes much, or writes policies that take long to compile, delays itself.
"""

import math
from typing import Final

WINDOW: Final = 1.0
"""Seconds after which of the time that was used 1/e is left."""

SHARE: Final = 0.1
"""Seconds: who has used more has used his share. It is more than the largest usual policy takes."""

CLUSTER: Final = ""
"""What has no namespace (Node, Namespace) is changed by administrators and kubelets, and always comes first."""

_REMEMBERED: Final = 1_000
_NEGLIGIBLE: Final = 1e-4
"""Where more namespaces than this are remembered, those are forgotten that used less than so many seconds."""


_UNUSED: Final = -1e300


class Shares:
    """The time that each namespace has used. All times are monotonic seconds."""

    def __init__(self) -> None:
        # By namespace the logarithm of its used time at the time 0, so that nothing has to be renewed while all fade.
        self._ranks: dict[str, float] = {}

    def charge(self, namespace: str, seconds: float, now: float) -> None:
        """Note that `seconds` were used for a namespace."""
        if seconds <= 0 or namespace == CLUSTER:
            return
        self._ranks[namespace] = math.log(self.used(namespace, now) + seconds) + now / WINDOW
        if len(self._ranks) > _REMEMBERED:
            least = math.log(_NEGLIGIBLE) + now / WINDOW
            self._ranks = {name: rank for name, rank in self._ranks.items() if rank >= least}

    def forget(self) -> None:
        """Forget all that was used."""
        self._ranks.clear()

    def used(self, namespace: str, now: float) -> float:
        """How much of the time that a namespace used is left."""
        return math.exp(self.rank(namespace) - now / WINDOW)

    def rank(self, namespace: str) -> float:
        """Who has used less has a lower rank. A rank changes by a charge only, never as time goes by."""
        return self._ranks.get(namespace, _UNUSED) if namespace != CLUSTER else -math.inf

    def is_used_up(self, namespace: str, now: float) -> bool:
        """Whether a namespace has used its share, so that it waits behind all others."""
        return self.used(namespace, now) > SHARE
