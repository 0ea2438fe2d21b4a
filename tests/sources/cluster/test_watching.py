"""Watching a kind in spite of faults; tests/e2e/test_watching.py does so with a real API server."""

import json
import queue
import re
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from ringfence.model.objects import NetworkPolicy
from ringfence.model.objects import Object as ModelObject
from ringfence.sources.cluster import responses, retries, watching
from ringfence.sources.cluster.events import (
    Alive,
    Listed,
    Page,
    Removed,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.sources.cluster.undecoded import Undecoded

from .fake_api_server import (
    Answer,
    FakeApiServer,
    Then,
    _Handler,
    bookmark,
    connections_to,
    error,
    event,
    list_of,
    pod,
    refuse,
    say,
    serving,
    told_by,
    watch,
)
from .following import Followed, following, name_of

WEB, DB = ("shop", "web"), ("shop", "db")


def names(objects: Iterable[ModelObject | Undecoded]) -> list[str]:
    return list(map(name_of, objects))


def versions(server: FakeApiServer) -> list[str]:
    """The version from which each watch continued; `list` for a list."""
    return [asked.query.get("resourceVersion", "list") for asked in server.asked]


# --- when nothing goes wrong ------------------------------------------------------------------------------------------


def test_a_list_and_then_a_watch(tmp_path: Path) -> None:
    changes = watch(
        event("ADDED", pod("db", "8")), event("MODIFIED", pod("web", "9")), event("DELETED", pod("db", "10"))
    )
    with told_by(tmp_path, list_of(pod("web"), version="7"), changes) as (server, followed):
        followed.until(Removed)
    kinds = [type(told) for told in followed.events]
    assert kinds == [Page, Listed, Alive, Upserted, Upserted, Removed]
    assert names(followed.of(Page)[0].objects) == ["web"]
    assert followed.of(Listed) == [Listed("Pod", frozenset({WEB}))]
    assert names(told.object for told in followed.of(Upserted)) == ["db", "web"]
    assert followed.of(Removed) == [Removed("Pod", "shop", "db")]
    listing, watching = server.asked
    assert listing.query == {"limit": "500"}
    assert 300 <= int(watching.query.pop("timeoutSeconds")) <= 600
    assert watching.query == {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "7"}


def test_a_list_of_several_pages(tmp_path: Path) -> None:
    pages = list_of(pod("web"), more="there"), list_of(pod("db"))
    with told_by(tmp_path, *pages) as (server, followed):
        followed.until(Alive)
    assert [names(page.objects) for page in followed.of(Page)] == [["web"], ["db"]]
    assert followed.of(Listed) == [Listed("Pod", frozenset({WEB, DB}))]
    assert server.asked[1].query == {"limit": "500", "continue": "there"}


def test_a_kind_of_which_there_is_nothing(tmp_path: Path) -> None:
    nothing = say(json.dumps({"metadata": {"resourceVersion": "1"}, "items": None}).encode())
    with told_by(tmp_path, nothing) as (_, followed):
        followed.until(Alive)
    assert followed.of(Listed) == [Listed("Pod", frozenset())]


def test_objects_of_no_namespace(tmp_path: Path) -> None:
    node = {"metadata": {"name": "n1", "resourceVersion": "1"}, "spec": {"podCIDRs": ["10.0.0.0/24"]}}
    changes = watch(event("DELETED", node))
    with told_by(tmp_path, list_of(node), changes, kind="Node") as (_, followed):
        assert followed.until(Removed) == Removed("Node", "", "n1")
    assert followed.of(Listed) == [Listed("Node", frozenset({("", "n1")}))]


# --- where the next watch goes on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "goes_on"),
    [
        pytest.param(event("ADDED", pod("db", "8")), "8", id="a new object"),
        pytest.param(event("DELETED", pod("web", "9")), "9", id="an object that is gone"),
        pytest.param(bookmark("10"), "10", id="a bookmark"),
        pytest.param(event("ADDED", pod("db", "11", labels=5)), "11", id="an object that cannot be read"),
        pytest.param(event("MOVED", pod("web", "12")), "12", id="an event of a new type"),
        pytest.param(event("ADDED", {"metadata": {"name": "db"}}), "7", id="an object without a version"),
    ],
)
@pytest.mark.parametrize("then", [Then.END, Then.CUT])
def test_a_watch_goes_on_after_the_last_event(tmp_path: Path, last: object, goes_on: str, then: Then) -> None:
    with told_by(tmp_path, list_of(version="7"), watch(last, then=then)) as (server, followed):  # type: ignore[arg-type]
        while len(server.asked) < 3:
            followed.until(Alive)
    assert versions(server) == ["list", "7", goes_on]


