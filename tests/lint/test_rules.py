"""Every rule finds what its examples say and nothing where they say so, and the engine confirms what it finds."""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.mark.structures import ParameterSet
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.lint.confirming import FOR_NOTHING, is_confirmed
from tests.semantics.judges import cluster_of

from ringfence import Cluster
from ringfence.errors import RingfenceError
from ringfence.lint import (
    ABOUT_SUPPRESSIONS,
    RULES,
    Example,
    FindingLevel,
    LintFindings,
    LintRule,
    LintSettings,
    page_of,
)

TODAY = date(2026, 6, 1)


def examples_of(rules: Iterable[LintRule]) -> list[ParameterSet]:
    return [
        pytest.param(rule, example, id=f"{rule.identifier} {'fires' if example.fires else 'silent'} {example.reason}")
        for rule in rules
        for example in page_of(rule).examples
    ]


def objects_of(example: Example) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(example.manifests))


def read(example: Example, folder: Path) -> Cluster:
    """The cluster of an example, read from a file: some rules look at what is written."""
    file = folder / "example.yaml"
    file.write_text(example.manifests)
    return Cluster.load(file)


def found_by(rule: LintRule, cluster: Cluster, settings: LintSettings | None = None) -> LintFindings:
    if rule not in ABOUT_SUPPRESSIONS:
        return cluster.lint(select=[rule.identifier], settings=settings)
    found = cluster.lint(today=TODAY).found
    return LintFindings(tuple(one for one in found if one.rule == rule.identifier))


@pytest.mark.parametrize(("rule", "example"), examples_of(RULES))
def test_a_rule_fires_and_is_silent_as_its_page_says(rule: LintRule, example: Example, tmp_path: Path) -> None:
    found = found_by(rule, read(example, tmp_path), example.settings)
    assert bool(found) is example.fires
    assert found.skipped == ()
    if other := re.match(r"as a (note|warning)", example.reason):
        assert {one.level for one in found.found} == {FindingLevel(other[1])}
    elif example.fires:
        assert found.found[0].level is rule.level


@pytest.mark.parametrize(("rule", "example"), examples_of(one for one in RULES if one.identifier in FOR_NOTHING))
def test_the_engine_confirms_what_a_rule_finds(rule: LintRule, example: Example) -> None:
    objects = objects_of(example)
    for finding in found_by(rule, cluster_of(objects)).found:
        assert is_confirmed(objects, finding)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.identifier)
def test_a_rule_has_examples_of_both_kinds(rule: LintRule) -> None:
    fires = [example.fires for example in page_of(rule).examples]
    assert fires.count(True) >= 2
    assert fires.count(False) >= 2


def test_identifiers_and_names_are_unique_and_sorted() -> None:
    identifiers = [rule.identifier for rule in RULES]
    assert identifiers == sorted(set(identifiers))
    assert len({rule.name for rule in RULES}) == len(RULES)


@given(st.lists(strategies.objects, max_size=8))
def test_in_random_clusters_the_engine_confirms_every_finding_that_something_is_for_nothing(
    written: list[dict[str, Any]],
) -> None:
    cluster, objects = Cluster(), {}
    for obj in written:
        try:
            cluster.upsert(obj)
        except RingfenceError:
            continue
        metadata = obj["metadata"]
        objects[obj["kind"], metadata.get("namespace"), metadata["name"]] = obj
    for finding in cluster.lint(select=sorted(FOR_NOTHING)).found:
        assert is_confirmed(objects.values(), finding), finding


# --- the port of a Service (RF110): a rule with it may be for something, so that a question confirms it -------------

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "api", "namespace": "shop", "labels": {"app": "api"}},
    "spec": {"containers": [{"name": "api", "image": "api", "ports": [{"containerPort": 8080}]}]},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"selector": {"app": "api"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


def policy_for(*ports: int) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": port} for port in ports]}]},
    }


@pytest.mark.parametrize("ports", [(80,), (8080,), (80, 8080), (81,)])
def test_with_the_port_of_a_service_the_service_cannot_be_reached(ports: tuple[int, ...]) -> None:
    cluster = cluster_of([POD, SERVICE, policy_for(*ports)])
    fires = bool(cluster.lint(select=["RF110"]))
    assert fires is (80 in ports and not cluster.can("pod:shop/app=web", "shop/svc/api", port=80))


def test_it_is_a_warning_if_the_pods_do_not_declare_the_port_that_the_service_leads_to() -> None:
    silent = {**POD, "spec": {"containers": [{"name": "api", "image": "api"}]}}
    (found,) = cluster_of([silent, SERVICE, policy_for(80)]).lint(select=["RF110"]).found
    assert found.level is FindingLevel.WARNING


# --- false alarms of other linters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"podSelector": {}}, id="an empty selector selects pods"),
        pytest.param(
            {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}},
            id="expressions count",
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}, id="an empty namespaceSelector"
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]},
            id="addresses outside the cluster",
        ),
        pytest.param(
            {
                "podSelector": {},
                "ingress": [
                    {
                        "from": [
                            {
                                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "front"}},
                                "podSelector": {"matchLabels": {"app": "web"}},
                            }
                        ]
                    }
                ],
            },
            id="pods of another namespace",
        ),
    ],
)
def test_what_other_linters_report_by_mistake_is_no_finding(spec: dict[str, Any]) -> None:
    web = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "front", "labels": {"app": "web"}},
    }
    metadata = {"name": "p", "namespace": "shop"}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    assert cluster_of([POD, web, policy]).lint().found == ()
