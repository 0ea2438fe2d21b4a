"""The changes by a migration from one network plugin to another, and by a plugin for given policies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.differences.test_difference_by_lists import assert_rows_are, cluster, listed_pairs
from tests.semantics.objects import Object, block, node, pod, policy, port
from tests.strategies import clusters

from ringfence import Cluster
from ringfence.analysis.differences import Change
from ringfence.analysis.differences.matched_workloads import match
from ringfence.engine.population import Reference
from ringfence.errors import InputError
from ringfence.render.affecting_traits import affecting_json, affecting_text

PLUGINS = ("calico", "cilium@1.15", "cilium:allow-localhost=policy", "aws-vpc-cni", "azure-npm", "windows", "none")
OBJECTS: list[Object] = [
    pod("x/web", {"app": "web"}, addresses=["10.0.0.1"]),
    pod("x/db", {"app": "db"}, addresses=["10.0.0.2"]),
    node("n", "192.168.0.1"),
    policy(
        "x/p",
        {"matchLabels": {"app": "db"}},
        ingress=[{"from": [block("10.0.0.0/8")], "ports": [port(1, to=100)]}, {"ports": [port(7, "SCTP")]}],
    ),
]


@settings(max_examples=15)  # each compares two clusters
@given(clusters(), st.sampled_from(PLUGINS), st.sampled_from(PLUGINS))
def test_rows_are_exactly_what_the_lists_of_both_plugins_differ_in(objects: list[Object], one: str, other: str) -> None:
    before, after = cluster(objects).as_enforced_by(one), cluster(objects).as_enforced_by(other)
    found = before.diff(after)
    units = match(before.state, after.state).common
    assert_rows_are(listed_pairs(before, after, units), found, units)
    for row in found.connections:
        assert Change.PLUGIN in row.attributed_to
        assert any(cause.what is Change.PLUGIN and ": with " in cause.text for cause in row.causes)
    assert not found.policies


def causes(before: str, after: str) -> dict[str, list[str]]:
    """The topics that each row comes from, by its ends and traffic."""
    found = cluster(OBJECTS).as_enforced_by(before).diff(cluster(OBJECTS).as_enforced_by(after))
    return {
        f"{row.kind} {'*' if isinstance(row.sources, tuple) else 'outside'} {row.traffic}": [
            cause.text.split(":")[0] for cause in row.causes if cause.what is Change.PLUGIN
        ]
        for row in found.connections
    }


def test_each_row_names_the_traits_that_it_comes_from() -> None:
    assert causes("calico", "cilium@1.19") == {
        "closed * TCP 1-100; SCTP 7": ["ipBlock-pods", "sctp"],
        "closed outside SCTP 7": ["sctp"],
    }
    assert causes("cilium@1.19", "cilium@1.15") == {"closed outside TCP 2-100": ["endPort"]}
    assert causes("cilium@1.15", "cilium@1.19") == {"opened outside TCP 2-100": ["endPort"]}


def test_a_row_names_the_rule_of_the_policy_as_well() -> None:
    (row,) = cluster(OBJECTS).as_enforced_by("cilium@1.15").diff(cluster(OBJECTS).as_enforced_by("cilium")).connections
    rule = next(cause for cause in row.causes if cause.policy)
    assert (str(rule.policy), rule.rule, rule.what) == ("x/p", 0, None)


def test_plugins_that_enforce_alike_differ_in_nothing() -> None:
    assert not cluster(OBJECTS).as_enforced_by("calico").diff(cluster(OBJECTS).as_enforced_by("antrea"))


def test_what_is_not_certain_of_either_plugin_is_assumed() -> None:
    found = cluster(OBJECTS).as_enforced_by("calico").diff(cluster(OBJECTS).as_enforced_by("cilium@1.20"))
    assert "Cilium is assumed to be configured without policy-cidr-match-mode=pods" in found.assumptions
    assert "Cilium is assumed to be configured without enable-sctp=true" in found.assumptions


def test_each_trait_that_changes_something_is_listed_apart_with_its_rules() -> None:
    made = cluster(OBJECTS)
    found = made.affected_by("cilium@1.15")
    assert {one.chosen.topic.name: [rule.index for rule in one.rules] for one in found} == {
        "ipBlock-pods": [0],
        "ipBlock-nodes": [0],
        "sctp": [1],
        "endPort": [0],
    }
    changing = {one.chosen.topic.name: one.changes_answers for one in found}
    assert changing == {"ipBlock-pods": True, "ipBlock-nodes": False, "sctp": True, "endPort": True}
    assert made.can("x/web", "x/db", port=1), "the cluster stays as it is"
    text = affecting_text(found)
    assert "an ipBlock matches no pods (ipBlock-pods=no; documented: " in text
    assert "  - x/web -> x/db: TCP 1-100" in text
    assert "  no connection changes" in text
    assert [one["changesAnswers"] for one in affecting_json(found)] == [True, False, True, True]


def test_a_policy_that_is_not_applied_is_listed_as_a_whole() -> None:
    (trait,) = cluster(OBJECTS).affected_by("none")
    assert [(rule.index, str(rule)) for rule in trait.rules] == [(None, "x/p ingress")]
    owned = [one for one in OBJECTS if one["kind"] != "Pod"]
    assert not cluster(owned).affected_by("aws-vpc-cni"), "there is no pod without an owner"
    assert "standalone-pods" in {one.chosen.topic.name for one in cluster(OBJECTS).affected_by("aws-vpc-cni")}


@pytest.mark.parametrize("plugin", ["calico", "antrea", "ringfence"])
def test_a_plugin_that_enforces_as_upstream_affects_nothing(plugin: str) -> None:
    assert cluster(OBJECTS).affected_by(plugin) == ()


@settings(max_examples=10)  # each compares as many clusters as there are traits
@given(clusters(), st.sampled_from(PLUGINS))
def test_a_trait_that_is_not_listed_changes_nothing(objects: list[Object], plugin: str) -> None:
    made = cluster(objects)
    listed = made.affected_by(plugin)
    if not any(one.changes_answers for one in listed):
        assert not cluster(objects).diff(cluster(objects).as_enforced_by(plugin)).connections


def test_a_cluster_that_answers_as_a_plugin_is_not_asked_what_one_changes() -> None:
    with pytest.raises(InputError, match="already answers as a plugin enforces policies"):
        Cluster().as_enforced_by("calico").affected_by("cilium")


@pytest.mark.parametrize(("number", "change"), [(90, "closed"), (80, "opened")])
def test_a_rule_that_names_the_other_port_of_a_service_is_listed(number: int, change: str) -> None:
    leads = {"selector": {"app": "db"}, "ports": [{"port": 80, "targetPort": 90}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "x", "name": "db"}, "spec": leads}
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [port(number)]}
    made = cluster([*OBJECTS[:3], service, policy("x/q", {"matchLabels": {"app": "web"}}, egress=[rule])])
    (row,) = next(one for one in made.affected_by("eks") if one.chosen.topic.name == "service-port").connections
    assert (row.kind, str(row.traffic), row.sources, row.destinations) == (
        change,
        "TCP 80",
        (Reference("x", "Pod", "web"),),
        (Reference("x", "Service", "db"),),
    )
    for plugin, verdict in (("calico", change == "closed"), ("cilium", change == "closed"), ("eks", True)):
        # The pod is bare, so the VPC CNI allows it everything: this trait is listed separately.
        answered = cluster([*OBJECTS[:3], service, policy("x/q", {"matchLabels": {"app": "web"}}, egress=[rule])])
        assert bool(answered.as_enforced_by(plugin).can("x/web", "x/svc/db", port=80)) is verdict