def test_half_an_event_is_reported_when_it_comes_again(tmp_path: Path) -> None:
    whole = json.dumps(event("ADDED", pod("db", "8"))).encode() + b"\n"
    half, both = watch(bookmark("8"), whole[:40], then=Then.CUT), watch(whole[:40], whole[40:])
    with told_by(tmp_path, list_of(version="7"), half, both) as (server, followed):
        followed.until(Upserted)
    assert len(followed.of(Upserted)) == 1
    assert versions(server) == ["list", "7", "8"]


def test_a_watch_that_ends_normally_is_not_an_interruption(tmp_path: Path) -> None:
    with told_by(tmp_path, list_of(), watch(bookmark("2"), then=Then.END)) as (_, followed):
        followed.until(Alive, 3)
    assert followed.of(WatchInterrupted) == []


def test_events_are_asked_for_without_compression(tmp_path: Path) -> None:
    """A compressed event is late: the server sends it when its block is full."""
    with told_by(tmp_path, list_of(), watch()) as (server, followed):
        followed.until(Alive)
    assert "gzip" in server.asked[0].headers["Accept-Encoding"]
    assert server.asked[1].headers["Accept-Encoding"] == "identity"


def test_the_end_of_following_is_not_an_interruption(tmp_path: Path) -> None:
    with told_by(tmp_path, list_of(), watch()) as (_, followed):
        followed.until(Alive)
    assert followed.rest() == []


# --- when everything is listed anew -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expired",
    [
        pytest.param(refuse(410, "too old resource version: 7 (9)"), id="at once"),
        pytest.param(watch(error(410, "too old resource version: 7 (9)")), id="while watching"),
    ],
)
def test_a_version_that_is_too_old(tmp_path: Path, expired: Answer) -> None:
    with told_by(tmp_path, list_of(pod("web"), version="7"), expired, list_of(pod("db"), version="9")) as told:
        server, followed = told
        followed.until(Listed, 2)
        followed.until(Alive)
    assert followed.of(Listed)[-1] == Listed("Pod", frozenset({DB}))
    assert "too old resource version" in followed.of(WatchInterrupted)[0].reason
    assert versions(server) == ["list", "7", "list", "9"]


def test_a_list_whose_pages_expire_is_started_again(tmp_path: Path) -> None:
    answers = (
        list_of(pod("gone"), more="there"),
        refuse(410, "expired"),
        list_of(pod("web"), more="x"),
        list_of(pod("db")),
    )
    with told_by(tmp_path, *answers) as (server, followed):
        followed.until(Alive)
    assert followed.of(Listed) == [Listed("Pod", frozenset({WEB, DB}))]
    assert [asked.query.get("continue") for asked in server.asked[:4]] == [None, "there", None, "x"]


@pytest.mark.parametrize(
    ("nonsense", "reason"),
    [
        (watch(b"nonsense\n"), "a line that is not an event .*: b'nonsense'"),
        (watch(b'{"object": ' + b"[" * 100_000 + b"\n"), "a line that is not an event .*recursion"),
        (watch(b'{"type": "ADDED"}\n'), "a line that is not an event .*`object`"),
        (watch(error(500, "no leader")), "no leader"),
        (watch(event("ERROR", {"code": "x"})), "an unreadable error: .*code"),
        (watch(event("ERROR", {"reason": "Expired"})), "Expired"),
    ],
)
def test_a_version_from_which_nonsense_comes(tmp_path: Path, nonsense: Answer, reason: str) -> None:
    with told_by(tmp_path, list_of(version="7"), nonsense, list_of(version="8")) as (server, followed):
        followed.until(Listed, 2)
        followed.until(Alive)
    [interrupted] = followed.of(WatchInterrupted)
    assert re.search(reason, interrupted.reason)
    assert versions(server) == ["list", "7", "list", "8"]


def test_nonsense_after_an_event_is_asked_for_again(tmp_path: Path) -> None:
    with told_by(tmp_path, list_of(version="7"), watch(bookmark("8"), b"nonsense\n")) as (server, followed):
        followed.until(WatchInterrupted)
        followed.until(Alive)
    assert versions(server) == ["list", "7", "8"]


SILENT = [pytest.param(then, id=then.value) for then in Then]

