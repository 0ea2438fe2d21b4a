"""The intake: it applies changes to the view; namespaces take turns.

Changes wait for the turn of their namespace (`backlog`). In a turn they are prepared one by one, and then applied
together. A namespace that has used its share of the time (`shares`) gets short turns, after all other namespaces.

The removal of a pod is applied immediately. A pod of another namespace may have its address already, and the two must
not share it while the first namespace waits for its turn.
"""

from collections.abc import Callable, Set
from typing import Final

from ringfence.agent.backlog import Backlog, Turn
from ringfence.agent.shares import CLUSTER
from ringfence.agent.time_account import TimeAccount
from ringfence.agent.view import POLICY_KINDS, Change, View, name_of, name_of_change
from ringfence.sources.cluster import Event, Listed, Page, Removed, Undecoded, Unreadable, Upserted

LONGEST_APPLYING: Final = 1.0
"""Seconds for which prepared changes are applied without a pause while no other namespace waits.

A turn that stops in between closes the pods of its namespace.
"""

SHORT_TURN: Final = 0.02
"""Seconds after which the turn of a namespace that has used its share ends, once the present step is done."""

PATIENCE: Final = 1.0
"""Seconds for which the pods of a namespace keep their rules while a change of its policies waits behind others."""


class Intake:
    """Applies changes to the view, and charges the time that this takes to their namespaces."""

    def __init__(
        self, view: View, account: TimeAccount, first_arrived: Callable[[], str | None] = lambda: None
    ) -> None:
        """`first_arrived` returns the namespace that has used the least time of those with changes not yet added."""
        self._first_arrived = first_arrived
        self._view = view
        self._account = account
        self._clock = account.clock
        self._backlog = Backlog(account.shares)
        self._was_interrupted = False
        """Whether the last turn was one for objects without a namespace, and ended before all was prepared."""

    def __bool__(self) -> bool:
        """Whether changes wait."""
        return bool(self._backlog)

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def is_urgent(self) -> bool:
        """Whether changes of a namespace that has not used its share wait."""
        turn = self._backlog.next()
        return turn is not None and not self._account.is_used_up(turn.namespace)

    def has_others_before(self, namespace: str) -> bool:
        """Whether changes of a namespace that has used less time than this one wait or have arrived."""
        turn = self._backlog.next()
        if turn is not None and self._account.has_used_less(turn.namespace, namespace):
            return True
        arrived = self._first_arrived()
        return arrived is not None and self._account.has_used_less(arrived, namespace)

    def waiting_since(self) -> float | None:
        """When the oldest waiting change arrived, without those of namespaces that have used their share."""
        for turn in self._backlog.turns():
            if not self._account.is_used_up(turn.namespace):
                return turn.since
        return None

    def has_waiting(self, until: float) -> bool:
        """Whether a change of any namespace that arrived at `until` or before waits."""
        return any(turn.since <= until for turn in self._backlog.turns())

    def waiting(self) -> list[tuple[str, int, float]]:
        """Each namespace with waiting changes, their number, and when the oldest of them arrived."""
        return [(turn.namespace, len(turn), turn.since) for turn in self._backlog.turns()]

    def overdue(self, patience: float = PATIENCE) -> frozenset[str]:
        """The namespaces whose pods must be closed because only a part of their present policies is applied.

        Either some of their changes are applied and others still wait, or a policy has waited longer than `patience`.
        """
        latest = self._clock() - patience
        return frozenset(
            turn.namespace
            for turn in self._backlog.turns()
            if turn.is_partly_applied
            or (turn.since <= latest and self._account.is_used_up(turn.namespace) and turn.has_policies)
        )

    def has_applied(self, namespace: str, until: float) -> bool:
        """Whether all changes of a namespace (empty: of objects without one) that arrived until then are applied."""
        since = self._backlog.waiting_since(namespace)
        return since is None or since > until

    # --- arrivals -----------------------------------------------------------------------------------------------------

    def add(self, event: Event, arrived: float) -> bool:
        """Add the changes of an event to those that wait. Returns whether a change was applied immediately."""
        match event:
            case Page(objects=objects):
                for obj in objects:
                    # When a watch cannot be resumed, everything is listed again. Objects that have not changed are not
                    # applied again: a namespace with thousands of policies would be closed until all of them are.
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
            # A version that still waits would bring the object back.
            self._backlog.discard(name_of_change(change))
            for policy in self._view.activated_by(change):
                self._apply_activated(policy)
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
        """Give a turn to the namespace that has used the least time and is not `waiting`.

        Namespaces that are `waiting` get no turn before `resume` is called: the rules that are being computed for them
        would be outdated before they are used.

        Returns when the oldest of the namespace's changes arrived if all of them are applied now, else None.
        """
        while (turn := self._backlog.next()) is not None and turn.namespace in waiting:
            self._backlog.suspend(turn)
        if turn is None:
            return None
        turn = self._giving_way(turn, waiting)
        began = self._clock()
        if not self._prepare(turn, began) or not self._apply_prepared(turn, began):
            return None
        self._backlog.end(turn)
        return turn.since

    def _giving_way(self, turn: Turn, waiting: Set[str]) -> Turn:
        """The turn to be served: after a turn for objects without a namespace that was interrupted, another one.

        Such objects come before all others. But while a large cluster policy is prepared, which takes longer than a
        turn, each of its turns is followed by one of a namespace that has not used its share.
        """
        is_given_way, self._was_interrupted = self._was_interrupted, False
        other = self._backlog.after(turn) if is_given_way and turn.namespace == CLUSTER else None
        if other is None or other.namespace in waiting or self._account.is_used_up(other.namespace):
            return turn
        return other

    def resume(self) -> None:
        """Let all namespaces have turns again."""
        self._backlog.resume()

    def _prepare(self, turn: Turn, began: float) -> bool:
        """Prepare the changes of a turn. Returns whether all are prepared."""
        while turn:
            work = self._account.work()
            if not turn.preparing and not self._begin_to_prepare(turn, began):
                break
            self._continue_preparing(turn, began)
            self._account.charge(turn.namespace, work)
            if self._is_over(turn, began):
                self._was_interrupted = turn.namespace == CLUSTER
                return False
        return True

    def _begin_to_prepare(self, turn: Turn, began: float) -> bool:
        """Begin with the change that has waited longest. Returns whether there is one."""
        change = turn.pop()
        if change is None:
            return False
        for policy in self._view.activated_by(change):
            self._add_activated(policy, turn, began)
        turn.preparing[name_of_change(change)] = self._view.prepare_in_steps(change)
        return True

    def _continue_preparing(self, turn: Turn, began: float) -> None:
        [(key, steps)] = turn.preparing.items()
        try:
            next(steps)
        except StopIteration as end:
            del turn.preparing[key]
            turn.prepared[key] = end.value
            for policy in self._view.fitting(turn.namespace):
                self._backlog.add_older(Upserted(policy), began)

    def _add_activated(self, policy: Undecoded, turn: Turn, began: float) -> None:
        """Have a policy applied before the change that has activated it.

        A cluster policy that a pod has activated is applied immediately, because it belongs to no turn of a namespace.
        """
        if policy.namespace == turn.namespace:
            turn.add_older(Upserted(policy), began)
        else:
            self._apply_activated(policy)

    def _apply_activated(self, policy: Undecoded) -> None:
        """Apply an activated policy immediately. A newer version that waits is applied after it.

        A prepared change of it is dropped: it would keep this version of the policy as text.
        """
        self._backlog.drop_prepared(name_of(policy))
        self._view.prepare(Upserted(policy))()

    def _apply_prepared(self, turn: Turn, began: float) -> bool:
        """Apply the prepared changes, policies before the pods that they select. Returns whether all are applied."""
        until, latest = began + SHORT_TURN, self._clock() + LONGEST_APPLYING
        for key in sorted(turn.prepared, key=lambda name: name[0] not in POLICY_KINDS):
            work = self._account.work()
            turn.prepared.pop(key)()
            # All policies come before other changes, so these never leave a mixture of old and new policies.
            turn.is_partly_applied = key[0] in POLICY_KINDS and bool(turn)
            self._account.charge(turn.namespace, work)
            if turn and self._clock() >= until and self._account.is_used_up(turn.namespace):
                until = self._clock() + SHORT_TURN
                if until > latest or self.has_others_before(turn.namespace):
                    return False
        return True

    def _is_over(self, turn: Turn, began: float) -> bool:
        """Whether a turn has to end: of a namespace that has used its share, or amid a cluster policy."""
        if self._clock() - began < SHORT_TURN:
            return False
        return bool(turn.preparing) if turn.namespace == CLUSTER else self._account.is_used_up(turn.namespace)
