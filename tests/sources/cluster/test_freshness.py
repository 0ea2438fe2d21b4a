"""Checks whether watches have caught up, and how those that have not are restarted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.waiting import PATIENCE

from ringfence.sources.cluster import freshness
from ringfence.sources.cluster.delivered import ALL, Delivered
from ringfence.sources.cluster.events import Alive, CaughtUp, Unchecked, Upserted, WatchFailed, WatchInterrupted
from ringfence.sources.cluster.freshness import FreshnessChecks
from ringfence.sources.cluster.listing import RESOURCES
from ringfence.sources.cluster.watch_events import ObjectKey
from ringfence.sources.cluster.watching import Watch

from .fake_api_server import (
    Answer,
    FakeApiServer,
    Object,
    connections_to,
    event,
    list_of,
    refuse,
    serving,
    watch,
)
from .following import Followed

POLICIES, NAMESPACES = "NetworkPolicy", "Namespace"


class Checked:
    """Watches that are checked; they follow nothing unless a test makes them."""

    def __init__(self, server: FakeApiServer, folder: Path, kinds: tuple[str, ...]) -> None:
        self.server = server
        self.followed = Followed()
        api_server = connections_to(server.url, folder)
        self.watches = {
            one.kind: Watch(
                one, api_server, self.followed.deliver, delivered=Delivered(one.kind, self.followed.deliver)
            )
            for one in RESOURCES
            if one.kind in kinds
        }
        self.checks = FreshnessChecks(list(self.watches.values()), api_server, self.followed.deliver)
        self.close = api_server.close

    def delivered(self, kind: str = POLICIES) -> Delivered:
        found = self.watches[kind].delivered
        assert found
        return found

    def caught_up(self, count: int = 1) -> set[tuple[str, str]]:
        """The kinds and the namespaces of which all is known next."""
        return {(one.kind, one.namespace) for one in (self.followed.until(CaughtUp) for _ in range(count))}

    def paths(self) -> list[str]:
        return [asked.path.removeprefix("/apis/networking.k8s.io/v1") for asked in self.server.asked]


@contextmanager
def checking(folder: Path, *answers: Answer, kinds: tuple[str, ...] = (POLICIES,)) -> Iterator[Checked]:
    stopped = threading.Event()
    with serving(*answers) as server:
        checked = Checked(server, folder, kinds)
        threading.Thread(target=checked.checks.run, args=(stopped,), daemon=True).start()
        try:
            yield checked
        finally:
            stopped.set()
            checked.checks.request()
            checked.close()


def a_policy(name: str, version: str, namespace: str = "shop") -> Object:
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}}


def test_it_lists_the_metadata_of_one_namespace_and_of_what_has_none(tmp_path: Path) -> None:
    answers = list_of({"metadata": {"name": "shop", "resourceVersion": "1"}}), list_of(a_policy("p", "5"), version="99")
    with checking(tmp_path, *answers, kinds=(NAMESPACES, POLICIES)) as checked:
        checked.delivered().record(ObjectKey("shop", "p", "5"), exists=True)
        checked.delivered(NAMESPACES).record(ObjectKey("", "shop", "1"), exists=True)
        checked.checks.request("shop")
        assert checked.caught_up(2) == {(POLICIES, "shop"), (NAMESPACES, ALL)}
    assert set(checked.paths()) == {"/api/v1/namespaces", "/namespaces/shop/networkpolicies"}
    for asked in checked.server.asked:
        assert asked.headers["Accept"].startswith("application/json;as=PartialObjectMetadataList")
        assert asked.query == {"limit": "50"}, "without a resourceVersion the answer has everything that is stored"


def test_all_namespaces_are_listed_at_once(tmp_path: Path) -> None:
    with checking(tmp_path, list_of()) as checked:
        checked.checks.request()
        assert checked.caught_up() == {(POLICIES, ALL)}
    assert checked.paths() == ["/networkpolicies"]


def test_what_it_was_asked_for_is_known_when_the_watch_delivers_it(tmp_path: Path) -> None:
    with checking(tmp_path, list_of(a_policy("p", "5")), list_of()) as checked:
        checked.checks.request("shop")
        checked.checks.request("other")
        assert checked.caught_up() == {(POLICIES, "other")}
        checked.delivered().record(ObjectKey("shop", "p", "5"), exists=True)
        assert checked.caught_up() == {(POLICIES, "shop")}


def test_a_server_that_refuses_is_reported_and_asked_again(tmp_path: Path) -> None:
    with checking(tmp_path, refuse(503, "busy"), list_of()) as checked:
        checked.checks.request("shop")
        unchecked = checked.followed.until(Unchecked)
        assert (unchecked.kind, unchecked.reason) == (POLICIES, f"{checked.server.url}: busy")
        assert 0 < unchecked.retry_in <= 0.1
        assert checked.caught_up() == {(POLICIES, "shop")}


def test_a_list_that_cannot_go_on_begins_anew(tmp_path: Path) -> None:
    """Its pages come from a version that the server forgets after some minutes."""
    answers = list_of(a_policy("p", "5"), more="there"), refuse(410, "too old"), list_of()
    with checking(tmp_path, *answers) as checked:
        checked.checks.request("shop")
        assert checked.caught_up() == {(POLICIES, "shop")}
    assert [asked.query.get("continue") for asked in checked.server.asked] == [None, "there", None]


def test_a_defect_is_reported_and_stops_no_later_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object) -> None:
        raise KeyError("a defect")

    with checking(tmp_path, list_of()) as checked:
        with monkeypatch.context() as patch:
            patch.setattr(freshness, "get_page", failing)
            checked.checks.request("shop")
            assert isinstance(checked.followed.until(WatchFailed).error, KeyError)
        assert checked.caught_up() == {(POLICIES, "shop")}


def test_a_namespace_with_many_objects_does_not_hold_up_another(tmp_path: Path) -> None:
    begun, asked = threading.Event(), threading.Event()

    def slow(answer: Answer) -> Answer:
        def first(handler: object) -> None:
            begun.set()
            assert asked.wait(PATIENCE)
            answer(handler)  # type: ignore[arg-type]

        return first

    first_page = slow(list_of(a_policy("p", "5", "large"), more="1"))
    pages = [list_of(a_policy("q", "6", "large"), more="2"), list_of(a_policy("r", "7", "large"))]
    with checking(tmp_path, first_page, list_of(), *pages) as checked:
        checked.checks.request("large")
        assert begun.wait(PATIENCE)
        checked.checks.request("small")
        asked.set()
        assert checked.caught_up() == {(POLICIES, "small")}
        for key in (ObjectKey("large", name, version) for name, version in zip("pqr", "567", strict=True)):
            checked.delivered().record(key, exists=True)
        assert checked.caught_up() == {(POLICIES, "large")}


class TestAWatchThatIsBehind:
    @pytest.fixture(autouse=True)
    def short_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(freshness, "LAG_TIMEOUT", 0.3)

    @pytest.fixture
    def follow(self) -> Iterator[Callable[[Checked], None]]:
        """Makes the watch of policies follow."""
        with ExitStack() as stack:

            def start(checked: Checked) -> None:
                stopped = threading.Event()
                stack.callback(stopped.set)
                threading.Thread(target=checked.watches[POLICIES].follow, args=(stopped,), daemon=True).start()
                checked.followed.until(Alive)

            yield start

    def test_is_opened_again(self, tmp_path: Path, follow: Callable[[Checked], None]) -> None:
        """It has stalled: its connection is open, and nothing comes."""
        stored = list_of(a_policy("p", "5"), version="9")
        answers = list_of(version="3"), watch(), stored, stored, watch(event("ADDED", a_policy("p", "5")))
        with checking(tmp_path, *answers) as checked:
            follow(checked)
            checked.checks.request("shop")
            interrupted = checked.followed.until(WatchInterrupted)
            assert "the watch is behind the data of the server: it is opened again" in interrupted.reason
            checked.followed.until(Upserted)
            assert checked.caught_up() == {(POLICIES, "shop")}
            versions = [asked.query.get("resourceVersion") for asked in checked.server.asked]
            assert versions == [None, "3", None, None, "3"]

    def test_lists_if_the_data_of_the_server_were_restored_from_a_backup(
        self, tmp_path: Path, follow: Callable[[Checked], None]
    ) -> None:
        stored = list_of(a_policy("p", "5"), version="9")
        with checking(tmp_path, list_of(version="30"), watch(), stored, stored, stored) as checked:
            follow(checked)
            checked.checks.request("shop")
            assert checked.caught_up() == {(POLICIES, ALL)}
        assert checked.delivered().expected_since is None

    def test_lists_if_opening_it_again_does_not_help(self, tmp_path: Path, follow: Callable[[Checked], None]) -> None:
        """The server has forgotten an event."""
        stored = list_of(a_policy("p", "5"), version="9")
        answers = list_of(version="3"), watch(), stored, stored, watch(), stored, watch(), stored
        with checking(tmp_path, *answers) as checked:
            follow(checked)
            checked.checks.request("shop")
            assert checked.caught_up() == {(POLICIES, ALL)}
        assert checked.delivered().expected_since is None
