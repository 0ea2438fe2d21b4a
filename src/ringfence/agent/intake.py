"""The intake: from events to the view, by turns of namespaces.

Changes wait for the turn of their namespace (`backlog`). In a turn they are prepared one by one, and then taken in
together. A namespace that has used its share of the time (`shares`) gets short turns, and all others come first.

A pod that is gone goes at once: a pod of another namespace may have its address already, and must not share it for as
long as the first namespace waits.
"""

from collections.abc import Callable, Iterable, Set
from typing import Final

from ringfence.agent.backlog import Backlog, Turn
from ringfence.agent.inbox import Arrival, InboxItem
from ringfence.agent.spending import Spending
from ringfence.agent.view import POLICY_KINDS, Change, View, name_of, name_of_change
from ringfence.sources.cluster import Event, Listed, Page, Removed, Undecoded, Unreadable, Upserted

LONGEST_TAKING_IN: Final = 1.0
"""Seconds for which what is prepared is taken in at once, as long as nobody else waits. To stop closes its pods."""

SHORT_TURN: Final = 0.02
"""Seconds after which a turn of a namespace that has used its share ends; a change that is begun is prepared first."""

PATIENCE: Final = 1.0
"""Seconds for which the pods of a namespace keep their rules while a change of its policies waits behind others."""


