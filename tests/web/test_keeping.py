"""A cell is kept as a test: what is shown is written, in the folders for tests only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.local_pages import ServedPage, served

from ringfence.cluster import Cluster
from ringfence.testing.outcomes import Status

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
DB_POLICY = {"kind": "NetworkPolicy", "namespace": "prod", "name": "db-policy"}
CELL = {"source": "prod/api", "destination": "prod/db"}
ASKED = "/test?source=prod/api&destination=prod/db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tests"
    made.mkdir()
    return made


@pytest.fixture
def page(folder: Path) -> Iterator[ServedPage]:
    with served(lambda: Cluster.load(EXAMPLE), test_folders=[folder]) as found:
        yield found


def shown(page: ServedPage) -> str:
    return str(page.ask_json(ASKED)["text"])


def keep(page: ServedPage, file: Path | str, **others: str) -> tuple[int, str]:
    status, _, answer = page.ask("/keep", {**CELL, "text": shown(page), "file": str(file), **others})
    return status, answer


def test_what_is_shown_is_written_and_holds_until_a_policy_is_removed(page: ServedPage, folder: Path) -> None:
    proposed = page.ask_json(ASKED)
    (file,) = proposed["files"]
    assert page.ask_json("/keep", {**CELL, "text": proposed["text"], "file": file}) == {"kept": file}
    assert Path(file).read_text() == proposed["text"]
    cluster = Cluster.load(EXAMPLE)
    assert [one.status for one in cluster.test(folder).outcomes] == [Status.PASSED] * 2
    cluster.leave_out("prod/db-policy")
    assert Status.FAILED in [one.status for one in cluster.test(folder).outcomes]


def test_the_edits_are_in_force(page: ServedPage) -> None:
    text = page.ask_json("/report.json")["policies"][0]["yaml"]
    page.ask("/edit", {**DB_POLICY, "text": text.replace("3306", "3307")})
    assert 'port: "3307"' in shown(page)


def test_a_file_with_tests_is_proposed_and_gets_more_of_them(page: ServedPage, folder: Path) -> None:
    keep(page, folder / "ours.yml")
    other = {"source": "prod/web", "destination": "prod/db"}
    proposed = page.ask_json("/test?source=prod/web&destination=prod/db")
    assert proposed["files"] == [str(folder / "ours.yml")]
    page.ask("/keep", {**other, "text": proposed["text"], "file": proposed["files"][0]})
    assert (folder / "ours.yml").read_text().count("- name:") == 3


def test_a_test_that_is_there_already_is_not_written_again(page: ServedPage, folder: Path) -> None:
    assert keep(page, folder / "a.yaml")[0] == 200
    status, answer = keep(page, folder / "b.yaml")
    assert status == 400
    assert "a.yaml:4 has this test already" in answer
    assert not (folder / "b.yaml").exists()


def test_a_name_that_another_test_has_is_a_conflict(page: ServedPage, folder: Path) -> None:
    keep(page, folder / "a.yaml")
    before = (folder / "a.yaml").read_text().replace("expect: allow", "expect: deny")
    (folder / "a.yaml").write_text(before)
    assert "has a test of this name that expects something else" in keep(page, folder / "a.yaml")[1]
    assert (folder / "a.yaml").read_text() == before


def test_what_has_changed_since_it_was_shown_is_not_written(page: ServedPage, folder: Path) -> None:
    status, answer = keep(page, folder / "a.yaml", text="tests: []\n")
    assert status == 400
    assert "the allowed traffic has changed" in answer
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("{folder}/../outside.yaml", "is not in a folder for tests"),
        ("/etc/cron.d/x.yaml", "is not in a folder for tests"),
        ("{folder}/link/x.yaml", "is not in a folder for tests"),
        ("{folder}/link.yaml", "is not in a folder for tests"),
        ("{folder}/.hidden/x.yaml", "would not be found"),
        ("{folder}/tests.txt", "would not be found"),
        ("{folder}/gone/x.yaml", "create its folder first"),
        ("{folder}/folder.yaml", "is not a file: use another name"),
        ("{folder}/pod.yaml", "holds no tests"),
        ("{folder}/broken.yaml", "correct it first"),
        ("{folder}/latin.yaml", "is not in UTF-8"),
        ("{folder}/\0.yaml", "is not the name of a file"),
        ("{folder}/" + "x" * 300 + ".yaml", "is not the name of a file"),
    ],
)
def test_no_other_file_is_written(page: ServedPage, folder: Path, file: str, message: str) -> None:
    outside = folder.parent / "elsewhere"
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "link.yaml").symlink_to(outside / "target.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "pod.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n")
    (folder / "broken.yaml").write_text("kind: [\n")
    (folder / "latin.yaml").write_bytes(b"# caf\xe9\n")
    before = content(folder.parent)
    status, answer = keep(page, file.format(folder=folder))
    assert status == 400
    assert message in answer
    assert content(folder.parent) == before


def content(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() if file.is_file() else b"" for file in folder.rglob("*")}


def test_without_a_folder_the_tests_are_shown_and_not_written(tmp_path: Path) -> None:
    with served(lambda: Cluster.load(EXAMPLE)) as page:
        assert page.ask_json(ASKED)["files"] == []
        assert "is not in a folder for tests: start the page with --tests FOLDER" in keep(page, tmp_path / "x.yaml")[1]
        assert list(tmp_path.iterdir()) == []
