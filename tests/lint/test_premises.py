"""Findings about pods that a policy of an unread kind selects: none is wrong, whatever that policy says.

In the test, an AdminNetworkPolicy with the same subject, which allows or denies something, takes the place of the
unread policy. A finding that is made without reading it must be made in every such cluster, too.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.lint.test_false_alarms import CILIUM, OF_API, OF_WEB, WEB, Object, pod, policy
from tests.lint.test_rules import examples_of, read
from tests.semantics.judges import cluster_of
from tests.semantics.objects import NAME_LABEL

from ringfence.lint import ABOUT_SUPPRESSIONS, RULES, Example, Linted, LintFindings, LintRule
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Unknown

DIRECTIONS = (("ingress", "from"), ("egress", "to"))
EVERYBODY: list[Object] = [{"namespaces": {}}]
ADDRESSES: list[Object] = [{"networks": ["0.0.0.0/0", "::/0"]}]
PORTS: list[Object] = [
    {},
    {},
    {"ports": [{"portNumber": {"protocol": "TCP", "port": 53}}, {"portNumber": {"protocol": "UDP", "port": 53}}]},
    {"ports": [{"portNumber": {"protocol": "TCP", "port": 80}}]},
]


def not_read(namespace: str, subject: Object, types: list[str]) -> Object:
    return {
        "apiVersion": "networking.k8s.aws/v1alpha1",
        "kind": "ApplicationNetworkPolicy",
        "metadata": {"name": "u", "namespace": namespace},
        "spec": {"podSelector": subject, "policyTypes": types, "ingress": [{}], "egress": [{}]},
    }


def in_its_place(namespace: str, subject: Object, rules: Object, name: str = "in-its-place") -> Object:
    spaces = {"matchLabels": {NAME_LABEL: namespace}}
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "priority": 1000,
            "subject": {"pods": {"namespaceSelector": spaces, "podSelector": subject}},
            **rules,
        },
    }


def keys(found: LintFindings) -> set[tuple[str, str, str]]:
    return {(one.rule, one.object, one.path) for one in found.found}


clusters = st.one_of(strategies.clusters(), cluster_policy_strategies.clusters())
subjects = st.tuples(st.sampled_from(strategies.NAMESPACES), strategies.pod_selectors)
some_rules = st.lists(
    st.tuples(st.sampled_from(["Allow", "Deny"]), st.booleans(), st.sampled_from(PORTS)), min_size=1, max_size=2
)


@given(clusters, subjects, st.tuples(some_rules, some_rules))
def test_what_is_found_beside_a_policy_that_is_not_read_is_so_whatever_it_says(
    objects: list[Object], subject: tuple[str, Object], rules: tuple[list[Any], list[Any]]
) -> None:
    found = cluster_of([*objects, not_read(*subject, ["Ingress", "Egress"])]).lint(select=["all"])
    written: Object = {}
    for (direction, peers), some in zip(DIRECTIONS, rules, strict=True):
        written[direction] = [
            {"action": action, peers: ADDRESSES if is_outside and peers == "to" else EVERYBODY, **ports}
            for action, is_outside, ports in some
        ]
    there = cluster_of([*objects, in_its_place(*subject, written)]).lint(select=["all"])
    left = {key for key in keys(found) if key[0] != "RF137"}
    assert left <= keys(there)


@given(clusters)
def test_a_policy_that_is_not_read_and_selects_no_pod_leaves_all_findings_but_those_about_every_cluster(
    objects: list[Object],
) -> None:
    here = cluster_of(objects).lint(select=["all"])
    there = cluster_of([*objects, not_read("elsewhere", {}, ["Ingress", "Egress"])]).lint(select=["all"])
    everywhere = {rule.identifier for rule in RULES if rule.basis is Basis.PASSING_EVERYWHERE}
    assert {key for key in keys(there) if key[0] != "RF137"} == {key for key in keys(here) if key[0] not in everywhere}
    assert everywhere <= {rule for one in there.skipped for rule in one.rules}


ALLOW: Object = {
    "ingress": [{"action": "Allow", "from": EVERYBODY}],
    "egress": [{"action": "Allow", "to": [*EVERYBODY, *ADDRESSES]}],
}
DENY: Object = {
    "ingress": [{"action": "Deny", "from": EVERYBODY}],
    "egress": [{"action": "Deny", "to": [*EVERYBODY, *ADDRESSES]}],
}
BESIDE = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}


@pytest.mark.takes_long
@pytest.mark.parametrize(("rule", "example"), examples_of(RULES))
def test_in_no_example_a_policy_that_is_not_read_could_make_wrong_what_is_found(
    rule: LintRule, example: Example, tmp_path: Path
) -> None:
    if rule in ABOUT_SUPPRESSIONS:
        return
    namespaces = read(example, tmp_path).state.namespaces.names()

    def found_beside(of_namespace: Callable[[str], Object]) -> set[tuple[str, str, str]]:
        cluster = read(example, tmp_path)
        for namespace in namespaces:
            cluster.upsert(of_namespace(namespace))
        return {key for key in keys(cluster.lint(select=["all"], settings=example.settings)) if key[0] != "RF137"}

    found = found_beside(lambda name: not_read(name, {}, ["Ingress", "Egress"]))
    if not found:
        return  # nothing that could be wrong: three readings are spared, of four
    assert found <= found_beside(lambda name: in_its_place(name, {}, ALLOW, name))
    assert found <= found_beside(lambda name: in_its_place(name, {}, DENY, name))
    assert found <= found_beside(lambda name: policy(BESIDE, "zz-beside", name))


@pytest.mark.parametrize(("rule", "example"), examples_of(RULES))
def test_the_findings_of_a_rule_have_premises_as_its_basis_says(
    rule: LintRule, example: Example, tmp_path: Path
) -> None:
    cluster = read(example, tmp_path)
    hits = rule.check(Linted(cluster.state, cluster.redundant, example.settings))
    assert all(bool(hit.premises) is (rule.basis is Basis.PASSING) for hit in hits if not isinstance(hit, Unknown))


# --- which policies leave what open -----------------------------------------------------------------------------------

SHUT = policy({"podSelector": OF_API, "policyTypes": ["Ingress"]}, "api")
NAMED = policy({"podSelector": OF_WEB, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": OF_API}]}]}, "web")


AUTHORIZATION = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"rules": [{}]},
}
FIREWALL = {
    "apiVersion": "k8s.ovn.org/v1",
    "kind": "EgressFirewall",
    "metadata": {"name": "default", "namespace": "shop"},
    "spec": {"egress": [{"type": "Deny", "to": {"cidrSelector": "0.0.0.0/0"}}]},
}


def beside(*more: Object) -> LintFindings:
    return cluster_of([WEB, pod("api"), SHUT, NAMED, *more]).lint(select=["RF113"])


def of_cilium(subject: Object, **rules: Any) -> Object:
    return {**CILIUM, "spec": {"endpointSelector": subject, **rules}}


def test_what_the_other_end_refuses_a_policy_for_it_may_allow() -> None:
    assert [one.rule for one in beside().found] == ["RF113"]
    found = beside(of_cilium(OF_API, ingress=[{}]))
    assert found.found == ()
    (skipped,) = found.skipped
    assert skipped.is_partial
    assert skipped.rules == ("RF113",)
    assert "CiliumNetworkPolicy.cilium.io shop/web (added by a program) is not read" in skipped.reason


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(of_cilium(OF_API, egress=[{}]), id="in the other direction"),
        pytest.param(of_cilium(OF_WEB, ingress=[{}], egress=[{}]), id="of the end that allows it"),
        pytest.param(AUTHORIZATION, id="that can only deny"),
    ],
)
def test_what_the_other_end_refuses_no_policy_allows(other: Object) -> None:
    assert [one.rule for one in beside(other).found] == ["RF113"]


def test_what_one_end_refuses_to_the_other_no_policy_about_addresses_outside_allows() -> None:
    only_web = policy({"podSelector": OF_API, "ingress": [{"from": [{"podSelector": OF_WEB}]}]}, "api")
    sealed = policy({"podSelector": OF_WEB, "policyTypes": ["Egress"]}, "web")
    assert [one.rule for one in cluster_of([WEB, pod("api"), only_web, sealed, FIREWALL]).lint().found] == [
        "RF113",
        "RF137",
    ]


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        pytest.param("RF201", AUTHORIZATION, id="one that only denies"),
        pytest.param("RF202", FIREWALL, id="one about addresses outside the cluster"),
    ],
)
def test_what_is_open_a_policy_may_close(rule: str, other: Object) -> None:
    assert [one.rule for one in cluster_of([WEB]).lint(select=[rule]).found] == [rule]
    assert cluster_of([WEB, other]).lint(select=[rule]).found == ()


def test_several_policies_and_rules_are_one_line() -> None:
    both = [of_cilium(OF_API, ingress=[{}]), of_cilium(OF_API, egress=[{}])]
    others = [{**one, "metadata": {"name": name, "namespace": "shop"}} for one, name in zip(both, "ab", strict=True)]
    (skipped,) = cluster_of([WEB, pod("api"), SHUT, NAMED, *others]).lint(select=["RF113", "RF202"]).skipped
    assert str(skipped) == (
        "partly skipped RF113, RF202: not decided for NetworkPolicy shop/web and 1 more: CiliumNetworkPolicy.cilium.io "
        "shop/a (added by a program) and 1 more policy are not read: they may change what is allowed"
    )


def exposed_to_three(*in_doubt: str) -> LintFindings:
    """A database to which three namespaces may connect; it is not known whether those `in_doubt` may."""
    db = pod("db")
    db["spec"]["containers"][0]["ports"] = [{"containerPort": 5432}]
    names = {"matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": ["a", "b", "c"]}]}
    allowing = policy({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": names}]}]})
    objects = [db, allowing, *(pod("client", name) for name in "abc")]
    return cluster_of([*objects, *(not_read(name, {}, ["Egress"]) for name in in_doubt)]).lint(select=["RF209"])


def test_a_sensitive_port_is_exposed_to_the_namespaces_that_certainly_may_connect() -> None:
    for found, number in ((exposed_to_three(), 3), (exposed_to_three("c"), 2)):
        assert [one.message for one in found.found] == [
            f"pods of {number} other namespaces, such as a, may connect to TCP 5432, which is usually PostgreSQL"
        ]
        assert found.skipped == ()
    found = exposed_to_three("b", "c")
    assert found.found == ()
    assert [one.rules for one in found.skipped] == [("RF209",)]
