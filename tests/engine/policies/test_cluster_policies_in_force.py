"""The administrators' policies in force: in the tier that they name, and with the nodes that there are."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.work import work_of
from tests.engine.members import member_in
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, node, pod

from ringfence.engine.answers.explanations import explain
from ringfence.plugins.traits import Excepts, Traits
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

KIND = "ClusterNetworkPolicy.policy.networking.k8s.io"
WEB = pod("x/web")
EDGE: Object = {"nodes": {"matchLabels": {"role": "edge"}}}


def guard(tier: str, action: str, *peers: Object) -> Object:
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {
            "tier": tier,
            "priority": 1,
            "subject": {"namespaces": {}},
            "egress": [{"action": action, "to": list(peers)}],
        },
    }


def labelled_node(name: str, address: str, **labels: str) -> Any:
    written = node(name, address)
    return {**written, "metadata": {**written["metadata"], "labels": labels}}


def test_a_policy_is_in_one_tier() -> None:
    everywhere: Object = {"networks": ["0.0.0.0/0"]}
    cluster = cluster_of([WEB, guard("Admin", "Deny", everywhere)])
    assert not cluster.can("x/web", "192.0.2.1")
    cluster.upsert(guard("Baseline", "Accept", everywhere))
    assert cluster.can("x/web", "192.0.2.1")
    cluster.remove(KIND, "", "guard")
    cluster.upsert(guard("Baseline", "Deny", everywhere))
    assert not cluster.can("x/web", "192.0.2.1")


def test_nodes_count_by_the_labels_and_addresses_that_they_have_now() -> None:
    cluster = cluster_of([WEB, guard("Admin", "Deny", EDGE), labelled_node("n", "192.168.0.1", role="edge")])
    assert not cluster.can("x/web", "192.168.0.1")
    cluster.upsert(labelled_node("n", "192.168.0.2", role="edge"))
    assert cluster.can("x/web", "192.168.0.1")
    assert not cluster.can("x/web", "192.168.0.2")
    cluster.upsert(labelled_node("n", "192.168.0.2"))
    assert cluster.can("x/web", "192.168.0.2")
    cluster.upsert(labelled_node("n", "192.168.0.2", role="edge"))
    cluster.remove("Node", "", "n")
    assert cluster.can("x/web", "192.168.0.2")


def test_a_change_of_a_node_that_no_peer_selects_leaves_the_policies_as_they_are() -> None:
    """Otherwise everything that follows from them would be computed again."""
    cluster = cluster_of([WEB, guard("Admin", "Deny", EDGE), labelled_node("n", "192.168.0.1", role="edge")])
    policies = cluster.state.policies
    before = policies.find(KIND, "", "guard")
    cluster.upsert(labelled_node("m", "192.168.0.2", role="inner"))
    cluster.upsert(labelled_node("n", "192.168.0.1", role="edge", zone="a"))
    assert policies.find(KIND, "", "guard") is before
    cluster.upsert(labelled_node("m", "192.168.0.2", role="edge"))
    assert policies.find(KIND, "", "guard") is not before


def test_nodes_that_are_listed_after_a_policy_are_matched_together() -> None:
    def work_for(count: int) -> int:
        cluster = cluster_of([WEB, guard("Admin", "Deny", EDGE)])
        nodes = [labelled_node(f"n{number}", f"192.168.0.{number}", role="edge") for number in range(count)]

        def list_nodes() -> None:
            for one in nodes:
                cluster.upsert(one)
            assert not cluster.can("x/web", "192.168.0.1")

        return work_of(list_nodes)

    work_for(5)
    once, twice, four_times = map(work_for, (20, 40, 80))
    assert four_times - twice < 2.5 * (twice - once)


_nodes = st.builds(
    lambda name, address, role: labelled_node(name, address, role=role),
    st.sampled_from(["n1", "n2"]),
    st.sampled_from(["192.168.0.1", "192.168.0.2"]),
    st.sampled_from(["edge", "inner"]),
)
_policies = st.builds(
    guard,
    st.sampled_from(["Admin", "Baseline"]),
    st.sampled_from(["Accept", "Deny"]),
    st.sampled_from([EDGE, {"nodes": {}}, {"networks": ["192.168.0.2/32"]}, {"networks": ["0.0.0.0/0"]}]),
    st.sampled_from([EDGE, {"networks": ["192.168.0.1/32"]}]),
)


@given(st.lists(_nodes | _policies | st.sampled_from([("Node", "n1"), ("Node", "n2"), (KIND, "guard")]), max_size=8))
def test_the_order_in_which_nodes_and_policies_come_does_not_matter(changes: list[Object | tuple[str, str]]) -> None:
    """Nodes come, change and go before and after the policies; answers in between change nothing."""
    cluster, present = cluster_of([WEB]), dict[tuple[str, str], Object]()
    for change in changes:
        if isinstance(change, tuple):
            cluster.remove(change[0], "", change[1])
            present.pop(change, None)
        else:
            cluster.upsert(change)
            present[KIND if "tier" in change.get("spec", {}) else "Node", change["metadata"]["name"]] = change
        assert blocks_in(cluster) == blocks_in(cluster_of([WEB, *present.values()]))
    policies_last = sorted(present.values(), key=lambda obj: obj["kind"])
    assert blocks_in(cluster) == blocks_in(cluster_of([WEB, *reversed(policies_last)]))


def blocks_in(cluster: Any) -> list[Any]:
    return [rule.peers for policy in cluster.state.tiers.policies() for rule in policy.all_rules()]


def test_where_blocks_do_not_match_nodes_those_are_excepted_that_there_are_now() -> None:
    cluster = cluster_of([WEB, guard("Admin", "Deny", {"networks": ["192.168.0.0/24"]})])
    with cluster.state.policies.enforcing(Traits(blocks_match_nodes=False)):
        assert not cluster.can("x/web", "192.168.0.1")
        cluster.upsert(node("n", "192.168.0.1"))
        assert cluster.can("x/web", "192.168.0.1")
        cluster.upsert(node("n", "192.168.0.2"))
        assert not cluster.can("x/web", "192.168.0.1")
        assert cluster.can("x/web", "192.168.0.2")


@pytest.mark.parametrize("excepts", [Excepts.IGNORED, Excepts.EVERY_BLOCK], ids=str)
def test_how_exceptions_of_blocks_are_enforced_does_not_concern_networks(excepts: Excepts) -> None:
    cluster = cluster_of([WEB, guard("Admin", "Deny", {"networks": ["192.168.0.0/24"]})])
    with cluster.state.policies.enforcing(Traits(excepts=excepts)):
        assert not cluster.can("x/web", "192.168.0.1")
        assert cluster.can("x/web", "192.168.1.1")


def test_where_blocks_do_not_match_nodes_a_reason_says_that_a_network_does_not_contain_them() -> None:
    networks: Object = {"networks": ["192.168.0.0/24"]}
    state = cluster_of([WEB, node("n", "192.168.0.1"), guard("Admin", "Deny", networks)]).state

    def reason(address: str) -> str:
        asked = Addresses.of(ip_network(address))
        side = explain(state, member_in(state, "x/web"), asked, ALL_TRAFFIC).egress
        assert side is not None
        ((of_peer,),) = [rule.peers for one in side.policies for rule in one.rules]
        return of_peer.reason

    assert reason("192.168.0.1") == "networks 192.168.0.0/24 contains 192.168.0.1"
    with state.policies.enforcing(Traits(blocks_match_nodes=False)):
        assert reason("192.168.0.1") == "networks 192.168.0.0/24 does not contain 192.168.0.1"
        assert reason("192.168.0.2") == "networks 192.168.0.0/24 contains 192.168.0.2"


def test_without_nodes_an_answer_about_an_address_assumes_that_it_is_of_none() -> None:
    cluster = cluster_of([WEB, guard("Admin", "Deny", EDGE)])
    answer = cluster.can("x/web", "192.168.0.1")
    assert answer
    assert answer.assumptions == (
        "no Node object is in the input: 192.168.0.1 is assumed not to be an address of a node",
    )


@pytest.mark.parametrize(("peer", "nodes"), [(EDGE, "nodes role=edge"), ({"nodes": {}}, "nodes of the cluster")])
def test_a_pod_without_a_known_address_is_assumed_not_to_have_that_of_a_node(peer: Object, nodes: str) -> None:
    cluster = cluster_of([WEB, pod("x/db"), guard("Admin", "Deny", peer)])
    assert cluster.can("x/web", "x/db").assumptions == (
        f"the address of x/db is not known: it is assumed not to lie in {nodes}",
    )


def test_an_address_may_be_one_that_a_domain_name_stands_for() -> None:
    names: Object = {"domainNames": ["example.com"]}
    denied = guard("Admin", "Deny", {"networks": ["0.0.0.0/0"]})
    denied["spec"]["egress"].insert(0, {"action": "Accept", "to": [names]})
    answer = cluster_of([WEB, denied]).can("x/web", "192.0.2.1")
    assert not answer
    assert answer.assumptions == (
        "the addresses that example.com resolve to are not known: they are assumed not to contain 192.0.2.1",
    )
