"""The time account: the processor time that the loop spends on each namespace, and for which it may continue.

It counts processor time, not elapsed time: on a busy node everything takes longer, which no namespace has caused.

Applying changes and building chains is charged to the namespace of the change or chain. The rest of a round
(programming the kernel) is charged to the same namespaces in proportion.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from ringfence.agent.shares import Shares

LONGEST_BUILDING: Final = 0.1
"""Seconds that one round builds at most for namespaces that have used their share, if other namespaces wait."""

LONGEST_BUILDING_ALONE: Final = 1.0
"""Seconds that one round builds at most for such namespaces, if no other namespace waits."""

SHORT_BUILDING: Final = 0.01
"""Seconds: a chain that takes no longer is built even if others wait, because closing its pods would take as long."""

_REMEMBERED: Final = 1_000


class TimeAccount:
    """The loop's work by namespace. `clock` returns monotonic seconds, `work` the processor seconds of this thread."""

    def __init__(self, clock: Callable[[], float], work: Callable[[], float] = time.thread_time) -> None:
        self.shares = Shares()
        self.clock = clock
        self.work = work
        self._spent: dict[str, float] = {}
        """The seconds that were charged to each namespace since the last round ended."""
        self._last_building: dict[str, float] = {}
        self._defers = False
        self._has_deferred = False
        """Whether the last round has left chains to build to this one."""

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
        """Charge no namespace for the work until now.

        Called after the first list: the number of objects of a namespace in it says nothing about its changes.
        Otherwise its pods would be closed in the first round after a restart, although the kernel holds their rules.
        """
        self.shares.forget()
        self._spent.clear()

    def charge_building(self, namespace: str, began: float) -> float:
        """Charge the work since `began`, for building a chain, to a namespace. Returns the seconds."""
        seconds = self.work() - began
        self.charge(namespace, began)
        # To forget all has little effect: the next chain of each namespace counts as short, once.
        if len(self._last_building) >= _REMEMBERED:
            self._last_building.clear()
        self._last_building[namespace] = seconds
        return seconds

    def is_expected_to_be_short(self, namespace: str) -> bool:
        """Whether the last chain of a namespace took no longer than `SHORT_BUILDING`."""
        return self._last_building.get(namespace, 0.0) <= SHORT_BUILDING

    def defers(self, namespace: str) -> bool:
        """Whether this round leaves building to the next, because it has changes of namespaces that have used less.

        The next round then builds in any case, because other namespaces may have changes in every round.
        """
        if self._has_deferred:
            return False
        self._defers |= any(self.has_used_less(other, namespace) for other in self._spent)
        return self._defers

    def charge_round(self, seconds: float, loaded_for: Iterable[str] = ()) -> None:
        """Charge the remaining `seconds` of a round to the namespaces that were charged since the last one.

        If large chains were loaded for some namespaces, the seconds are charged to these, because loading takes most of
        the time.
        """
        self._has_deferred, self._defers = self._defers, False
        # Equal parts for the namespaces for which chains were loaded, else parts in proportion to the charges.
        spent, self._spent = dict.fromkeys(loaded_for, 1.0) or self._spent, {}
        whole, now = sum(spent.values()), self.clock()
        for namespace, part in spent.items():
            self.shares.charge(namespace, seconds * part / whole if whole else 0.0, now)


class Building:
    """Decides for which namespaces chains are built in one round, and charges the work to them.

    For a namespace that has used its share, chains that take long are not built while namespaces that have used less
    time wait (`others_wait`), or if the round enforces changes of such namespaces. Otherwise they are built for
    `LONGEST_BUILDING_ALONE` seconds at most, because changes of another namespace may arrive.
    """

    def __init__(self, account: TimeAccount, others_wait: Callable[[str], bool]) -> None:
        self._account = account
        self._others_wait = others_wait
        self._namespace: str | None = None
        self._began = 0.0
        self._is_for_used_up = False
        self._for_used_up = 0.0
        self.seconds = 0.0
        """The seconds that were charged."""

    def may_build(self, namespace: str) -> bool:
        """Whether a chain may be built for a namespace now. The work until the next call is charged to it."""
        self.end()
        is_used_up = self._account.is_used_up(namespace)
        if is_used_up and self._has_to_wait(namespace):
            return False
        self._namespace, self._began = namespace, self._account.work()
        self._is_for_used_up = is_used_up
        return True

    def may_load(self, namespace: str) -> bool:
        """Whether a part of a large chain may be loaded now: not if changes of others would wait for it."""
        return not self._comes_after_others(namespace)

    def _has_to_wait(self, namespace: str) -> bool:
        if self._for_used_up > LONGEST_BUILDING_ALONE:
            return True
        # Many short chains of one round together take long.
        is_short = self._account.is_expected_to_be_short(namespace) and self._for_used_up <= LONGEST_BUILDING
        return not is_short and self._comes_after_others(namespace)

    def _comes_after_others(self, namespace: str) -> bool:
        return self._others_wait(namespace) or self._account.defers(namespace)

    def end(self) -> None:
        """Charge the work since the last call of `may_build`."""
        if self._namespace is not None:
            seconds = self._account.charge_building(self._namespace, self._began)
            self.seconds += seconds
            self._for_used_up += seconds if self._is_for_used_up else 0.0
            self._namespace = None
