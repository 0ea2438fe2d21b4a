"""The intake: from events to the view, by turns of namespaces.

Changes wait for the turn of their namespace (`backlog`). In a turn they are prepared one by one, and then taken in
together. A namespace that has used its share of the time (`shares`) gets short turns, and all others come first.

A pod that is gone goes at once: a pod of another namespace may have its address already, and must not share it for as
long as the first namespace waits.
"""

from collections.abc import Callable
from typing import Final

from ringfence.agent.backlog import Backlog, Turn
from ringfence.agent.shares import Shares
from ringfence.agent.view import FOLLOWED, Change, View, name_of_change
from ringfence.sources.cluster import Event, Listed, Page, Removed, Unreadable, Upserted

SHORT_TURN: Final = 0.02
"""Seconds after which a turn of a namespace that has used its share ends; a change that is begun is prepared first."""

_POLICIES: Final = frozenset(resource.kind for resource in FOLLOWED if resource.row.is_policy)


class Intake:
    """Takes changes into the view. `clock` returns monotonic seconds."""

    def __init__(self, view: View, clock: Callable[[], float]) -> None:
        self._view = view
        self._clock = clock
        self._shares = Shares()
        self._backlog = Backlog(self._shares)
        self._spent: dict[str, float] = {}
        """The seconds that were spent on each namespace since the last round."""

    def __bool__(self) -> bool:
        """Whether changes wait."""
        return bool(self._backlog)

    @property
    def is_urgent(self) -> bool:
        """Whether changes wait of a namespace that has not used its share."""
        turn = self._backlog.next()
        return turn is not None and not self._shares.is_used_up(turn.namespace, self._clock())

    # --- arrivals -----------------------------------------------------------------------------------------------------

    def add(self, event: Event, arrived: float) -> bool:
        """Add what an event says to the changes that wait; whether something was taken in at once."""
        match event:
            case Page(objects=objects):
                for obj in objects:
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
        if isinstance(change, Removed) and change.kind not in _POLICIES:
            self._backlog.discard(name_of_change(change))
            self._view.prepare(change)()
            return True
        self._backlog.add(change, arrived)
        return False

    # --- turns --------------------------------------------------------------------------------------------------------

    def serve(self) -> float | None:
        """Give a turn to the namespace that has used the least time.

        Returns when the oldest of the changes that were taken in had arrived; None if none was.
        """
        turn = self._backlog.next()
        if turn is None:
            return None
        ends = self._clock() + SHORT_TURN
        while (change := turn.pop()) is not None:
            began = self._clock()
            for policy in self._view.woken_by(change):
                turn.add_older(Upserted(policy))
            turn.prepared[name_of_change(change)] = self._view.prepare(change)
            now = self._charge(turn.namespace, began)
            if now >= ends and self._shares.is_used_up(turn.namespace, now):
                return None
        return self._take_in(turn)

    def _take_in(self, turn: Turn) -> float:
        """Take in all that is prepared: policies before the pods that they select."""
        began = self._clock()
        since = turn.since
        for key in sorted(turn.prepared, key=lambda name: name[0] not in _POLICIES):
            turn.prepared.pop(key)()
        self._backlog.end(turn)
        self._charge(turn.namespace, began)
        return since

    def _charge(self, namespace: str, began: float) -> float:
        now = self._clock()
        self._shares.charge(namespace, now - began, now)
        self._spent[namespace] = self._spent.get(namespace, 0.0) + now - began
        return now

    def charge_round(self, seconds: float) -> None:
        """Charge the time of a round to the namespaces of which changes were taken in since the last one.

        What compiling and programming cost is in proportion to what taking in has cost.
        """
        spent, self._spent = self._spent, {}
        whole = sum(spent.values())
        now = self._clock()
        for namespace, part in spent.items():
            self._shares.charge(namespace, seconds * part / whole if whole else 0.0, now)