class Intake:
    """Takes changes into the view, and charges the time that it takes."""

    def __init__(
        self, view: View, spending: Spending, arrived: Callable[[], Iterable[InboxItem | None]] = tuple
    ) -> None:
        """`arrived` says what has arrived that was not added yet."""
        self._arrived = arrived
        self._view = view
        self._spending = spending
        self._clock = spending.clock
        self._backlog = Backlog(spending.shares)

    def __bool__(self) -> bool:
        """Whether changes wait."""
        return bool(self._backlog)

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def is_urgent(self) -> bool:
        """Whether changes wait of a namespace that has not used its share."""
        turn = self._backlog.next()
        return turn is not None and not self._spending.is_used_up(turn.namespace)

    def has_others_before(self, namespace: str) -> bool:
        """Whether changes wait, or have arrived, of a namespace that has used less time than this one."""
        turn = self._backlog.next()
        waits = turn is not None and self._spending.has_used_less(turn.namespace, namespace)
        return waits or any(self._comes_before(item, namespace) for item in self._arrived())

    def _comes_before(self, item: InboxItem | None, namespace: str) -> bool:
        match item:
            case None | Arrival(event=Page() | Listed()):
                return True
            case Arrival(event=Upserted() | Removed() | Unreadable() as change):
                return self._spending.has_used_less(name_of_change(change)[1], namespace)
            case _:
                return False

    def waiting_since(self) -> float | None:
        """When the oldest change arrived that waits, of those whose namespaces have not used their share."""
        for turn in self._backlog.turns():
            if not self._spending.is_used_up(turn.namespace):
                return turn.since
        return None

    def has_waiting(self, until: float) -> bool:
        """Whether some change that had arrived by then waits, of whatever namespace."""
        return any(turn.since <= until for turn in self._backlog.turns())

    def waiting(self) -> list[tuple[str, int, float]]:
        """The namespaces with changes that wait: how many, and since when the oldest does."""
        return [(turn.namespace, len(turn), turn.since) for turn in self._backlog.turns()]

    def overdue(self, patience: float = PATIENCE) -> frozenset[str]:
        """The namespaces whose pods must be closed, since what their policies say now is known in part only.

        Either some of their changes are taken in, and others have to wait, or a policy has waited for too long.
        """
        latest = self._clock() - patience
        return frozenset(
            turn.namespace
            for turn in self._backlog.turns()
            if turn.is_partly_taken_in
            or (turn.since <= latest and self._spending.is_used_up(turn.namespace) and turn.has_policies)
        )

    def has_taken_in(self, namespace: str, until: float) -> bool:
        """Whether everything of a namespace (empty: what is in none) that had arrived by then is taken in."""
        since = self._backlog.waiting_since(namespace)
        return since is None or since > until

    # --- arrivals -----------------------------------------------------------------------------------------------------

    def add(self, event: Event, arrived: float) -> bool:
        """Add what an event says to the changes that wait; whether something was taken in at once."""
        match event:
            case Page(objects=objects):
                for obj in objects:
                    # When a watch cannot go on, everything is listed again. What has not changed costs its namespace
                    # nothing then: one with thousands of policies would be closed until all of them are taken in.
                    if self._backlog.has(name_of(obj)) or not self._view.is_known(obj):
                        self._backlog.add(Upserted(obj), arrived)
            case Listed(kind=kind, names=names):
                self._backlog.keep_only(kind, names)
                for removal in self._view.note_list(kind, names):
                    self._add_change(removal, arrived)
                return True
            case Upserted() | Removed() | Unreadable():
                return self._add_change(event, arrived)
        return False

    def _add_change(self, change: Change, arrived: float) -> bool:
        if isinstance(change, Removed) and change.kind not in POLICY_KINDS:
            self._backlog.discard(name_of_change(change))
            for policy in self._view.woken_by(change):
                self._view.prepare(Upserted(policy))()
            self._view.prepare(change)()
            return True
        self._backlog.add(change, arrived)
        return False

    # --- turns --------------------------------------------------------------------------------------------------------

    @property
    def has_turn(self) -> bool:
        """Whether a namespace can be given a turn now."""
        return self._backlog.next() is not None

    def serve(self, waiting: Set[str] = frozenset()) -> float | None:
        """Give a turn to the namespace that has used the least time, those that are `waiting` excepted.

        They are not given any before `resume` is called: what is built for them would be in vain.

        Returns when the oldest of its changes had arrived, once all of them are taken in; else None.
        """
        while (turn := self._backlog.next()) is not None and turn.namespace in waiting:
            self._backlog.suspend(turn)
        if turn is None:
            return None
        began = self._clock()
        if not self._prepare(turn, began) or not self._take_in(turn, began):
            return None
        self._backlog.end(turn)
        return turn.since

    def resume(self) -> None:
        """Give turns to all namespaces again."""
        self._backlog.resume()

    def _prepare(self, turn: Turn, began: float) -> bool:
        """Prepare the changes of a turn; whether all are."""
        while turn:
            work = self._spending.work()
            if not turn.preparing and not self._begin_to_prepare(turn, began):
                break
            self._go_on_preparing(turn, began)
            self._spending.charge(turn.namespace, work)
            if self._is_over(turn, began):
                return False
        return True

    def _begin_to_prepare(self, turn: Turn, began: float) -> bool:
        """Begin with the change that waits longest; whether there is one."""
        change = turn.pop()
        if change is None:
            return False
        for policy in self._view.woken_by(change):
            self._add_woken(policy, turn, began)
        turn.preparing[name_of_change(change)] = self._view.prepare_in_steps(change)
        return True

    def _go_on_preparing(self, turn: Turn, began: float) -> None:
        [(key, steps)] = turn.preparing.items()
        try:
            next(steps)
        except StopIteration as end:
            del turn.preparing[key]
            turn.prepared[key] = end.value
            for policy in self._view.fitting(turn.namespace):
                self._backlog.add_older(Upserted(policy), began)

    def _add_woken(self, policy: Undecoded, turn: Turn, began: float) -> None:
        """Have a policy taken in before the change that has woken it.

        One of the whole cluster that a pod has woken is taken in at once, for it belongs to no turn of a namespace: no
        change of it waits, since those of the cluster come before all others.
        """
        if policy.namespace == turn.namespace:
            turn.add_older(Upserted(policy), began)
        else:
            self._view.prepare(Upserted(policy))()

    def _take_in(self, turn: Turn, began: float) -> bool:
        """Take in what is prepared, policies before the pods that they select; whether all is taken in."""
        until, latest = began + SHORT_TURN, self._clock() + LONGEST_TAKING_IN
        for key in sorted(turn.prepared, key=lambda name: name[0] not in POLICY_KINDS):
            work = self._spending.work()
            turn.prepared.pop(key)()
            turn.is_partly_taken_in = key[0] in POLICY_KINDS and bool(turn)
            self._spending.charge(turn.namespace, work)
            if turn and self._clock() >= until and self._spending.is_used_up(turn.namespace):
                until = self._clock() + SHORT_TURN
                if until > latest or self.has_others_before(turn.namespace):
                    return False
        return True

    def _is_over(self, turn: Turn, began: float) -> bool:
        """Whether a turn has taken so long that others come first."""
        return self._clock() - began >= SHORT_TURN and self._spending.is_used_up(turn.namespace)
