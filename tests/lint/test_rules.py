"""Every rule has exactly the findings that its examples say, and the engine confirms them."""

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

WEB = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}}
TODAY = date(2026, 6, 1)


def examples_of(rules: Iterable[LintRule]) -> list[ParameterSet]:
    return [
        pytest.param(
            rule,
            example,
            id=f"{rule.identifier} {'fires' if example.fires else 'silent'} {example.condition} {example.reason}",
        )
        for rule in rules
        for example in page_of(rule).examples
    ]


def objects_of(example: Example) -> list[dict[str, Any]]:
    return list(yaml.load_all(example.manifests, Loader=yaml.CSafeLoader))


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
    if other := re.match(r"as a (note|warning)", example.condition):
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
    for finding in cluster.lint(settings=LintSettings(complete=True)).found:
        assert is_confirmed(objects.values(), finding), finding


ASKED = {
    "RF115": [("shop/web", "10.0.0.53", 53, "UDP", True), ("shop/web", "10.0.0.53", 53, "TCP", False)],
    "RF132": [("shop/web", "169.254.169.254", 80, "TCP", True)],
    "RF133": [("shop/web", "shop/api", 15008, "TCP", False), ("shop/web", "shop/api", 8080, "TCP", True)],
    "RF134": [("192.0.2.1", "shop/checks", 9443, "TCP", False), ("pod:shop/app=x", "shop/checks", 9443, "TCP", True)],
    "RF135": [("pod:other/app=x", "shop/web", 8080, "TCP", False), ("192.0.2.1", "shop/web", 8080, "TCP", False)],
}
"""The engine's answers about the first example in which a rule fires, or the second for RF115."""


OTHER_PLACES = {
    "RF103": {"Pod audit/auditor"},
    "RF107": {"NetworkPolicy shop/web"},
    "RF108": {"NetworkPolicy shop/api"},
    "RF109": {"NetworkPolicy shop/web"},
    "RF110": {"Service shop/api", "Pod shop/api"},
    "RF112": {"Pod shop/a", "Pod shop/b"},
    "RF113": {"NetworkPolicy shop/web", "Pod shop/db", "Pod shop/web"},
    "RF114": {"Pod shop/web"},
    "RF119": {"NetworkPolicy shop/web"},
    "RF122": {"DaemonSet shop/agent"},
    "RF123": {"DaemonSet shop/agent"},
    "RF126": {"NetworkPolicy shop/a"},
    "RF127": {"Deployment shop/db"},
    "RF128": {"Pod shop/web"},
    "RF133": {"Pod shop/api"},
    "RF134": {"ValidatingWebhookConfiguration checks", "Service shop/checks", "Pod shop/checks"},
    "RF135": {"Ingress shop/web", "Service shop/web", "Pod shop/web"},
    "RF136": {"Service shop/web", "Pod shop/web"},
    "RF139": {"ClusterNetworkPolicy.policy.networking.k8s.io open"},
    "RF141": {"StatefulSet shop/db"},
    "RF142": {"NetworkPolicy shop/db", "Pod shop/db", "Pod shop/web"},
    "RF205": {"Deployment shop/web"},
    "RF206": {"Deployment shop/web"},
    "RF207": {"Deployment shop/web"},
}
"""The objects, beside the one that the finding is about, at which the first example in which a rule fires has places.

Where a rule speaks of two places, the other one is among them.
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.identifier)
def test_a_finding_has_the_other_places_that_it_is_about(rule: LintRule, tmp_path: Path) -> None:
    example = next(example for example in page_of(rule).examples if example.fires)
    found = found_by(rule, read(example, tmp_path), example.settings).found[0]
    assert {at.object for at in found.related} == OTHER_PLACES.get(rule.identifier, set())
    assert all(at.place.file == found.place.file and at.place.line for at in found.related)


@pytest.mark.parametrize("identifier", ASKED)
def test_the_engine_answers_what_a_rule_says(identifier: str) -> None:
    (rule,) = [one for one in RULES if one.identifier == identifier]
    example = [one for one in page_of(rule).examples if one.fires][identifier == "RF115"]
    objects = [*objects_of(example), *([WEB] if identifier == "RF115" else [])]
    for source, destination, port, protocol, allowed in ASKED[identifier]:
        assert bool(cluster_of(objects).can(source, destination, port=port, protocol=protocol)) is allowed


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
