"""When everything in a list was delivered by a watch."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sources.cluster.delivered import ALL, Delivered, Name, Snapshot
from ringfence.sources.cluster.events import CaughtUp, Event
from ringfence.sources.cluster.watch_events import ObjectKey

NOW = 100.0


class Followed:
    """A watch that delivers, and the check of how far it has come."""

    def __init__(self, *listed: ObjectKey, version: str = "10") -> None:
        self.events: list[Event] = []
        self.delivered = Delivered("NetworkPolicy", self.events.append)
        self.delivered.record_list(version, listed, 0.0)
        self.events.clear()

    def expect(self, version: str, *keys: ObjectKey, namespace: str = "x", asked: float = NOW) -> None:
        """Expect a list of this version, which was asked for just now."""
        objects = {(key.namespace, key.name): key.version for key in keys}
        self.delivered.expect(Snapshot(namespace, asked, self.delivered.latest, version, objects))

    def caught_up(self) -> list[tuple[str, float]]:
        """The namespaces of which everything is known, and what was asked when; since this was last called."""
        found = [(event.namespace, event.asked) for event in self.events if isinstance(event, CaughtUp)]
        assert len(found) == len(self.events)
        self.events.clear()
        return found


def a(name: str, version: str, namespace: str = "x") -> ObjectKey:
    return ObjectKey(namespace, name, version)


class TestASnapshotIsReached:
    def test_at_once_if_the_same_versions_were_delivered(self) -> None:
        """Other kinds have changed since: the version of the list is a later one."""
        followed = Followed(a("p", "5"), a("q", "7"), a("p", "6", "y"))
        followed.expect("99", a("p", "5"), a("q", "7"))
        assert followed.caught_up() == [("x", NOW)]

    def test_after_the_event_that_was_missing(self) -> None:
        followed = Followed(a("p", "5"))
        followed.expect("99", a("p", "50"), a("new", "51"))
        assert followed.caught_up() == []
        assert followed.delivered.expected_since == NOW
        followed.delivered.record(a("p", "50"), exists=True)
        assert followed.caught_up() == []
        followed.delivered.record(a("new", "51"), exists=True)
        assert followed.caught_up() == [("x", NOW)]
        assert followed.delivered.expected_since is None

    def test_only_when_no_object_differs_any_more(self) -> None:
        """An object that was as in the list, and has changed since, is waited for again."""
        followed = Followed(a("p", "a1"), a("q", "a1"), version="a5")
        followed.expect("a9", a("p", "a1"), a("q", "a8"))
        followed.delivered.record(a("p", "a7"), exists=True)
        followed.delivered.record(a("q", "a8"), exists=True)
        assert followed.caught_up() == []
        followed.delivered.record(a("p", "a1"), exists=True)
        assert followed.caught_up() == [("x", NOW)]

    def test_after_a_deletion_that_was_missing(self) -> None:
        followed = Followed(a("p", "5"), a("gone", "6"))
        followed.expect("99", a("p", "5"))
        assert followed.caught_up() == []
        followed.delivered.record(a("gone", "60"), exists=False)
        assert followed.caught_up() == [("x", NOW)]

    def test_after_any_event_that_is_as_new(self) -> None:
        """An object that is rewritten without pause never has the version of the list."""
        followed = Followed(a("p", "5"))
        followed.expect("99", a("p", "98"))
        followed.delivered.record(a("other", "97", "y"), exists=True)
        assert followed.caught_up() == []
        followed.delivered.record(a("p", "99"), exists=True)
        assert followed.caught_up() == [("x", NOW)]

    def test_after_a_bookmark_that_is_as_new(self) -> None:
        followed = Followed(a("p", "5"))
        followed.expect("99", a("p", "50"))
        followed.delivered.advance("98")
        assert followed.caught_up() == []
        followed.delivered.advance("99")
        assert followed.caught_up() == [("x", NOW)]

    def test_if_the_watch_is_ahead_of_the_list(self) -> None:
        followed = Followed(a("p", "5"))
        before = followed.delivered.latest
        followed.delivered.record(a("p", "100"), exists=True)
        followed.delivered.expect(Snapshot("x", NOW, before, "99", {("x", "p"): "98"}))
        assert followed.caught_up() == [("x", NOW)]

    def test_of_all_namespaces_only_if_all_agree(self) -> None:
        followed = Followed(a("p", "5"), a("q", "6", "y"))
        followed.expect("99", a("p", "5"), a("q", "60", "y"), namespace=ALL)
        assert followed.caught_up() == []
        followed.delivered.record(a("q", "60", "y"), exists=True)
        assert followed.caught_up() == [(ALL, NOW)]

    def test_whatever_happens_in_other_namespaces(self) -> None:
        followed = Followed(a("p", "5"))
        followed.expect("99", a("p", "50"))
        followed.delivered.record(a("new", "49", "y"), exists=True)
        followed.delivered.record(a("p", "50"), exists=True)
        assert followed.caught_up() == [("x", NOW)]

    def test_by_versions_that_are_no_numbers_only_if_they_are_equal(self) -> None:
        followed = Followed(a("p", "a1"), version="a5")
        followed.expect("a9", a("p", "a8"))
        followed.delivered.record(a("q", "a99", "y"), exists=True)
        assert followed.caught_up() == []
        followed.delivered.record(a("p", "a8"), exists=True)
        assert followed.caught_up() == [("x", NOW)]


class TestALaterList:
    def test_shows_what_was_stored_before_it_was_asked_for(self) -> None:
        followed = Followed()
        followed.delivered.record_list("20", [a("p", "15")], 50.0)
        assert followed.caught_up() == [(ALL, 50.0)]

    def test_leaves_nothing_to_expect_of_the_time_before_it(self) -> None:
        followed = Followed()
        followed.expect("99", a("p", "50"))
        followed.delivered.record_list("100", [a("p", "100")], NOW + 1)
        assert followed.caught_up() == [(ALL, NOW + 1)]
        assert followed.delivered.expected_since is None

    def test_is_compared_with_what_is_expected_of_a_later_time(self) -> None:
        followed = Followed()
        followed.expect("98", a("p", "50"))
        followed.expect("97", a("q", "96", "y"), namespace="y")
        followed.delivered.record_list("60", [a("p", "50")], NOW - 1)
        assert followed.caught_up() == [(ALL, NOW - 1), ("x", NOW)]
        assert followed.delivered.expected_since == NOW


class TestDataRestoredFromABackup:
    """The versions of the server begin again where the backup ends: greater ones are not newer."""

    def test_a_snapshot_that_is_older_than_what_was_delivered_before_is_not_reached_by_its_version(self) -> None:
        followed = Followed(a("p", "5"), version="1000")
        followed.expect("20", a("p", "5"), a("new", "19"))
        followed.delivered.advance("1001")
        assert followed.caught_up() == []
        followed.delivered.record_list("21", [a("p", "5"), a("new", "19")], NOW + 1)
        assert followed.caught_up() == [(ALL, NOW + 1)]

    def test_it_is_reached_if_nothing_differs(self) -> None:
        followed = Followed(a("p", "5"), version="1000")
        followed.expect("20", a("p", "5"))
        assert followed.caught_up() == [("x", NOW)]


class TestSeveralSnapshots:
    def test_a_later_one_that_is_reached_stands_for_those_before(self) -> None:
        followed = Followed()
        followed.expect("98", a("p", "50"))
        followed.expect("99", namespace=ALL, asked=NOW + 1)
        assert followed.caught_up() == [(ALL, NOW + 1)]
        assert followed.delivered.expected_since is None

    def test_one_of_another_namespace_does_not(self) -> None:
        followed = Followed()
        followed.expect("98", a("p", "50"))
        followed.expect("99", namespace="y", asked=NOW + 1)
        assert followed.caught_up() == [("y", NOW + 1)]
        assert followed.delivered.expected_since == NOW


# --- as a property ----------------------------------------------------------------------------------------------------

changes = st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("pqr"), st.booleans()), max_size=12)


@given(changes, st.integers(0, 12), st.integers(0, 12), st.sampled_from([ALL, "x", "y"]))
def test_it_is_known_exactly_when_all_before_the_list_was_delivered(
    written: list[tuple[str, str, bool]], ahead: int, listed: int, namespace: str
) -> None:
    """A server's history is delivered event by event; a list is read of the server as it is after some of them."""
    versions = [str(number) for number in range(1, len(written) + 1)]
    listed, ahead = min(listed, len(written)), min(ahead, len(written))
    history: list[dict[Name, str]] = [{}]
    for (space, name, exists), version in zip(written, versions, strict=True):
        now = dict(history[-1])
        now.pop((space, name), None)
        if exists:
            now[space, name] = version
        history.append(now)
    followed = Followed(version="0")
    known_at = None
    for step in range(len(written) + 1):
        if step == ahead:
            objects = {name: one for name, one in history[listed].items() if namespace in (ALL, name[0])}
            # The watch may be ahead of the list only by what was delivered after the list was asked for.
            before = str(min(step, listed))
            followed.delivered.expect(Snapshot(namespace, NOW, before, str(listed), objects))
        if followed.caught_up():
            known_at = step
        if step < len(written):
            space, name, exists = written[step]
            followed.delivered.record(a(name, versions[step], space), exists=exists)
    if followed.caught_up():
        known_at = len(written)
    assert known_at == first_step(history, listed, ahead, namespace)


def first_step(history: list[dict[Name, str]], listed: int, ahead: int, namespace: str) -> int | None:
    """The first step at which everything in the list was delivered, or nothing of it differs."""
    for step in range(ahead, len(history)):
        if step >= listed or in_space(history[step], namespace) == in_space(history[listed], namespace):
            return step
    return None


def in_space(objects: dict[Name, str], namespace: str) -> dict[str, dict[Name, str]]:
    found: defaultdict[str, dict[Name, str]] = defaultdict(dict)
    for name, version in objects.items():
        if namespace in (ALL, name[0]):
            found[name[0]][name] = version
    return dict(found)