STANDSTILL = 1.5
"""Seconds of patience where a test waits for its end: more than a busy machine stands still now and then."""


@pytest.mark.parametrize("then", SILENT)
def test_a_server_that_has_gone_back(tmp_path: Path, then: Then) -> None:
    """Its data were restored from a backup: it sends no events for versions that it does not have yet."""
    answers = (
        list_of(pod("gone"), version="7"),
        watch(then=then),
        list_of(version="3"),
        list_of(pod("web"), version="3"),
    )
    with told_by(tmp_path, *answers, patience=STANDSTILL) as (server, followed):
        assert followed.until(Listed, 2) == Listed("Pod", frozenset({WEB}))
    assert versions(server)[:4] == ["list", "7", "list", "list"]
    assert server.asked[2].query == {"limit": "1"}


@pytest.mark.parametrize("then", SILENT)
def test_a_server_that_has_nothing_to_tell(tmp_path: Path, then: Then) -> None:
    """Some load balancers close connections that are idle for less than the minute between two bookmarks."""
    answers = [watch(then=then), list_of(version="7")] * 3
    with told_by(tmp_path, list_of(version="7"), *answers, patience=STANDSTILL) as (server, followed):
        followed.until(Alive, 4)
    assert versions(server)[:8] == ["list", "7", "list", "7", "list", "7", "list", "7"]
    assert len(followed.of(Listed)) == 1


def test_a_server_that_was_silent_is_asked_to_end_before_patience_does(tmp_path: Path) -> None:
    with told_by(tmp_path, list_of(version="7"), watch(), list_of(version="7"), patience=1.5) as (server, followed):
        followed.until(Alive, 2)
    assert server.asked[1].query["timeoutSeconds"] >= "300"
    assert server.asked[3].query["timeoutSeconds"] == "1"


# --- when the server cannot be heard ----------------------------------------------------------------------------------


def test_a_watch_that_stalls(tmp_path: Path) -> None:
    stalled, answered = watch(bookmark("8"), then=Then.STALL), watch(event("ADDED", pod("db", "9")))
    with told_by(tmp_path, list_of(version="7"), stalled, answered, patience=STANDSTILL) as (server, followed):
        followed.until(Upserted)
    assert followed.of(WatchInterrupted)[0].reason == f"{server.url}: no data for {STANDSTILL:g} s"
    assert versions(server)[:3] == ["list", "7", "8"]


def test_a_server_that_is_away_for_a_while(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with serving(list_of(pod("web"), version="7"), watch(bookmark("8"), then=Then.CUT)) as server:
            followed = stack.enter_context(following("Pod", connections_to(server.url, tmp_path)))
            followed.until(Alive, 2)
        followed.until(WatchInterrupted, 3)
        with serving(watch(event("ADDED", pod("db", "9"))), port=server.server_port) as server:
            followed.until(Upserted)
            assert versions(server) == ["8"]
            stack.close()
    assert any("Connection refused" in told.reason for told in followed.of(WatchInterrupted))
    assert len(followed.of(Listed)) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuse(500, "etcdserver: no leader"), "etcdserver: no leader"),
        (refuse(503, "apiserver is shutting down"), "apiserver is shutting down"),
        (refuse(401, "Unauthorized"), r"the credentials are not accepted \(Unauthorized\): they are read again"),
        (
            refuse(403, 'pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope'),
            'cannot list resource "pods" in .*: the verbs list and watch on pods are needed',
        ),
        (say(b"<html>", 302, "text/html", {"Location": "/login"}), r"302 Found \(to /login\)"),
        (say(b"<html>log in</html>", 200, "text/html"), r"is not a list of objects .*: is this an API server\?"),
        (say(b"{}", 200), r"a list without a resourceVersion: is this an API server\?"),
        (say(b'{"items": ' + b"[" * 100_000, 200), "recursion"),
        (
            say(b'{"metadata": {"resourceVersion": "\xff"}}', 200),
            "is not a list of objects .*(can't decode byte|Invalid UTF-8)",
        ),
        (say(b"not gzip", headers={"Content-Encoding": "gzip"}), "cannot be reached: "),
    ],
)
def test_a_response_that_is_not_a_list_is_requested_again(tmp_path: Path, answer: Answer, reason: str) -> None:
    with told_by(tmp_path, answer, list_of(pod("web"))) as (_, followed):
        followed.until(Alive)
    [interrupted] = followed.of(WatchInterrupted)
    assert re.search(reason, interrupted.reason)
    assert followed.of(Listed) == [Listed("Pod", frozenset({WEB}))]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuse(429, "too many requests"), "too many requests"),
        (refuse(403, 'cannot watch resource "pods"'), "cannot watch .*: the verbs list and watch on pods are needed"),
        (refuse(401, "Unauthorized"), "the credentials are not accepted"),
        (say(b"<html>log in</html>", 200, "text/html"), r"answered with text/html: is this an API server\?"),
    ],
)
def test_a_response_that_is_not_a_watch_is_requested_again(tmp_path: Path, answer: Answer, reason: str) -> None:
    with told_by(tmp_path, list_of(version="7"), answer, watch(bookmark("8"))) as (server, followed):
        followed.until(WatchInterrupted)
        followed.until(Alive, 2)
    [interrupted] = followed.of(WatchInterrupted)
    assert re.search(reason, interrupted.reason)
    assert versions(server) == ["list", "7", "7"]


