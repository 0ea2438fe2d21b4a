"""What the local page asks its server."""

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.web.local_pages import ServedPage, served

from ringfence.cluster import Cluster
from ringfence.errors import InputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
DB_POLICY = {"kind": "NetworkPolicy", "namespace": "prod", "name": "db-policy"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def page(folder: Path) -> Iterator[ServedPage]:
    with served(lambda: Cluster.load(folder)) as found:
        yield found


def text(page: ServedPage) -> str:
    (policy,) = page.ask_json("/report.json")["policies"]
    return str(policy["yaml"])


def test_an_edit_is_answered_with_what_it_opens_and_closes(page: ServedPage) -> None:
    answer = page.ask_json("/edit", {**DB_POLICY, "text": text(page).replace("3306", "3307")})
    assert answer["problems"] == []
    assert (answer["opened"], answer["closed"]) == (1, 1)
    now = {"text": "TCP 3307", "short": "3307"}
    pair = {"source": "prod/api", "destination": "prod/db", "opens": "TCP 3307", "closes": "TCP 3306", "now": now}
    assert answer["pairs"] == [pair]
    assert page.ask_json("/report.json")["simulation"]["pairs"] == [pair]


def test_the_map_of_the_edits_has_an_arrow_for_each_change_and_is_empty_without_any(page: ServedPage) -> None:
    assert page.ask_json("/map")["boxes"] == []
    page.ask_json("/edit", {**DB_POLICY, "text": text(page).replace("name: api-pod", "name: web-pod")})
    found = page.ask_json("/map")
    names = [box["lines"][0] for box in found["boxes"]]
    arrows = {(names[one["from"]], names[one["to"]], one["kind"], one["label"]) for one in found["edges"]}
    assert arrows >= {
        ("web", "db", "opened", "+ 3306"),
        ("api", "db", "closed", "- 3306"),
        ("api", "web", "kept", "all"),
    }


def test_an_empty_text_removes_a_policy_and_addresses_count(page: ServedPage) -> None:
    answer = page.ask_json("/edit", {**DB_POLICY, "text": ""})
    assert {(one["source"], one["destination"]) for one in answer["outside"]} >= {("0.0.0.0/0, ::/0", "prod/db")}
    assert {one["source"] for one in answer["pairs"]} >= {"prod/web", "staging/api"}


def test_an_explanation_is_the_engine_s_and_has_the_edit_that_reverses_it(page: ServedPage) -> None:
    answer = page.ask_json("/explain?source=prod/web&destination=prod/db")
    assert answer["result"] == "none"
    assert answer["ingress"]["policies"][0]["rules"][0]["reason"] == "no peer selects prod/web"
    (applied,) = answer["applied"]
    assert page.ask_json("/edit", applied)["opened"] == 1
    assert page.ask_json("/explain?source=prod/web&destination=prod/db")["result"] == "some"


def test_saving_writes_the_file_and_the_page_reads_it_again(page: ServedPage, folder: Path) -> None:
    new = text(page).replace("3306", "3307")
    page.ask("/edit", {**DB_POLICY, "text": new})
    assert page.ask_json("/save", {**DB_POLICY, "text": new}) == {"saved": f"{folder / 'db-policy.yaml'}:3"}
    data = page.ask_json("/report.json")
    assert data["simulation"]["edits"] == []
    assert "3307" in data["policies"][0]["yaml"]


def test_while_what_was_saved_is_read_the_page_answers(folder: Path) -> None:
    is_open, begun, goes_on = threading.Event(), threading.Event(), threading.Event()

    def read() -> Cluster:
        if is_open.is_set():
            begun.set()
            assert goes_on.wait(30)
        return Cluster.load(folder)

    with served(read) as page, ThreadPoolExecutor() as pool:
        new = text(page).replace("3306", "3307")
        page.ask_json("/edit", {**DB_POLICY, "text": new})
        is_open.set()
        saved = pool.submit(page.ask_json, "/save", {**DB_POLICY, "text": new})
        try:
            assert begun.wait(30)
            assert page.ask_json("/report.json")["simulation"]["edits"]
            assert not saved.done()
        finally:
            goes_on.set()
        assert "saved" in saved.result(30)
        assert page.ask_json("/report.json")["simulation"]["edits"] == []


def test_after_a_save_a_cluster_that_cannot_be_read_is_an_error(folder: Path) -> None:
    def read() -> Cluster:
        if (folder / "gone").exists():
            raise InputError("the folder is gone")
        return Cluster.load(folder)

    with served(read) as page:
        new = text(page).replace("3306", "3307")
        page.ask_json("/edit", {**DB_POLICY, "text": new})
        (folder / "gone").touch()
        assert page.ask_json("/save", {**DB_POLICY, "text": new}) == {"error": "the folder is gone"}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/explain?source=prod/wbe&destination=prod/db", None, "there is no pod or workload wbe"),
        ("/explain", None, "is not a valid endpoint"),
        ("/edit", {**DB_POLICY, "name": "gone", "text": ""}, "there is no such policy"),
        ("/edit", {"kind": 1}, "Expected `str`"),
        ("/edit", {**DB_POLICY, "text": "", "more": 1}, "unknown field"),
        ("/edit", b"not json", "JSON is malformed"),
        ("/save", {**DB_POLICY, "text": "never checked"}, "nothing was saved"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_a_reason(
    page: ServedPage, path: str, body: object, message: str
) -> None:
    status, _, answer = page.ask(path, body)
    assert status == 400
    assert message in answer


def test_a_text_that_is_too_large_is_refused_also_if_what_fits_is_valid(page: ServedPage) -> None:
    before = page.ask_json("/report.json")["simulation"]["edits"]
    whole = json.dumps({**DB_POLICY, "text": ""}).encode()
    status, _, answer = page.ask("/edit", whole + b" " * 5_000_000)
    assert (status, answer) == (413, "more than 4 MB of text")
    assert page.ask_json("/report.json")["simulation"]["edits"] == before


def test_every_open_page_is_told_when_the_cluster_has_changed(page: ServedPage, folder: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.request("GET", "/events", headers={"Cookie": f"ringfence={page.token}"})
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert answer.readline() == b": connected\n"
    (folder / "more.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: new, namespace: prod}}\n")
    page.read_again()
    lines = [answer.readline() for _ in range(3)]
    connection.close()
    assert lines[1:] == [b"event: changed\n", b"data: 1\n"]
    assert [one["name"] for one in page.ask_json("/report.json")["workloads"]] == ["api", "db", "new", "web", "api"]
