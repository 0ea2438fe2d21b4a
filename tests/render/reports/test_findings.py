"""The findings of a report are those of `lint`, at their policies and lines."""

import pytest
from tests.render.json_shapes import fits, schema, strict

from ringfence.cluster import Cluster
from ringfence.render.reports import findings

TEXT = """\
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}
  ingress:
  - from:
    - podSelector: {}
    - podSelector: {matchLabels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: bad, namespace: shop}
spec: {podSelectr: {}}
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    file = tmp_path_factory.mktemp("linted") / "shop.yaml"
    file.write_text(TEXT)
    return Cluster.load(file)


def test_each_mistake_is_at_its_policy_and_its_lines_and_problems_of_the_input_are_apart(cluster: Cluster) -> None:
    data = cluster.report_data()
    assert fits(data, strict(schema("report")))
    found = [one for one in data["findings"]["found"] if "policy" in one]
    assert [(one["rule"], one["line"], one["endLine"]) for one in found] == [("RF101", 9, 9), ("RF108", 13, 13)]
    assert {data["policies"][one["policy"]]["name"] for one in found} == {"db"}
    assert found[0]["fix"] == {"line": 9, "column": 36, "endLine": 9, "endColumn": 39, "newText": "db"}
    assert any("podSelectr" in one["message"] for one in data["problems"])


def test_of_many_the_worst_are_there_and_the_others_are_counted(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = [one["severity"] for one in cluster.report_data()["findings"]["found"]]
    monkeypatch.setattr(findings, "_MOST", 1)
    found = cluster.report_data()["findings"]
    assert ([one["severity"] for one in found["found"]], found["more"]) == ([min(levels)], len(levels) - 1)
