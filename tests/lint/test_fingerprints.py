"""Fingerprints: a mistake keeps its fingerprint when it moves, and no two findings have the same one."""

from typing import Any

import pytest

from ringfence import Cluster
from ringfence.lint.fingerprints import value_at

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\n"
PEER = "  - from: [{podSelector: {matchLabels: {app: wbe}}}]\n"
OTHER = "  - ports: [{port: 80}]\n"
POD = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: x, labels: {app: web}}\n"


def prints(tmp_path: Any, text: str, rule: str = "RF102") -> list[str]:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return [one.fingerprint for one in Cluster.load(file).lint(select=[rule]).found]


def policy(*rules: str) -> str:
    return f"{HEAD}spec:\n  podSelector: {{}}\n  ingress:\n{''.join(rules)}"


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param("# a line more\n\n" + policy(PEER) + POD, id="lines above"),
        pytest.param(policy(OTHER, PEER) + POD, id="a rule before"),
        pytest.param(POD.removeprefix("---\n") + "---\n" + policy(PEER), id="another place in the file"),
        pytest.param(policy(PEER.replace("[{", "\n    - {").replace("}]", "}")) + POD, id="other white space"),
    ],
)
def test_a_mistake_that_moves_keeps_its_fingerprint(moved: str, tmp_path: Any) -> None:
    assert prints(tmp_path, moved) == prints(tmp_path, policy(PEER) + POD)


def test_a_mistake_that_becomes_another_one_does_not_keep_it(tmp_path: Any) -> None:
    other = policy(PEER.replace("wbe", "wbb"))
    assert set(prints(tmp_path, other + POD)).isdisjoint(prints(tmp_path, policy(PEER) + POD))


def test_equal_mistakes_have_different_ones(tmp_path: Any) -> None:
    found = prints(tmp_path, policy(PEER, PEER) + POD)
    assert len(set(found)) == 2
    assert found[:1] == prints(tmp_path, policy(PEER) + POD)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"spec": {"a": [{"b.c/d": 1}]}}),
        ("spec.a[0].b.c/d", 1),
        ("spec.a[7].b", [{"b.c/d": 1}]),
        ("spec.b.c", {"a": [{"b.c/d": 1}]}),
    ],
)
def test_the_value_at_a_path_or_around_it(path: str, value: object) -> None:
    assert value_at({"spec": {"a": [{"b.c/d": 1}]}}, path) == value
