"""Lists assume about the peers of rules exactly what the answers about single pairs assume."""

import re
from collections import defaultdict
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from tests.cluster_policy_strategies import clusters
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    labelled,
    namespace,
    namespaces,
    node,
    pod,
    pods,
    policy,
    port,
    workload,
)

from ringfence.engine.answers import explain, list_matches
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import Traffic

X, Y = namespace("x"), namespace("y")
A, B = pod("x/a", {"app": "a"}), pod("x/b", {"app": "b"})
AGENT = workload("x/agent", "DaemonSet", pod("x/agent", {"app": "agent"}, hostNetwork=True))
BY_LABEL = admits(namespaces(labelled(team="a")))


def listed(*objects: Object, asked: str = "") -> list[str]:
    state = cluster_of(objects).state
    everything = list(state.members())
    traffic = [Traffic.of("TCP", [(int(asked), int(asked))])] if asked else []
    return list(list_matches(state, [(everything, everything)], *traffic).sentences())


class TestNamespaces:
    MISSING = (
        "no Namespace object for y is in the input: it is assumed to have no label but kubernetes.io/metadata.name=y"
    )

    def test_a_namespace_whose_labels_a_rule_reads_is_named_once(self) -> None:
        policies = [policy(f"x/{name}", ingress=[BY_LABEL]) for name in "pq"]
        assert listed(X, A, B, pod("y/c"), pod("y/d"), *policies) == [self.MISSING]

    def test_nothing_is_assumed_of_one_that_no_rule_reads(self) -> None:
        assert listed(X, A, pod("y/c"), policy("x/p", ingress=[admits(namespaces({}))])) == []
        assert listed(X, Y, A, pod("y/c"), policy("x/p", ingress=[BY_LABEL])) == []
        assert listed(X, A, pod("y/c"), policy("x/p", labelled(app="none"), ingress=[BY_LABEL])) == []

    def test_a_rule_that_surely_allows_as_much_makes_another_pointless(self) -> None:
        anyone = policy("x/q", ingress=[admits(ports=[port(80)])])
        by_label = admits(namespaces(labelled(team="a")), ports=[port(80)])
        assert listed(X, A, pod("y/c"), policy("x/p", ingress=[by_label]), anyone) == []
        assert listed(X, A, pod("y/c"), policy("x/p", ingress=[BY_LABEL]), anyone) == [self.MISSING]

    def test_a_list_about_some_ports_depends_on_rules_about_these_only(self) -> None:
        objects = (X, A, pod("y/c"), policy("x/p", ingress=[admits(namespaces(labelled(team="a")), ports=[port(80)])]))
        assert listed(*objects, asked="80") == [self.MISSING]
        assert listed(*objects, asked="81") == []


class TestAddresses:
    def test_pods_without_an_address_are_counted(self) -> None:
        assumed = "not to lie in ipBlock 10.0.0.0/8"
        found = listed(X, A, B, policy("x/p", ingress=[admits(block("10.0.0.0/8"))]))
        assert found == [f"the addresses of 2 pods, such as x/a, are not known: they are assumed {assumed}"]

    def test_a_pod_need_not_be_told_from_itself(self) -> None:
        found = listed(X, A, B, policy("x/p", labelled(app="a"), ingress=[admits(block("10.0.0.0/8"))]))
        assert found == ["the address of x/b is not known: it is assumed not to lie in ipBlock 10.0.0.0/8"]
        assert listed(X, A, policy("x/p", ingress=[admits(block("10.0.0.0/8"))])) == []


class TestHostNetwork:
    def test_policies_and_selectors_that_would_select_a_pod_are_named(self) -> None:
        by_label = policy("x/p", labelled(app="a"), ingress=[admits(pods(labelled(app="agent")))])
        assert listed(X, A, AGENT, by_label, policy("x/q", labelled(app="agent"), ingress=[])) == [
            "x/DaemonSet/agent uses its node's network: network plugins may, but most do not, match it by its labels",
            "x/DaemonSet/agent uses its node's network: x/q is assumed not to apply to it",
        ]

    def test_policies_about_the_same_pods_are_named_together(self) -> None:
        other = workload("x/other", "DaemonSet", pod("x/other", hostNetwork=True))
        policies = [policy(f"x/{name}", ingress=[]) for name in "pqrs"]
        assert listed(X, A, AGENT, other, *policies) == [
            "2 pods, such as x/DaemonSet/agent, use their nodes' network: x/p, x/q, x/r ... are assumed not to apply "
            "to them"
        ]

    def test_a_node_reaches_its_own_pods_whatever_policies_say(self) -> None:
        one = node("one", "192.168.0.1")
        host, web = pod("y/host", hostNetwork=True, nodeName="one"), pod("x/a", nodeName="one")
        by_label = policy("x/p", ingress=[admits(namespaces({}))])
        assert listed(X, Y, one, host, web, by_label) == []
        assert len(listed(X, Y, one, host, pod("x/a", nodeName="two"), by_label)) == 1


