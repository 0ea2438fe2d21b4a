"""Random tests in random clusters: the outcomes agree with `can` and the naive evaluator about all pairs."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, key_of, labelled, namespace, pod, pods, policy, port
from tests.strategies import clusters
from tests.testing.worlds import TODAY

from ringfence.analysis.endpoints import asked_ports
from ringfence.cluster import Cluster
from ringfence.engine.answers import Certainty, End, explain
from ringfence.engine.population import Member, is_one_pod
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import Traffic
from ringfence.testing.judging import Judge
from ringfence.testing.outcomes import JudgedTest, Status
from ringfence.testing.reachability_tests import (
    Acceptance,
    Connects,
    Expectation,
    Expected,
    OnlyThese,
    ReachabilityTest,
)

PORTS = (53, 80, 81, 90)
ports = st.sampled_from(PORTS)


def outcome(cluster: Cluster, expectation: Expectation) -> JudgedTest:
    """The outcome of an expectation, whatever is assumed and whichever ports are served."""
    test = ReachabilityTest("t", Place("t.yaml", 1), expectation, accepted=frozenset(Acceptance))
    return Judge(cluster.state, "default", today=TODAY).outcome(test)


def pods_of(cluster: Cluster) -> dict[str, Member]:
    """The pods whose names alone name them, as the naive evaluator writes them."""
    names = Counter(f"{member.namespace}/{member.name}" for member in cluster.state.members())
    found = {f"{member.namespace}/{member.name}": member for member in cluster.state.members()}
    return {name: member for name, member in sorted(found.items()) if names[name] == 1}


@given(clusters(), st.data())
def test_allow_and_deny_of_many_agree_with_can_about_each_pair(objects: list[Object], data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    spaces = sorted({member.namespace for member in cluster.state.members()})
    assume(spaces)
    ends = st.sampled_from([*(f"{space}/*" for space in spaces), "*/*"])
    source, destination, port = data.draw(ends), data.draw(ends), data.draw(ports)
    verdict = cluster.can(source, destination, port=port)
    each = list(verdict.parts)
    asked = (source,), (destination,), asked_ports(port)
    expected = {
        Connects(*asked, Expected.ALLOW): verdict.all,
        Connects(*asked, Expected.DENY): verdict.none,
        Connects(*asked, Expected.ALLOW, any_pair=True): any(not part.refused for part in each),
        Connects(*asked, Expected.DENY, any_pair=True): any(not part.passing for part in each),
    }
    found = {one: outcome(cluster, one).status is Status.PASSED for one in expected}
    assert found == expected


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(clusters(), st.data())
def test_only_from_and_only_to_agree_with_the_naive_evaluator(objects: list[Object], data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    pods = pods_of(cluster)
    assume(pods and len(pods) == len(list(cluster.state.members())))
    own, port = data.draw(st.sampled_from(list(pods))), data.draw(ports)
    direction = data.draw(st.sampled_from(Direction))
    allowed = {other for other in pods if other != own and _passes(objects, own, other, port, direction)}
    several = pods[own].is_several
    if several and _passes(objects, own, own, port, direction):
        allowed.add(own)
    exempt = {other for other in pods if _is_exempt(objects, own, other, direction)}
    # Only replicas of one workload can be peers of their own.
    others = [name for name in pods if name != own or several]
    any_of_them = st.lists(st.sampled_from(others), unique=True) if others else st.just([])
    listed = frozenset(data.draw(st.just(sorted(allowed)) | any_of_them))
    # Everything outside the cluster is listed, so that the test is about pods alone.
    reachable = cluster.sources(own, port) if direction is Direction.INGRESS else cluster.destinations(own, port)
    outside = tuple(reachable.addresses.cidrs())
    # A block lists the pods inside as well, over its address family only.
    inside = {name for name, pod in pods.items() if any(reachable.addresses.contains(*one) for one in pod.addresses)}
    assume(not inside)
    test = OnlyThese(direction, (own,), asked_ports(port), (*sorted(listed), *outside))

    expected = listed <= allowed and allowed - exempt <= listed
    found = outcome(cluster, test)
    assert (found.status is Status.PASSED) is expected, found.message


def _passes(objects: list[Object], own: str, other: str, port: int, direction: Direction) -> bool:
    ends = (other, own) if direction is Direction.INGRESS else (own, other)
    return naive.allowed(objects, *ends, "TCP", port)


def _is_exempt(objects: list[Object], own: str, other: str, direction: Direction) -> bool:
    ends = (other, own) if direction is Direction.INGRESS else (own, other)
    return naive.pair_of(objects, *ends).is_exempt


@given(clusters(), ports)
def test_what_surely_assumes_nothing_assumes_nothing(objects: list[Object], port: int) -> None:
    state = cluster_of(objects).state
    certainty = Certainty(state)
    asked = Traffic.of("TCP", ((port, port),))
    ends: list[End] = [*state.members(), ALL_ADDRESSES]
    for source, destination in product(ends, ends):
        if is_one_pod(source, destination) or not (isinstance(source, Member) or isinstance(destination, Member)):
            continue
        if certainty.assumes_nothing(source, destination, asked):
            assert explain(state, source, destination, asked).assumptions == ()
        if certainty.assumes_nothing(source, destination):
            for about in (asked, None):
                assert explain(state, source, destination, about).assumptions == ()


@pytest.mark.parametrize(
    ("selected", "node", "is_certain"),
    [
        pytest.param("nobody", "n2", True, id="no rule selects the host, and the nodes are different"),
        pytest.param("proxy", "n2", False, id="a rule would select the host by its labels"),
        pytest.param("nobody", "n1", False, id="the host is on the node of the pod"),
        pytest.param("nobody", "", False, id="the node of the host is not known"),
    ],
)
def test_an_answer_about_a_host_is_certain_only_where_nobody_takes_it_for_a_pod_or_the_own_node(
    selected: str, node: str, is_certain: bool
) -> None:
    def pod(name: str, on: str, address: str, *, host: bool) -> Object:
        metadata = {"name": name, "namespace": "x", "labels": {"app": name}}
        spec = {"hostNetwork": host, **({"nodeName": on} if on else {})}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": spec,
            "status": {"podIPs": [{"ip": address}]},
        }

    rule = {"from": [{"podSelector": {"matchLabels": {"app": selected}}}]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "x"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [rule]},
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    pods = [pod("db", "n1", "10.0.0.1", host=False), pod("proxy", node, "192.0.2.1", host=True)]
    state = cluster_of([space, *pods, policy]).state
    of_name = {one.reference.name: one for one in state.members()}
    source, destination = of_name["proxy"], of_name["db"]
    assert Certainty(state).assumes_nothing(source, destination) is is_certain
    assert (explain(state, source, destination, None).assumptions == ()) is is_certain
    is_outside_certain = Certainty(state).assumes_nothing(ALL_ADDRESSES, destination)
    assert is_outside_certain is (selected == "nobody")
    assert (explain(state, ALL_ADDRESSES, destination, None).assumptions == ()) is is_outside_certain


def test_a_rule_about_another_port_makes_no_answer_about_a_host_uncertain() -> None:
    """A rule selects the hostNetwork pod by its labels, for port 80."""
    proxy = pod("x/proxy", {"app": "proxy"}, addresses=["192.0.2.1"], hostNetwork=True, nodeName="n2")
    db = pod("x/db", {"app": "db"}, addresses=["10.0.0.1"], nodeName="n1")
    rule = admits(pods(labelled(app="proxy")), ports=[port(80)])
    state = cluster_of([namespace("x"), proxy, db, policy("x/p", labelled(app="db"), ingress=[rule])]).state
    of_name = {one.reference.name: one for one in state.members()}
    for number, is_certain in ((80, False), (81, True)):
        asked = Traffic.of("TCP", ((number, number),))
        for source in (of_name["proxy"], ALL_ADDRESSES):
            assert Certainty(state).assumes_nothing(source, of_name["db"], asked) is is_certain
            assert (explain(state, source, of_name["db"], asked).assumptions == ()) is is_certain


@given(clusters(), st.data())
def test_a_copy_of_a_cluster_answers_as_the_cluster_and_changes_alone(
    objects: list[Object], data: st.DataObject
) -> None:
    from copy import deepcopy

    cluster = cluster_of(objects)
    before = sorted(map(str, cluster.connections()))
    copied = deepcopy(cluster)
    assert sorted(map(str, copied.connections())) == before
    changed = data.draw(st.lists(st.sampled_from(objects), unique_by=key_of))
    for obj in changed:
        copied.remove(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    left = [obj for obj in objects if obj not in changed]
    assert sorted(map(str, copied.connections())) == sorted(map(str, cluster_of(left).connections()))
    assert sorted(map(str, cluster.connections())) == before