@pytest.mark.parametrize(("asked", "waited"), [("1", 1), ("9" * 400, 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)])
def test_a_server_that_asks_to_retry_later(tmp_path: Path, asked: str, waited: float) -> None:
    with told_by(tmp_path, refuse(429, "slow down", {"Retry-After": asked})) as (_, followed):
        told = followed.until(WatchInterrupted)
    assert told.retry_in >= waited
    assert told.retry_in <= max(waited, 0.1)


def test_the_wait_grows_until_an_event_arrives(tmp_path: Path) -> None:
    useless = [refuse(500, "no leader")] * 4
    answers = list_of(version="7"), *useless, watch(bookmark("8"), then=Then.CUT), refuse(500, "no leader")
    with told_by(tmp_path, *answers) as (_, followed):
        followed.until(WatchInterrupted, 6)
    waits = [told.retry_in for told in followed.of(WatchInterrupted)]
    most = [0.1, 0.2, 0.4, 0.8, 0.1, 0.2]
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(waits, most, strict=True))


def test_a_watch_that_ends_at_once_without_an_event_is_a_refusal(tmp_path: Path) -> None:
    """Otherwise such a server would be asked ten times a second endlessly."""
    with told_by(tmp_path, list_of(), watch(then=Then.END)) as (server, followed):
        assert followed.until(WatchInterrupted).reason == f"{server.url}: the watch ended at once"


def test_no_wait_is_longer_than_a_few_seconds() -> None:
    waits = list(islice(retries.waits(), 20))
    assert all(2.5 <= wait <= 5 for wait in waits[10:])
    assert len(set(waits[10:])) > 1, "agents spread out"


# --- defects of ringfence ---------------------------------------------------------------------------------------------


def test_a_defect_is_told_from_a_fault_and_the_watch_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(watching, "event_of", broken)
    changes = watch(event("ADDED", pod("db", "8")))
    with told_by(tmp_path, list_of(version="7"), changes, list_of(version="7"), changes) as told:
        server, followed = told
        followed.until(Upserted)
    [failed] = followed.of(WatchFailed)
    assert isinstance(failed.error, ZeroDivisionError)
    assert failed.error.__traceback__, "the log shows where it was"
    assert 0 < failed.retry_in <= 0.1
    assert followed.of(WatchInterrupted) == []
    assert versions(server) == ["list", "7", "list", "7"]


# --- objects that cannot be read --------------------------------------------------------------------------------------

NO_TEXT = b'{"metadata": {"namespace": "shop", "name": "web", "labels": {"a": "\xff"}}}'


@pytest.mark.parametrize(
    ("item", "name", "reason"),
    [
        (json.dumps(pod("web", labels=5)).encode(), WEB, "cannot unmarshal number"),
        (json.dumps(pod("web", labels={"a": 5})).encode(), WEB, "cannot unmarshal number"),
        (b'{"metadata": {"namespace": "shop", "name": 5}}', ("shop", ""), "cannot unmarshal number"),
        (b'{"metadata": 5}', ("", ""), "cannot unmarshal number"),
        (NO_TEXT, ("shop", "web"), "(can't decode byte|Invalid UTF-8)"),
        (b"null", ("", ""), "not a Pod: b'null'"),
        (b"5", ("", ""), "not a Pod: b'5'"),
    ],
)
def test_an_object_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, item: bytes, name: tuple[str, str], reason: str
) -> None:
    good = json.dumps(pod("db", "9")).encode()
    page = b'{"metadata": {"resourceVersion": "7"}, "items": [%s, %s]}' % (item, good)
    changes = watch(*[b'{"type": "MODIFIED", "object": %s}\n' % one for one in (item, good)])
    with told_by(tmp_path, say(page), changes) as (_, followed):
        followed.until(Upserted)
    assert names(followed.of(Page)[0].objects) == ["db"]
    assert followed.of(Listed) == [Listed("Pod", frozenset({name, DB}))]
    in_list, in_watch = followed.of(Unreadable)
    assert in_list == in_watch
    assert (in_list.namespace, in_list.name) == name
    assert re.search(reason, in_list.reason)
    assert followed.of(WatchInterrupted) == []


