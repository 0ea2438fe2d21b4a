"""The backlog: changes that have arrived and are not applied yet, by namespace and object.

Only the newest version of each object waits, so an object that is rewritten without pause costs no more than the
versions that are applied. All changes of a namespace are applied together, because its policies may depend on each
other: a policy is created, and another one that it replaces is deleted. A mixture of old and new policies may allow
traffic that neither the old nor the new policies allow.
"""

import heapq
from collections.abc import Collection, Iterator
from itertools import chain, count

from ringfence.agent.shares import Shares
from ringfence.agent.view import POLICY_KINDS, ApplyStep, Change, Name, ObjectName, name_of_change
from ringfence.steps import Steps


class Turn:
    """The changes of one namespace: those that wait, and those that are prepared."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.prepared: dict[ObjectName, ApplyStep] = {}
        self.preparing: dict[ObjectName, Steps[ApplyStep]] = {}
        """The change that is being prepared in steps; at most one."""
        self._waiting: dict[ObjectName, Change] = {}
        self._since: float | None = None
        self.is_partly_applied = False
        """Whether some of the changes that belong together are applied, and others are not yet."""

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self.preparing) + len(self.prepared)

    @property
    def since(self) -> float:
        """When the oldest change arrived that is not applied."""
        assert self._since is not None
        return self._since

    @property
    def has_policies(self) -> bool:
        """Whether a change of a policy waits or is prepared."""
        return any(key[0] in POLICY_KINDS for key in self._keys())

    def add(self, change: Change, arrived: float) -> None:
        """Add a change, in place of an older one of the same object."""
        key = name_of_change(change)
        self._stop_preparing(key)
        # The new version has the place of the older one in the dictionary, so an object that is rewritten without pause
        # does not wait for ever.
        self._waiting[key] = change
        self._since = arrived if self._since is None else min(self._since, arrived)

    def add_older(self, change: Change, arrived: float) -> None:
        """Add a change, unless a newer one of the same object waits.

        A prepared change of the object is replaced. It is not newer: it would keep this version of the policy as text.
        """
        key = name_of_change(change)
        if key not in self._waiting:
            self._stop_preparing(key)
            self._waiting[key] = change
            self._since = arrived if self._since is None else self._since

    def discard(self, key: ObjectName) -> None:
        """Drop the change of an object, if there is one."""
        self._waiting.pop(key, None)
        self._stop_preparing(key)

    def names(self, kind: str) -> list[Name]:
        """The names of the objects of a kind that have a change."""
        return [key[1:] for key in self._keys() if key[0] == kind]

    def has(self, key: ObjectName) -> bool:
        """Whether there is a change of the object."""
        return key in self._waiting or key in self.preparing or key in self.prepared

    def _stop_preparing(self, key: ObjectName) -> None:
        self.preparing.pop(key, None)
        self.prepared.pop(key, None)

    def _keys(self) -> Iterator[ObjectName]:
        return chain(self._waiting, self.preparing, self.prepared)

    def pop(self) -> Change | None:
        """Remove and return the change that has waited longest; None if there is none."""
        return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None


class Backlog:
    """All changes that are not applied, and the order of the turns."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._turns: dict[str, Turn] = {}
        """By namespace, in the order in which their oldest changes arrived."""
        self._order: list[tuple[float, int, str]] = []
        """A heap of (rank, number, namespace). An outdated rank is lower than the present one, never higher."""
        self._times_forgotten = shares.times_forgotten
        self._ordered: set[str] = set()
        """The namespaces in the heap, including those whose changes are all applied."""
        self._suspended: set[str] = set()
        self._numbers = count()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def __len__(self) -> int:
        return sum(map(len, self._turns.values()))

    def add(self, change: Change, arrived: float) -> None:
        """Add a change, in place of an older one of the same object."""
        self._turn(name_of_change(change)[1]).add(change, arrived)

    def add_older(self, change: Change, arrived: float) -> None:
        """Add a change, unless a newer one of the same object waits."""
        self._turn(name_of_change(change)[1]).add_older(change, arrived)

    def has(self, key: ObjectName) -> bool:
        """Whether there is a change of the object that is not applied."""
        turn = self._turns.get(key[1])
        return turn is not None and turn.has(key)

    def discard(self, key: ObjectName) -> None:
        """Drop the change of an object, if there is one."""
        turn = self._turns.get(key[1])
        if turn is not None:
            turn.discard(key)
            self.end(turn)

    def keep_only(self, kind: str, names: Collection[Name]) -> None:
        """Drop the changes of the objects of a kind that are not in `names`, because they no longer exist."""
        for turn in list(self._turns.values()):  # discarding may end a turn
            for namespace, name in turn.names(kind):
                if (namespace, name) not in names:
                    self.discard((kind, namespace, name))

    def next(self) -> Turn | None:
        """The turn of the namespace that has used the least time; with equal times, of the one added first.

        None if there is no turn, or if all turns are suspended.
        """
        if self._times_forgotten != self._shares.times_forgotten:
            self._times_forgotten = self._shares.times_forgotten
            self._order = [(self._shares.rank(one), number, one) for _, number, one in self._order]
            heapq.heapify(self._order)
        while self._order:
            rank, number, namespace = self._order[0]
            present = self._shares.rank(namespace)
            if namespace not in self._turns:
                heapq.heappop(self._order)
                self._ordered.remove(namespace)
            elif present > rank:
                # A charge raises a rank without touching the heap, so the first entry is corrected here, in log n. Once
                # the first entry is up to date, it is the lowest.
                heapq.heapreplace(self._order, (present, number, namespace))
            else:
                return self._turns[namespace]
        return None

    def after(self, turn: Turn) -> Turn | None:
        """The turn that would be the next one without `turn`, which is the next one."""
        self.suspend(turn)
        other = self.next()
        self._suspended.remove(turn.namespace)
        self._put_in_order(turn.namespace)
        return other

    def drop_prepared(self, key: ObjectName) -> None:
        """Drop the prepared change of an object, if there is one."""
        turn = self._turns.get(key[1])
        if turn is not None:
            turn.prepared.pop(key, None)
            self.end(turn)

    def suspend(self, turn: Turn) -> None:
        """Postpone the next turn until `resume` is called."""
        # `next` has just returned this turn, so it is the first in the heap.
        _, _, namespace = heapq.heappop(self._order)
        assert namespace == turn.namespace
        self._ordered.remove(namespace)
        self._suspended.add(namespace)

    def resume(self) -> None:
        """End the suspension of all turns."""
        suspended, self._suspended = self._suspended, set()
        for namespace in suspended & self._turns.keys():
            self._put_in_order(namespace)

    def end(self, turn: Turn) -> None:
        """Drop a turn if all of its changes are applied."""
        if not turn:
            self._turns.pop(turn.namespace, None)

    def waiting_since(self, namespace: str) -> float | None:
        """When the oldest change of the namespace arrived that is not applied; None if there is none."""
        turn = self._turns.get(namespace)
        return turn.since if turn else None

    def turns(self) -> Iterator[Turn]:
        """All turns, the one with the oldest change first."""
        yield from self._turns.values()

    def _turn(self, namespace: str) -> Turn:
        turn = self._turns.get(namespace)
        if turn is None:
            turn = self._turns[namespace] = Turn(namespace)
            self._put_in_order(namespace)
        return turn

    def _put_in_order(self, namespace: str) -> None:
        if namespace not in self._ordered and namespace not in self._suspended:
            self._ordered.add(namespace)
            heapq.heappush(self._order, (self._shares.rank(namespace), next(self._numbers), namespace))