SINGLE = (
    re.compile(r"(?P<rest>no Namespace object for .*)"),
    re.compile(r"(?P<rest>.* have the same priority .*)"),
    re.compile(r"the address of (?P<pod>\S+) is not known: it is assumed (?P<rest>.*)"),
    re.compile(r"(?P<pod>\S+) uses its node's network: (?P<rest>network plugins may)"),
    re.compile(r"(?P<pod>\S+) uses its node's network: (?P<rest>.* assumed not to apply)"),
)
SEVERAL = (
    re.compile(r"the addresses of (?P<many>.+), are not known: they are assumed (?P<rest>.*)"),
    re.compile(r"(?P<many>.+), use their nodes' network: (?P<rest>network plugins may)"),
    re.compile(r"(?P<many>.+), use their nodes' network: (?P<rest>.* assumed not to apply)"),
)
Facts = dict[str, set[str]]
"""The pods that share an assumption; none if it is about a namespace."""


def fact(assumption: str) -> tuple[str, str] | None:
    """An assumption of an answer about one pair, with its pod; None for other kinds of assumptions."""
    matches = (pattern.match(assumption) for pattern in SINGLE)
    found = next((match.groupdict() for match in matches if match), None)
    return (found["rest"], found.get("pod", "")) if found else None


def facts_of_pairs(state: State, sources: list[Member], destinations: list[Member], *, of_sides: bool = False) -> Facts:
    """The assumptions of the answers about all pairs, or their sides, and about each hostNetwork pod with addresses."""
    reasons = [explain(state, a, b, None) for a, b in product(sources, destinations) if not is_one_pod(a, b)]
    reasons += [explain(state, one, ALL_ADDRESSES, None) for one in sources if one.host_network]
    reasons += [explain(state, ALL_ADDRESSES, one, None) for one in destinations if one.host_network]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for reason in reasons:
        sides = (*reason.egress.assumptions, *reason.ingress.assumptions)
        for assumption in sides if of_sides else reason.assumptions:
            if known := fact(assumption):
                found[known[0]].add(known[1])
    return found


def summary(facts: Facts) -> set[str]:
    """The facts as a list counts them; policies that are assumed not to apply to the same pods are one fact."""
    lines = set()
    for rest, names in facts.items():
        who = min(names) if len(names) == 1 else f"{len(names)} pods, such as {min(names)}"
        lines.add(f"{who}: {'assumed not to apply' if rest.endswith('apply') else rest}")
    return lines


def listed_summary(assumptions: list[str]) -> set[str]:
    lines = set()
    for assumption in assumptions:
        several = next((match.groupdict() for pattern in SEVERAL if (match := pattern.match(assumption))), None)
        single = fact(assumption)
        assert several or single
        who, rest = (several["many"], several["rest"]) if several else (single[1], single[0]) if single else ("", "")
        lines.add(f"{who}: {'assumed not to apply' if rest.endswith('apply') else rest}")
    return lines


@given(clusters(), st.data())
def test_a_list_assumes_exactly_what_the_answers_about_its_pairs_do(objects: list[Object], data: st.DataObject) -> None:
    """If a label has an unknown value, the list may assume more: everything that a side of a pair assumes."""
    state = cluster_of(objects).state
    members = sorted(state.members(), key=str)
    some = st.lists(st.sampled_from(members), unique=True) if members else st.just([])
    sources, destinations = data.draw(st.one_of(st.just(members), some)), data.draw(st.one_of(st.just(members), some))
    found = list(list_matches(state, [(sources, destinations)]).sentences())
    assert len(found) == len(set(found))
    of_answers = facts_of_pairs(state, sources, destinations)
    of_sides = facts_of_pairs(state, sources, destinations, of_sides=True)
    if of_answers == of_sides or not any(pod.unknown_labels for pod in members):
        assert listed_summary(found) == summary(of_answers)
    else:
        named = {line.rpartition(": ")[2] for line in listed_summary(found)}
        least, most = ({line.rpartition(": ")[2] for line in summary(one)} for one in (of_answers, of_sides))
        assert least <= named <= most
