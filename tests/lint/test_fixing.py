"""Fixes: corrected findings are gone, a second run changes nothing, and all other text stays the same."""

import codecs
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests import strategies

from ringfence import Cluster
from ringfence.analysis.possible import Outcome
from ringfence.cli.lint_fixes import LintedCluster
from ringfence.lint import RULES, Example, FixedInput, LintRule, LintSettings, fix, page_of, text_diff
from ringfence.sources.manifests import FileContents

WITH_EDITS = [
    pytest.param(rule, example, id=f"{rule.identifier} {example.condition} {example.reason}")
    for rule in RULES
    for example in page_of(rule).examples
    if example.fires
]
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\n---\n"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: 'db'}}  # the database
  policyTypes: ["Egress"]
  egress:
  # one port
  - ports: [{port: 5432, endPort: 5432, protocol: TCP}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "p.yaml"


def reader(file: Path, *rules: str) -> Callable[[FileContents], LintedCluster]:
    def read(contents: FileContents) -> LintedCluster:
        cluster = Cluster.load(file, contents=contents)
        return LintedCluster(cluster, cluster.lint(select=rules))

    return read


def fixed(file: Path, data: str | bytes, *rules: str, unsafe: bool = False) -> tuple[FixedInput, bytes]:
    """The outcome for a file, and its content afterwards."""
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    contents, read = FileContents(), reader(file, *rules)
    found = fix(contents, read(contents), read, unsafe=unsafe)
    return found, found.contents.data(str(file)) or b""


@pytest.mark.parametrize(("rule", "example"), WITH_EDITS)
def test_what_was_corrected_is_gone_and_the_rest_stays(rule: LintRule, example: Example, file: Path) -> None:
    text = "# first\n" + example.manifests.replace("\n---\n", "\n---\n# between\n") + "# last\n"
    text = text.replace("\n", "\r\n")
    first, data = fixed(file, text, rule.identifier, unsafe=True)
    if not first.applied:
        assert data == text.encode()
        return
    comments = [line for line in text.split("\r\n") if line.startswith(("#", "---"))]
    assert [line for line in data.decode().split("\r\n") if line.startswith(("#", "---"))] == comments
    assert data.count(b"\n") == data.count(b"\r\n")
    left = Cluster.load(file, contents=first.contents).lint(select=[rule.identifier]).found
    assert not {one.fingerprint for one in left} & {one.fingerprint for one in first.applied}
    again, same = fixed(file, data, rule.identifier, unsafe=True)
    assert again.applied == ()
    assert same == data


def test_a_safe_edit_keeps_quotes_and_comments(file: Path) -> None:
    found, data = fixed(file, POD + POLICY, "RF129")
    assert [one.rule for one in found.applied] == ["RF129"]
    assert data.decode() == (POD + POLICY).replace(", endPort: 5432", "")


PEERS = """\
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: audit}}  # theirs
    # and of these
    - podSelector: {matchLabels: {app: auditor}}
"""
FLOW = (
    "  ingress:\n  - from: [{namespaceSelector: {matchLabels: {team: audit}}}, "
    "{podSelector: {matchLabels: {app: auditor}}}] # which?\n"
)
AUDITOR = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: audit, labels: {app: auditor}}\n---\n"
AUDIT = "apiVersion: v1\nkind: Namespace\nmetadata: {name: audit, labels: {team: audit}}\n---\n"
OTHER = AUDITOR.replace("name: a,", "name: b,").replace("auditor", "other")


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        pytest.param("RF103", PEERS, PEERS.replace("- podS", "  podS"), id="a dash goes"),
        pytest.param(
            "RF103",
            FLOW,
            FLOW.replace("}}}, {", "}}, "),
            id="braces go",
        ),
        pytest.param(
            "RF104",
            "  policyTypes: [Ingress]  # both\n  egress: [{}]\n",
            "  policyTypes: [Ingress, Egress]  # both\n  egress: [{}]\n",
            id="a direction comes in brackets",
        ),
        pytest.param(
            "RF104",
            "  policyTypes:\n  - Ingress  # both\n  egress: [{}]\n",
            "  policyTypes:\n  - Ingress  # both\n  - Egress\n  egress: [{}]\n",
            id="a direction comes as an item",
        ),
    ],
)
def test_what_is_written_in_another_style_is_corrected_in_that_style(
    rule: str, before: str, after: str, file: Path
) -> None:
    head = AUDIT + AUDITOR + OTHER + POD + POLICY.partition("  policyTypes")[0]
    found, data = fixed(file, head + before, rule, unsafe=True)
    assert [one.rule for one in found.applied] == [rule]
    assert data.decode() == head + after


