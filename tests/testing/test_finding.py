"""Where tests are found: in files that are named, in folders, among manifests."""

from pathlib import Path

import pytest
from tests.testing.worlds import HEAD

from ringfence.cluster import Cluster
from ringfence.errors import InputError, ManifestError
from ringfence.testing.finding import find_tests

TESTS = f"{HEAD}tests: [{{from: a/b, to: c/d, expect: allow}}]\n"
MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: a}\n"


def test_folders_are_searched_with_the_folders_in_them_but_not_hidden_ones(tmp_path: Path) -> None:
    for name in ("a.yaml", "deep/er/b.yml", "c.json", ".hidden/d.yaml", "e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TESTS)
    (tmp_path / "values.yaml").write_text("broken: [\n")
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    found = find_tests([str(tmp_path)])
    assert [Path(one.file).name for one in found.tests] == ["a.yaml", "c.json", "b.yml"]
    assert found.problems == ()


def test_what_is_excluded_is_not_read(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(TESTS)
    assert len(find_tests([str(tmp_path)], exclude=("a.*",)).tests) == 1


def test_tests_among_manifests_are_found_and_are_no_objects(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(f"{MANIFEST}---\n{TESTS}")
    assert len(find_tests([str(file)]).tests) == 1
    cluster = Cluster.load(file)
    assert (len(list(cluster.state.members())), cluster.problems, dict(cluster.skipped), cluster.unrelated) == (
        1,
        [],
        {},
        0,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TESTS.replace("/v1", "/v2"), '"ringfence/v2" has no ReachabilityTest'),
        (TESTS.replace("ringfence/v1", "v1"), '"v1" has no ReachabilityTest'),
        (TESTS.replace("kind: ReachabilityTest", "kind: ReachibilityTest"), 'no kind "ReachibilityTest"'),
        (TESTS.replace("kind: ReachabilityTest\n", ""), "ringfence/v1 has no kind"),
        (TESTS.replace("tests:", "items:"), 'unknown field "items"'),
        (TESTS.replace("]", ""), "error converting YAML to JSON"),
    ],
)
def test_a_mistake_in_the_head_is_reported(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    found = find_tests([str(tmp_path)])
    assert any(message in str(problem) for problem in found.problems)


def test_a_document_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_bytes(TESTS.encode("utf-16"))
    assert len(find_tests([str(tmp_path)]).tests) == 1


def test_what_ringfence_has_printed_is_no_test(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text('{"apiVersion": "ringfence/v1", "allowed": true}')
    (tmp_path / "t.yaml").write_text(TESTS)
    found = find_tests([str(tmp_path)])
    assert (len(found.tests), found.problems) == (1, ())


def test_no_test_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(MANIFEST)
    with pytest.raises(InputError, match="there is no test: no document has apiVersion ringfence/v1 and kind Reachab"):
        find_tests([str(tmp_path)])
    with pytest.raises(ManifestError, match="does not exist"):
        find_tests([str(tmp_path / "nothing")])
