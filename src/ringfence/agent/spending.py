"""Spending: for which namespaces the loop has worked, and for whom it may go on.

What counts is the processor time of the loop: on a busy node everything takes longer, and nobody is to blame for it.

Taking changes in and building chains is charged to the namespace for which it is done; the rest of a round (programming
the kernel, reviewing connections) to the same namespaces, in proportion.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from ringfence.agent.shares import Shares

LONGEST_BUILDING: Final = 0.1
"""Seconds after which, in one round, nothing more is built for namespaces that have used their share if others wait."""

LONGEST_BUILDING_ALONE: Final = 1.0
"""The same, if nobody else waits."""

SHORT_BUILDING: Final = 0.01
"""Seconds: a chain that takes no longer is built although others wait. To close its pods would take as long."""

_REMEMBERED: Final = 1_000


class Spending:
    """The loop's work by namespace. `clock` returns monotonic seconds, `work` the processor time of this thread."""

    def __init__(self, clock: Callable[[], float], work: Callable[[], float] = time.thread_time) -> None:
        self.shares = Shares()
        self.clock = clock
        self.work = work
        self._spent: dict[str, float] = {}
        """The seconds that were charged to each namespace since the last round ended."""
        self._last_building: dict[str, float] = {}
        self._defers = False
        self._has_deferred = False
        """Whether this round, or the last one, has left building to the next one."""

    def is_used_up(self, namespace: str) -> bool:
        """Whether a namespace has used its share."""
        return self.shares.is_used_up(namespace, self.clock())

    def has_used_less(self, namespace: str, than: str) -> bool:
        """Whether one namespace has used less time than another."""
        return self.shares.rank(namespace) < self.shares.rank(than)

    def charge(self, namespace: str, began: float) -> None:
        """Charge the work since `began` to a namespace."""
        seconds = self.work() - began
        self.shares.charge(namespace, seconds, self.clock())
        self._spent[namespace] = self._spent.get(namespace, 0.0) + seconds

    def forget(self) -> None:
        """Charge nobody for what was done until now.

        So it is after the first list: how much a namespace has in it says nothing of what it changes. Its pods would be
        closed in the first round after a restart, although the kernel holds their rules.
        """
        self.shares.forget()
        self._spent.clear()

    def charge_building(self, namespace: str, began: float) -> float:
        """Charge the work since `began`, which a chain took, to a namespace; returns its seconds."""
        seconds = self.work() - began
        self.charge(namespace, began)
        if len(self._last_building) >= _REMEMBERED:
            self._last_building.clear()
        self._last_building[namespace] = seconds
        return seconds

    def is_expected_to_be_short(self, namespace: str) -> bool:
        """Whether the last chain of a namespace took so little time that the next one may, too."""
        return self._last_building.get(namespace, 0.0) <= SHORT_BUILDING

    def defers(self, namespace: str) -> bool:
        """Whether this round has changes of namespaces that have used less time, so that building is left to the next.

        That one builds in any case: there may always be changes of others.
        """
        if self._has_deferred:
            return False
        self._defers |= any(self.has_used_less(other, namespace) for other in self._spent)
        return self._defers

    def charge_round(self, seconds: float, loaded_for: Iterable[str] = ()) -> None:
        """Charge the part of a round that is charged to nobody yet to those who were charged since the last one.

        If large chains were loaded for some, which takes the most by far, it is charged to them.
        """
        self._has_deferred, self._defers = self._defers, False
        spent, self._spent = dict.fromkeys(loaded_for, 1.0) or self._spent, {}
        whole, now = sum(spent.values()), self.clock()
        for namespace, part in spent.items():
            self.shares.charge(namespace, seconds * part / whole if whole else 0.0, now)


class Building:
    """For whom chains are built in one round, and how long it takes.

    Nothing that takes long is built for a namespace that has used its share while others wait that have used less
    (`others_wait`), or whose changes the round is to put in force, and not much at a time otherwise: a namespace that
    must not wait may come.
    """

    def __init__(self, spending: Spending, others_wait: Callable[[str], bool]) -> None:
        self._spending = spending
        self._others_wait = others_wait
        self._namespace: str | None = None
        self._began = 0.0
        self._is_for_used_up = False
        self._for_used_up = 0.0
        self.seconds = 0.0
        """The work that was charged."""

    def may_build(self, namespace: str) -> bool:
        """Whether a chain may be built for a namespace now. What is done until the next question is charged to it."""
        self.end()
        is_used_up = self._spending.is_used_up(namespace)
        if is_used_up and self._has_to_wait(namespace):
            return False
        self._namespace, self._began = namespace, self._spending.work()
        self._is_for_used_up = is_used_up
        return True

    def may_load(self, namespace: str) -> bool:
        """Whether a part of a large chain may be loaded now: not with changes of others, which would wait for it."""
        return not self._comes_after_others(namespace)

    def _has_to_wait(self, namespace: str) -> bool:
        if self._for_used_up > LONGEST_BUILDING_ALONE:
            return True
        is_short = self._spending.is_expected_to_be_short(namespace) and self._for_used_up <= LONGEST_BUILDING
        return not is_short and self._comes_after_others(namespace)

    def _comes_after_others(self, namespace: str) -> bool:
        return self._others_wait(namespace) or self._spending.defers(namespace)

    def end(self) -> None:
        """Charge what was done since the last question."""
        if self._namespace is not None:
            seconds = self._spending.charge_building(self._namespace, self._began)
            self.seconds += seconds
            self._for_used_up += seconds if self._is_for_used_up else 0.0
            self._namespace = None
