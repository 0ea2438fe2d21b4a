"""The findings that comments and annotations suppress, and those that they do not. The pages of RF001 to RF003 have
more examples.
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.semantics.judges import cluster_of

from ringfence import Cluster
from ringfence.lint import LintFindings
from ringfence.lint.directives import comment_directives
from ringfence.sources.manifests import FileContents

TEXT = """\
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  policyTypes: [Egress]
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101] soon
  ingress: [{}]
"""


def lint(tmp_path: Path, text: str, select: list[str] | None = None, encoding: str = "utf-8") -> LintFindings:
    file = tmp_path / "p.yaml"
    file.write_bytes(text.encode(encoding))
    return Cluster.load(file, contents=FileContents()).lint(select=select or (), today=date(2026, 6, 1))


def rules(findings: LintFindings) -> list[str]:
    return [one.rule for one in findings.found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(TEXT, ["RF104"], id="a comment on the line"),
        pytest.param(TEXT.replace("\n", "\r\n"), ["RF104"], id="with carriage returns"),
        pytest.param(TEXT.replace("RF101", "selects-nothing"), ["RF104"], id="by name"),
        pytest.param(TEXT.replace("RF101", "rf101, RF108"), ["RF001", "RF104"], id="one of two is unused"),
        pytest.param(
            TEXT.replace("  # ringfence: ignore[RF101] soon", "").replace(
                "  podSelector", "  # ringfence: ignore[RF101] one\n  # more\n  podSelector"
            ),
            ["RF104"],
            id="on a line of its own above, with a comment between",
        ),
        pytest.param(
            TEXT.replace(
                "  namespace: shop\n", "  namespace: shop\n  annotations: {ringfence.dev/ignore-RF104: soon}\n"
            ),
            [],
            id="an annotation counts for the whole object",
        ),
        pytest.param(TEXT.replace(" soon", " until 2026-06-01"), ["RF003", "RF101", "RF104"], id="a day and no reason"),
        pytest.param(TEXT.replace(" soon", " soon, until 2026-06-01"), ["RF104"], id="the last day"),
        pytest.param(
            TEXT.replace(" soon", " (until 2026-05-31) soon"), ["RF002", "RF101", "RF104"], id="the day after"
        ),
    ],
)
def test_a_suppression(text: str, found: list[str], tmp_path: Path) -> None:
    assert sorted(rules(lint(tmp_path, text))) == found


def test_what_is_suppressed_is_kept_with_its_reason(tmp_path: Path) -> None:
    (suppressed,) = lint(tmp_path, TEXT).suppressed
    assert (suppressed.finding.rule, suppressed.kind, suppressed.reason) == ("RF101", "inSource", "soon")


def test_a_rule_that_was_not_applied_or_not_decided_is_not_unused(tmp_path: Path) -> None:
    assert rules(lint(tmp_path, TEXT, ["RF0", "RF104"])) == ["RF104"]
    without_pods = lint(tmp_path, TEXT.partition("---\n")[2])
    assert without_pods.skipped
    assert rules(without_pods) == ["RF104"]


def test_an_error_of_the_input_cannot_be_suppressed(tmp_path: Path) -> None:
    text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
    text += "spek: {}  # ringfence: ignore[RF138] it is\n"
    assert rules(lint(tmp_path, text)) == ["RF138", "RF001"]


def test_without_the_contents_of_files_they_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(TEXT)
    assert rules(Cluster.load(file).lint()) == ["RF104"]


def test_comments_in_utf_16_count(tmp_path: Path) -> None:
    assert rules(lint(tmp_path, TEXT, encoding="utf-16")) == ["not-utf8", "RF104"]


def test_comments_are_told_from_texts() -> None:
    text = (
        "a: |\n  # ringfence: ignore[RF101] text\n"
        "b: '# ringfence: ignore[RF101] text'\n"
        "c: a#ringfence:ignore\n"
        "d: [1, # ringfence: ignore[RF101] comment\n  2]\n"
        "--- # ringfence: ignore[RF102] comment\n"
        "e: {\n"
        "--- # ringfence: ignore[RF104] comment\n"
    )
    found = [(one.place.line, one.place.column, one.rules, one.reason) for one in comment_directives("f", text)]
    assert found == [(5, 8, ("RF101",), "comment"), (7, 5, ("RF102",), "comment"), (9, 5, ("RF104",), "comment")]


@pytest.mark.parametrize(
    ("text", "count", "target", "reason"),
    [
        pytest.param("# ringfence: ignore[RF101] soon\n" * 20_000 + "a: 1\n", 20_000, 20_001, "soon", id="comments"),
        pytest.param("---\n# ringfence: ignore[RF101] soon\na: 1\n" * 5_000, 5_000, 15_000, "soon", id="documents"),
        pytest.param(
            f"# ringfence: ignore[RF101] {' ,;(' * 100_000}x (until 2026-06-01) y\na: 1\n",
            1,
            2,
            f"{(' ,;(' * 100_000).strip()}x y",
            id="what may stand before a day",
        ),
        pytest.param("a: 1\n# ringfence: ignore[RF101] soon\n\n", 1, 5, "soon", id="nothing follows"),
    ],
)
def test_long_files_and_long_comments_are_read_once(text: str, count: int, target: int, reason: str) -> None:
    found = list(comment_directives("f", text))
    assert (len(found), found[-1].target, found[-1].reason) == (count, target, reason)


# --- annotations of workloads ---------------------------------------------------------------------------------------


def half_open(annotated: str, key: str = "RF113") -> list[dict[str, Any]]:
    """Web may connect to a database that refuses it; the workload of this name has an annotation."""

    def workload(name: str) -> dict[str, Any]:
        annotations = {f"ringfence.dev/ignore-{key}": "the next release", "other": "x"} if name == annotated else {}
        metadata = {"name": name, "namespace": "shop", "annotations": annotations}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": name, "image": name}]}}
        spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}

    def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "shop"}
        subject = {"podSelector": {"matchLabels": {"app": name}}}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {**subject, **spec},
        }

    peers = {"policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]}
    return [*map(workload, ("web", "db", "other")), policy("web", peers), policy("db", {"policyTypes": ["Ingress"]})]


def as_json(objects: list[dict[str, Any]], folder: Path) -> Cluster:
    (folder / "p.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return Cluster.load(folder / "p.json")


def as_yaml(objects: list[dict[str, Any]], folder: Path) -> Cluster:
    (folder / "p.yaml").write_text(yaml.safe_dump_all(objects))
    return Cluster.load(folder / "p.yaml")


@pytest.mark.parametrize("source", [as_json, as_yaml, lambda objects, folder: cluster_of(objects)])
@pytest.mark.parametrize(
    ("annotated", "found"),
    [("", ["RF113"]), ("web", []), ("db", []), ("other", ["RF001", "RF113"])],
)
def test_an_annotation_of_a_workload_counts_for_what_is_found_about_it(
    source: Callable[[list[dict[str, Any]], Path], Cluster], annotated: str, found: list[str], tmp_path: Path
) -> None:
    cluster = source(half_open(annotated), tmp_path)
    assert sorted(rules(cluster.lint(select=["RF0", "RF113"]))) == found


def test_an_annotation_is_gone_with_its_workload() -> None:
    cluster = cluster_of(half_open("web"))
    cluster.upsert(half_open("")[0])
    assert rules(cluster.lint(select=["RF0", "RF113"])) == ["RF113"]
