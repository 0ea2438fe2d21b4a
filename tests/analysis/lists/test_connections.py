"""Every allowed connection: which pods are listed as one, what is not listed, and outside addresses."""

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from tests import strategies
from tests.engine.population.test_workloads import made, owned_pod
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, node, pod, pods, policy, port, sends

from ringfence.analysis.lists.connections import Connection, connections
from ringfence.engine.answers import traffic_between
from ringfence.engine.population.pods import Reference, is_one_pod
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

TEST_NET = Addresses.of(ip_network("192.0.2.0/24"))
A = Reference("x", "Pod", "a")
TCP_80 = Traffic.of("TCP", [(80, 80)])
SET = Reference("x", "StatefulSet", "db")
AGENT = Reference("x", "DaemonSet", "agent")
TWO_DBS = [made(SET), owned_pod("x/db-0", SET, app="db", ordinal="0"), owned_pod("x/db-1", SET, app="db", ordinal="1")]
CLOSED = policy("x/closed", ingress=[], egress=[])

Lines = set[tuple[str, str, str]]


def name(end: Reference | Addresses) -> str:
    if isinstance(end, Reference):
        return str(end)
    return "anywhere" if end == ALL_ADDRESSES else " ".join(end.cidrs())


def listed(objects: Iterable[Object], *, by_pod: bool = False) -> list[Connection]:
    return list(connections(cluster_of(objects).state, pods=by_pod))


def lines(objects: Iterable[Object], *, by_pod: bool = False, outside: bool = False) -> Lines:
    """Source, destination and traffic of each connection; those with outside addresses only on request."""
    found = [
        (name(one.source), name(one.destination), str(one.traffic))
        for one in listed(objects, by_pod=by_pod)
        if outside or not any(isinstance(end, Addresses) for end in (one.source, one.destination))
    ]
    assert len(set(found)) == len(found), "nothing is listed twice"
    return set(found)


class TestPodGroups:
    def test_a_workload_whose_pods_no_policy_tells_apart_is_listed_as_one(self) -> None:
        assert lines([*TWO_DBS, pod("x/web")]) == {
            ("x/StatefulSet/db", "x/StatefulSet/db", "all traffic"),
            ("x/StatefulSet/db", "x/web", "all traffic"),
            ("x/web", "x/StatefulSet/db", "all traffic"),
        }

    def test_with_pods_every_pod_is_listed(self) -> None:
        assert ("x/db-0", "x/db-1", "all traffic") in lines(TWO_DBS, by_pod=True)

    @pytest.mark.parametrize("by_pod", [True, False])
    def test_a_template_of_several_pods_is_listed_with_itself(self, by_pod: bool) -> None:
        assert lines([made(SET, replicas=1)], by_pod=by_pod) == set(), "one pod, whose way to itself is not listed"
        itself = ("x/StatefulSet/db", "x/StatefulSet/db", "all traffic")
        assert lines([made(SET, replicas=2)], by_pod=by_pod) == {itself}
        assert lines([made(SET, replicas=2), CLOSED], by_pod=by_pod) == set()

    def test_a_workload_without_pods_is_not_listed(self) -> None:
        assert listed([made(SET, replicas=0)]) == []

    def test_a_workload_whose_pods_a_policy_tells_apart_is_listed_pod_by_pod(self) -> None:
        guarded = policy("x/p", labelled(ordinal="0"), ingress=[])
        assert lines([*TWO_DBS, guarded]) == {("x/db-0", "x/db-1", "all traffic")}

    def test_a_workload_with_one_pod_is_listed_under_its_own_name(self) -> None:
        one_db = TWO_DBS[:2]
        assert lines([*one_db, pod("x/web")]) == {
            ("x/StatefulSet/db", "x/web", "all traffic"),
            ("x/web", "x/StatefulSet/db", "all traffic"),
        }

    def test_connections_of_a_pod_to_itself_are_not_listed(self) -> None:
        assert lines([pod("x/a")]) == set()

    def test_denied_connections_are_not_listed(self) -> None:
        assert lines([pod("x/a"), pod("x/b"), CLOSED], outside=True) == set()


class TestOutside:
    def test_a_pod_that_is_not_isolated_connects_to_and_from_anywhere(self) -> None:
        assert lines([pod("x/a")], outside=True) == {
            ("x/a", "anywhere", "all traffic"),
            ("anywhere", "x/a", "all traffic"),
        }

    def test_addresses_with_different_traffic_are_listed_separately(self) -> None:
        written = policy("x/p", egress=[sends(ports=[port(80)]), sends(block("192.0.2.0/24"))], policyTypes=["Egress"])
        found = {one.traffic: one.destination for one in listed([pod("x/a"), written]) if one.source == A}
        assert found.keys() == {TCP_80, ALL_TRAFFIC}
        assert found[ALL_TRAFFIC] == TEST_NET
        assert found[TCP_80] == ALL_ADDRESSES - TEST_NET

    def test_the_node_of_a_pod_always_reaches_it(self) -> None:
        objects = [node("n", "192.168.0.1"), pod("x/a", nodeName="n"), CLOSED]
        assert lines(objects, outside=True) == {("192.168.0.1/32", "x/a", "all traffic")}

    def test_traffic_from_the_node_is_added_to_what_policies_allow(self) -> None:
        written = policy("x/p", ingress=[admits(block("192.168.0.0/31"), ports=[port(80)])])
        objects = [node("n", "192.168.0.1"), pod("x/a", nodeName="n"), written]
        assert {line for line in lines(objects, outside=True) if line[1] == "x/a"} == {
            ("192.168.0.1/32", "x/a", "all traffic"),
            ("192.168.0.0/32", "x/a", "TCP 80"),
        }


