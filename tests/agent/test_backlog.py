"""The backlog: which changes wait, and whose turn is next."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.agent.events import removed, upserted
from tests.semantics.objects import labelled, namespace, policy

from ringfence.agent.backlog import Backlog
from ringfence.agent.shares import Shares
from ringfence.agent.view import Change, name_of_change
from ringfence.sources.cluster.events import Unreadable


def version(path: str, number: int) -> Change:
    """One of several versions of a policy."""
    return upserted(policy(path, labelled(version=f"v{number}"), ingress=[]))


def drained(backlog: Backlog) -> list[Change]:
    found = []
    while turn := backlog.next():
        while change := turn.pop():
            found.append(change)
        backlog.end(turn)
    return found


def test_the_newest_version_of_an_object_waits_at_the_place_of_its_oldest() -> None:
    backlog = Backlog(Shares())
    for change in (version("x/p", 1), version("x/q", 1), version("x/p", 2), version("x/p", 3)):
        backlog.add(change, arrived=1)
    assert drained(backlog) == [version("x/p", 3), version("x/q", 1)]
    assert not backlog


def test_a_removal_replaces_the_version_that_waits() -> None:
    backlog = Backlog(Shares())
    gone = removed(policy("x/p", ingress=[]))
    backlog.add(version("x/p", 1), arrived=1)
    backlog.add(gone, arrived=2)
    assert drained(backlog) == [gone]


def test_a_newer_version_replaces_one_that_is_prepared() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 1), arrived=1)
    turn = backlog.next()
    assert turn
    change = turn.pop()
    assert change
    turn.prepared[name_of_change(change)] = lambda: None
    backlog.add(version("x/p", 2), arrived=2)
    assert not turn.prepared
    assert drained(backlog) == [version("x/p", 2)]


def test_a_suspended_turn_waits_behind_all_others_until_it_is_resumed() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 1), arrived=1)
    backlog.add(version("y/p", 1), arrived=2)
    turn = backlog.next()
    assert turn
    backlog.suspend(turn)
    backlog.add(version("x/q", 1), arrived=3)
    assert drained(backlog) == [version("y/p", 1)]
    assert backlog.next() is None
    assert backlog.waiting_since("x") == 1, "it still waits"
    backlog.resume()
    assert drained(backlog) == [version("x/p", 1), version("x/q", 1)]


def test_a_suspended_turn_without_changes_left_is_not_resumed() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 1), arrived=1)
    turn = backlog.next()
    assert turn
    backlog.suspend(turn)
    backlog.discard(("NetworkPolicy", "x", "p"))
    backlog.resume()
    assert backlog.next() is None


def test_a_policy_that_is_woken_does_not_replace_a_newer_version() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 2), arrived=1)
    turn = backlog.next()
    assert turn
    turn.add_older(version("x/p", 1), 0.0)
    turn.add_older(version("x/q", 1), 0.0)
    assert drained(backlog) == [version("x/p", 2), version("x/q", 1)]


def test_a_policy_is_woken_in_the_turn_of_its_namespace() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 2), arrived=2)
    for change in (version("x/p", 1), version("x/q", 1)):
        backlog.add_older(change, arrived=1)
    assert [turn.namespace for turn in backlog.turns()] == ["x"]
    assert drained(backlog) == [version("x/p", 2), version("x/q", 1)]


def test_a_turn_counts_from_its_oldest_change() -> None:
    backlog = Backlog(Shares())
    backlog.add(version("x/p", 1), arrived=5)
    backlog.add(version("x/p", 2), arrived=7)
    backlog.add(version("x/q", 2), arrived=6)
    [turn] = backlog.turns()
    assert turn.since == 5
    assert len(turn) == len(backlog) == 2


def test_the_namespace_that_used_less_time_is_first_and_among_equals_the_one_that_waits_longer() -> None:
    shares = Shares()
    backlog = Backlog(shares)
    shares.charge("heavy", 3.0, now=1)
    shares.charge("light", 0.1, now=1)
    for owner in ("heavy", "light", "new", "newer"):
        backlog.add(version(f"{owner}/p", 1), arrived=1)
    backlog.add(upserted(namespace("x")), arrived=2)
    assert [name_of_change(change)[1] for change in drained(backlog)] == ["", "new", "newer", "light", "heavy"]


def test_a_namespace_that_is_charged_while_it_waits_falls_behind() -> None:
    shares = Shares()
    backlog = Backlog(shares)
    for owner in ("a", "b"):
        backlog.add(version(f"{owner}/p", 1), arrived=1)
    shares.charge("a", 1.0, now=1)
    assert [name_of_change(change)[1] for change in drained(backlog)] == ["b", "a"]


def test_when_used_time_is_forgotten_those_that_wait_have_used_none() -> None:
    shares = Shares()
    backlog = Backlog(shares)
    shares.charge("a", 1.0, now=1)
    for owner in ("a", "b"):
        backlog.add(version(f"{owner}/p", 1), arrived=1)
    shares.forget()
    assert [name_of_change(change)[1] for change in drained(backlog)] == ["a", "b"]


def test_an_object_that_a_complete_list_lacks_no_longer_waits() -> None:
    backlog = Backlog(Shares())
    for path in ("x/p", "x/q", "y/p"):
        backlog.add(version(path, 1), arrived=1)
    backlog.add(Unreadable("Pod", "x", "p", "why not"), arrived=1)
    backlog.keep_only("NetworkPolicy", {("x", "p")})
    assert [name_of_change(change) for change in drained(backlog)] == [("NetworkPolicy", "x", "p"), ("Pod", "x", "p")]


class Waits(RuleBasedStateMachine):
    """No change is lost, the last version is taken in, and a namespace never waits for one that has used more time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.shares = Shares()
        self.backlog = Backlog(self.shares)
        self.latest: dict[tuple[str, str], Change] = {}
        self.number = 0

    @rule(owner=st.sampled_from("abc"), name=st.sampled_from("pq"))
    def change(self, owner: str, name: str) -> None:
        self.number += 1
        change = version(f"{owner}/{name}", self.number)
        self.backlog.add(change, self.now)
        self.latest[owner, name] = change

    @rule(owner=st.sampled_from("abc"), name=st.sampled_from("pq"))
    def remove(self, owner: str, name: str) -> None:
        change = removed(policy(f"{owner}/{name}", ingress=[]))
        self.backlog.add(change, self.now)
        self.latest[owner, name] = change

    @rule(seconds=st.floats(0.001, 2))
    def serve_one_change(self, seconds: float) -> None:
        turn = self.backlog.next()
        assert bool(turn) is bool(self.latest)
        if turn:
            used = {owner: self.shares.used(owner, self.now) for owner, _ in self.latest}
            assert used[turn.namespace] == min(used.values())
            change = turn.pop()
            assert change
            assert self.latest.pop((turn.namespace, name_of_change(change)[2])) is change
            self.backlog.end(turn)
            self.now += seconds
            self.shares.charge(turn.namespace, seconds, self.now)

    @rule()
    def forget(self) -> None:
        self.shares.forget()

    @rule(seconds=st.floats(0, 3))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def as_many_wait_as_there_are(self) -> None:
        assert len(self.backlog) == len(self.latest)
        assert len(self.backlog._order) <= 3, "each namespace is in the order once"


TestWaits = Waits.TestCase
TestWaits.settings = settings(stateful_step_count=30)