def test_an_edit_that_may_change_verdicts_is_applied_only_if_it_is_asked_for(file: Path) -> None:
    text = POD + POLICY.replace("'db'", "'dbb'")
    found, data = fixed(file, text, "RF101")
    assert (found.applied, [one.rule for one in found.unsafe], data.decode()) == ((), ["RF101"], text)
    found, data = fixed(file, text, "RF101", unsafe=True)
    assert data.decode() == POD + POLICY


def test_an_edit_that_says_that_it_is_safe_and_is_not_is_refused(file: Path) -> None:
    file.write_text(POD + POLICY.replace("'db'", "'dbb'"))
    contents, read = FileContents(), reader(file, "RF101", "RF129")

    def too_sure(contents: FileContents) -> LintedCluster:
        linted = read(contents)
        found = tuple(replace(one, is_safe=True) for one in linted.findings.found)
        return replace(linted, findings=replace(linted.findings, found=found))

    result = fix(contents, too_sure(contents), too_sure, unsafe=False)
    assert [one.rule for one in result.applied] == ["RF129"]
    assert [(one.finding.rule, one.reason) for one in result.refused] == [
        ("RF101", "it would change what policies allow")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(POLICY + "# {{ .Values.x }}\n", "the file is a template: edit it by hand", id="a template"),
        pytest.param(
            POLICY.replace("ports: [", "ports: &p [") + "  - to: [{podSelector: {}}]\n    ports: *p\n",
            "an alias refers to this text, so that the edit would change something else, too",
            id="an alias",
        ),
        pytest.param(
            (POLICY + "# \xe9\n").encode("latin-1"),
            "the file has bytes that are not text: save it as UTF-8",
            id="bytes",
        ),
    ],
)
def test_what_cannot_be_edited_is_left_alone_and_that_is_said(text: str | bytes, reason: str, file: Path) -> None:
    found, data = fixed(file, text, "RF129")
    assert {one.reason for one in found.refused} == {reason}
    assert data == (text.encode() if isinstance(text, str) else text)


def test_edits_of_the_same_place_are_applied_one_after_the_other(file: Path) -> None:
    text = POLICY.replace("{port: 5432, endPort: 5432, protocol: TCP}", "{port: 53, endPort: 53}")
    found, data = fixed(file, text, "RF129", "RF130")
    assert sorted(one.rule for one in found.applied) == ["RF129", "RF130"]
    assert data.decode() == POLICY.replace("port: 5432, endPort: 5432, protocol: TCP", "protocol: TCP, port: 53")


def test_an_anchor_that_no_alias_uses_is_kept(file: Path) -> None:
    _, data = fixed(file, POLICY.replace("ports: [", "ports: &p ["), "RF129")
    assert data.decode() == POLICY.replace("ports: [", "ports: &p [").replace(", endPort: 5432", "")


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (b"", "utf-8")]
)
def test_the_encoding_stays(mark: bytes, encoding: str, file: Path) -> None:
    text = f"# é\n{POLICY}"
    _, data = fixed(file, mark + text.encode(encoding), "RF129")
    assert data == mark + text.replace(", endPort: 5432", "").encode(encoding)


def test_the_difference_is_that_of_the_lines(file: Path) -> None:
    file.write_text(POLICY)
    contents, read = FileContents(), reader(file, "RF129")
    found = fix(contents, read(contents), read, unsafe=False)
    lines = [line for line in text_diff(contents, found.contents) if line.startswith(("-", "+"))]
    assert lines[2:] == [
        "-  - ports: [{port: 5432, endPort: 5432, protocol: TCP}]\n",
        "+  - ports: [{port: 5432, protocol: TCP}]\n",
    ]


# --- random clusters ------------------------------------------------------------------------------------------------


CORRECTED = [
    "RF101",
    "RF102",
    "RF103",
    "RF104",
    "RF105",
    "RF106",
    "RF107",
    "RF110",
    "RF111",
    "RF115",
    "RF116",
    "RF121",
    "RF128",
    "RF129",
    "RF130",
    "RF132",
    "RF133",
    "RF134",
    "RF141",
]
"""The rules that propose corrections."""