def test_an_event_of_an_unknown_type_is_reported(tmp_path: Path) -> None:
    changes = watch(event("MOVED", pod("web", "8")), event("ADDED", pod("db", "9")))
    with told_by(tmp_path, list_of(version="7"), changes) as (_, followed):
        followed.until(Upserted)
    assert followed.of(Unreadable) == [Unreadable("Pod", "shop", "web", "the watch event has the type 'MOVED'")]


# --- policies ---------------------------------------------------------------------------------------------------------


def a_policy(name: str, size: int = 0) -> dict[str, object]:
    metadata = {"namespace": "shop", "name": name, "resourceVersion": "7", "annotations": {"note": "x" * size}}
    return {"metadata": metadata, "spec": {"podSelector": {"matchLabels": {"app": "db"}}}}


def test_policies_are_delivered_undecoded(tmp_path: Path) -> None:
    changes = watch(event("MODIFIED", a_policy("db")))
    with told_by(tmp_path, list_of(a_policy("web")), changes, kind="NetworkPolicy") as (_, followed):
        changed = followed.until(Upserted).object
    [listed] = followed.of(Page)[0].objects
    for one, name in ((listed, "web"), (changed, "db")):
        assert isinstance(one, Undecoded)
        assert (one.kind.name, one.namespace, one.name) == ("NetworkPolicy", "shop", name)
        decoded = one.decode()
        assert isinstance(decoded, NetworkPolicy)
        assert decoded.spec.pod_selector.match_labels == {"app": "db"}


def test_a_policy_without_a_name_is_unreadable(tmp_path: Path) -> None:
    changes = watch(event("MODIFIED", {"metadata": 5}), event("MODIFIED", a_policy("db")))
    with told_by(tmp_path, list_of(), changes, kind="NetworkPolicy") as (_, followed):
        followed.until(Upserted)
    [unreadable] = followed.of(Unreadable)
    assert "Expected `object`" in unreadable.reason or "metadata" in unreadable.reason


def test_pages_are_small_where_policies_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "_PAGE_BYTES", 10_000)
    pages = (
        list_of(a_policy("small"), more="1"),
        list_of(a_policy("large", 5_000), more="2"),
        list_of(a_policy("huge", 50_000), more="3"),
        list_of(a_policy("last")),
    )
    with told_by(tmp_path, *pages, kind="NetworkPolicy") as (server, followed):
        followed.until(Alive)
    first, *others = (int(asked.query["limit"]) for asked in server.asked[:4])
    assert first == 50, "nobody knows how large they are"
    assert 10 < others[0] < 500
    assert others[1:] == [1, 1]


# --- lists on request -------------------------------------------------------------------------------------------------


def test_everything_is_listed_again_on_request(tmp_path: Path) -> None:
    answers = list_of(pod("web")), watch(), list_of(pod("db"), version="9"), watch()
    with told_by(tmp_path, *answers) as (server, followed):
        followed.until(Alive)
        followed.watch.relist()
        assert followed.until(Listed) == Listed("Pod", frozenset({DB}))
        followed.until(Alive)
        assert versions(server) == ["list", "1", "list", "9"]
        assert "everything is listed once more" in followed.of(WatchInterrupted)[0].reason


def test_everything_is_listed_again_if_that_is_requested_before_the_watch_is_open(tmp_path: Path) -> None:
    whose: queue.SimpleQueue[Followed] = queue.SimpleQueue()

    def requesting(handler: _Handler) -> None:
        whose.get().watch.relist()
        watch()(handler)

    answers = list_of(pod("web")), requesting, list_of(pod("db"), version="9"), watch()
    with told_by(tmp_path, *answers) as (server, followed):
        whose.put(followed)
        followed.until(Listed, count=2)
        followed.until(Alive)
    assert versions(server) == ["list", "1", "list", "9"]
    assert followed.of(WatchInterrupted) == []