def test_a_connection_and_its_ends_print_as_people_write_them() -> None:
    office = policy("x/office", ingress=[admits(block("203.0.113.0/24"), ports=[port(80)])], egress=[])
    (one,) = listed([pod("x/a"), office])
    assert str(one) == "203.0.113.0/24 -> x/a: TCP 80"
    assert (str(one.source), str(one.destination), str(one.traffic)) == ("203.0.113.0/24", "x/a", "TCP 80")


class TestNodes:
    OBJECTS = (
        node("n", "192.168.0.1"),
        pod("x/agent", hostNetwork=True, nodeName="n"),
        pod("x/near", nodeName="n"),
        pod("x/far", nodeName="m"),
        policy("x/p", {}, ingress=[admits(pods({}), block("192.168.0.1/32"), ports=[port(80)])]),
    )

    def test_a_host_network_pod_reaches_the_pods_of_its_node_whatever_policies_say(self) -> None:
        assert lines(self.OBJECTS) == {
            ("x/agent", "x/near", "all traffic"),
            ("x/agent", "x/far", "TCP 80"),
            ("x/near", "x/agent", "all traffic"),
            ("x/near", "x/far", "TCP 80"),
            ("x/far", "x/near", "TCP 80"),
            ("x/far", "x/agent", "all traffic"),
        }

    def test_two_host_network_pods_of_a_node_always_connect_whatever_addresses_they_report(self) -> None:
        """They share the network of the node, and their packets never leave it."""
        one = pod("x/a", addresses=["192.168.0.1"], hostNetwork=True, nodeName="n")
        other = pod("x/b", addresses=["fd00::1"], hostNetwork=True, nodeName="n")
        assert lines([one, other]) == {("x/a", "x/b", "all traffic"), ("x/b", "x/a", "all traffic")}

    def test_a_workload_on_many_nodes_is_not_listed_for_what_only_one_of_its_pods_reaches(self) -> None:
        daemons = [owned_pod(f"x/agent-{name}", AGENT) for name in ("n", "m")]
        for daemon, home in zip(daemons, ("n", "m"), strict=True):
            daemon["spec"] |= {"hostNetwork": True, "nodeName": home}
        objects = [node("n", "192.168.0.1"), node("m", "192.168.0.2"), *daemons, pod("x/near", nodeName="n"), CLOSED]
        assert ("x/DaemonSet/agent", "x/near", "all traffic") not in lines(objects)
        assert ("x/agent-n", "x/near", "all traffic") in lines(objects, by_pod=True)
        assert ("x/agent-m", "x/near", "all traffic") not in lines(objects, by_pod=True)


# --- on random clusters -----------------------------------------------------------------------------------------------


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_with_pods_exactly_the_allowed_pairs_are_listed_with_their_traffic(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    found = {
        (one.source, one.destination): one.traffic
        for one in cluster.connections(pods=True)
        if isinstance(one.source, Reference) and isinstance(one.destination, Reference)
    }
    members = list(cluster.state.members())
    expected = {
        (source.reference, destination.reference): traffic_between(cluster.state, source, destination)
        for source in members
        for destination in members
        if not is_one_pod(source, destination)
    }
    assert found == {pair: passing for pair, passing in expected.items() if passing}


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_outside_addresses_are_disjoint_and_complete(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    state = cluster.state
    outward: defaultdict[Reference, list[Connection]] = defaultdict(list)
    inward: defaultdict[Reference, list[Connection]] = defaultdict(list)
    for one in cluster.connections(pods=True):
        match one.source, one.destination:
            case Addresses(), Reference() as destination:
                inward[destination].append(one)
            case Reference() as source, Addresses():
                outward[source].append(one)
    for member in state.members():
        for lists, isolating in ((outward, "Egress"), (inward, "Ingress")):
            found = [end for one in lists[member.reference] for end in (one.source, one.destination)]
            addresses = [end for end in found if isinstance(end, Addresses)]
            assert total(addresses) == sum_of_sizes(addresses), "disjoint"
            isolated = any(
                isolating in compiled.policy.spec.policy_types and compiled.subject.pods.matches(member.labels)
                for compiled in state.policies.network_policies.policies(member.namespace)
            )
            if member.host_network or not isolated:
                assert addresses == [ALL_ADDRESSES], "both families, with nothing left out"
    assert all(one.traffic != NO_TRAFFIC for group in (outward, inward) for many in group.values() for one in many)


def total(sets: Iterable[Addresses]) -> int:
    union = NO_ADDRESSES
    for one in sets:
        union |= one
    return sum_of_sizes([union])


def sum_of_sizes(sets: Iterable[Addresses]) -> int:
    return sum(intervals.size(one.v4) + intervals.size(one.v6) for one in sets)