MISTAKEN = [
    list(yaml.load_all(example.manifests, Loader=yaml.CSafeLoader))
    for rule in RULES
    for example in page_of(rule).examples
    if example.fires and rule.identifier in CORRECTED
]
"""Their examples, as objects."""


class _Plainly(yaml.SafeDumper):
    """Writes equal values in full: text that aliases refer to is not edited, so mistakes there would stay."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def of_ports(*ports: dict[str, Any]) -> list[dict[str, Any]]:
    """A policy of some ports."""
    spec = {"podSelector": {}, "egress": [{"ports": list(ports)}]}
    metadata = {"name": "p", "namespace": "x"}
    return [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}]


ANY: dict[str, Any] = {}


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
@example(MISTAKEN[:1], of_ports(ANY, ANY, {"protocol": "TCP"}))
@example(MISTAKEN[:1], of_ports(ANY, ANY, ANY))
@given(st.lists(st.sampled_from(MISTAKEN), min_size=1, max_size=3), st.lists(strategies.objects, max_size=3))
def test_a_random_cluster_is_fixed_once_and_for_all(
    unsafe: bool, mistaken: list[list[dict[str, Any]]], others: list[dict[str, Any]]
) -> None:
    written = [*others, *(obj for example in mistaken for obj in example)]
    text = "".join(f"---\n# object {number}\n{yaml.dump(one, Dumper=_Plainly)}" for number, one in enumerate(written))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "p.yaml"
        first, data = fixed(file, text, unsafe=unsafe)
        file.write_text(text)
        before = Cluster.load(file)
        again, same = fixed(file, data, unsafe=unsafe)
        after = Cluster.load(file)
    assert (again.applied, same) == ((), data)
    left = {one.fingerprint for one in after.lint().found}
    assert not left & {one.fingerprint for one in first.applied}
    assert [line for line in data.decode().split("\n") if line.startswith("#")] == [
        f"# object {number}" for number in range(len(written))
    ]
    if not unsafe and first.applied:
        assert before.equivalent(after).outcome is Outcome.HOLDS


# --- rules that a correction adds -------------------------------------------------------------------------------------

BEHIND_AN_INGRESS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
"""


@pytest.mark.parametrize(
    ("written", "corrected"),
    [
        pytest.param(
            "  ingress:\n  - from: [{podSelector: {}}]\n", "  - from: [{podSelector: {}}]\n  - {from:", id="list"
        ),
        pytest.param("  ingress: []\n", "  ingress: [{from:", id="an empty list"),
        pytest.param("  policyTypes: [Ingress]\n", "  ingress: [{from:", id="no list"),
    ],
)
def test_the_controller_that_the_configuration_names_is_admitted(written: str, corrected: str, file: Path) -> None:
    file.write_text(BEHIND_AN_INGRESS + written)
    settings = LintSettings(ingress_namespaces=("edge",))

    def read(contents: FileContents) -> LintedCluster:
        cluster = Cluster.load(file, contents=contents)
        return LintedCluster(cluster, cluster.lint(select=["RF135"], settings=settings))

    contents = FileContents()
    found = fix(contents, read(contents), read, unsafe=True)
    text = (found.contents.data(str(file)) or b"").decode()
    peer = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}"
    assert f"{corrected} [{peer}], ports: [{{protocol: TCP, port: 8080}}]}}" in text
    assert found.after.findings.found == ()


def test_no_rule_is_added_to_a_policy_for_other_pods(file: Path) -> None:
    file.write_text(BEHIND_AN_INGRESS.replace("podSelector: {matchLabels: {app: web}}", "podSelector: {}"))
    settings = LintSettings(ingress_namespaces=("edge",))
    (found,) = Cluster.load(file).lint(select=["RF135"], settings=settings).found
    assert found.edit is None


def test_a_rule_that_another_one_covers_is_removed(file: Path) -> None:
    covered = POLICY + "  - ports: [{port: 5432, protocol: TCP}]\n    to: [{podSelector: {}}]\n"
    found, after = fixed(file, POD + covered, "RF108")
    assert [one.path for one in found.applied] == ["spec.egress[1]"]
    assert after.decode() == POD + POLICY
