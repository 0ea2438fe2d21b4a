"""A node as a source: an ipBlock means all of its addresses or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.agent.work import work_of
from tests.engine.members import member_in, state_of
from tests.semantics.objects import Object, admits, annotated, block, key_of, node, pod, policy, sends

from ringfence.cluster import Cluster
from ringfence.engine.answers.explanations import explain
from ringfence.engine.answers.reasons import PeerReason
from ringfence.engine.answers.verdicts import allows, traffic_between
from ringfence.engine.policies.node_peers import NodePeers, block_of_sources
from ringfence.engine.population import Block
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.metadata import NodeMeta
from ringfence.model.objects import IPBlock, Node, NodeAddress, NodeStatus
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, parse_address
from ringfence.sets.traffic import Traffic

TUNNEL = "projectcalico.org/IPv4VXLANTunnelAddr"
TCP_80 = Traffic.of("TCP", [(80, 80)])


def peers(*nodes: tuple[str, str]) -> NodePeers:
    """Nodes with an internal address and that of a tunnel."""
    found = NodePeers()
    for number, (internal, tunnel) in enumerate(nodes):
        metadata = NodeMeta(f"n{number}", annotations={TUNNEL: tunnel})
        found.replace(metadata.name, Node(metadata, status=NodeStatus((NodeAddress(internal, "InternalIP"),))))
    return found


ONE, TWO = ("172.18.0.11", "10.244.1.0"), ("172.18.0.12", "10.244.2.0")


@pytest.mark.parametrize(
    ("cidr", "excepts", "meant"),
    [
        pytest.param("172.18.0.0/16", [], "172.18.0.0/16, 10.244.1.0/32, 10.244.2.0/32", id="by internal addresses"),
        pytest.param("172.18.0.11/32", [], "172.18.0.11/32, 10.244.1.0/32", id="one of two nodes"),
        pytest.param("10.244.2.0/32", [], "172.18.0.12/32, 10.244.2.0/32", id="by the address of the tunnel"),
        pytest.param("192.0.2.0/24", [], "192.0.2.0/24", id="neither"),
        pytest.param("0.0.0.0/0", [], "0.0.0.0/0", id="everything"),
        pytest.param(
            "172.18.0.0/16",
            ["172.18.0.12/32"],
            "172.18.0.0/16, 10.244.1.0/32 without 172.18.0.12/32",
            id="a node that is left out",
        ),
        pytest.param(
            "0.0.0.0/0",
            ["172.18.0.0/16"],
            "0.0.0.0/0 without 172.18.0.0/16, 10.244.1.0/32, 10.244.2.0/32",
            id="who leaves a node out leaves out its tunnel",
        ),
        pytest.param(
            "0.0.0.0/0",
            ["10.244.0.0/16"],
            "0.0.0.0/0 without 10.244.0.0/16, but 10.244.1.0/32, 10.244.2.0/32",
            id="who leaves pods out does not leave out the nodes",
        ),
        pytest.param("::/0", [], "::/0", id="another family"),
    ],
)
def test_block_of_sources(cidr: str, excepts: list[str], meant: str) -> None:
    whole, _, but = meant.partition(", but ")
    inside, _, outside = whole.partition(" without ")
    expected = addresses(inside) - addresses(outside) | addresses(but)
    assert block_of_sources(IPBlock(cidr, tuple(excepts)), peers(ONE, TWO)) == expected


def addresses(cidrs: str) -> Addresses:
    return Addresses.union_of(addresses_in(cidr) for cidr in cidrs.split(", ") if cidr)


def addresses_in(cidr: str) -> Addresses:
    return block_of_sources(IPBlock(cidr), NodePeers())


_numbers = st.sampled_from([f"10.0.0.{host}" for host in range(8)])


@given(strategies.blocks(), st.lists(st.tuples(_numbers, _numbers), max_size=3))
def test_a_block_means_all_addresses_of_a_node_or_none(written: Object, nodes: list[tuple[str, str]]) -> None:
    cidr, excepts = written["ipBlock"]["cidr"], written["ipBlock"]["except"]
    one = [pair for pair in nodes if pair[0] != pair[1]][:1]
    meant = block_of_sources(IPBlock(cidr, tuple(excepts)), peers(*one))
    literally = addresses_in(cidr) - Addresses.union_of(map(addresses_in, excepts))
    for internal, tunnel in one:
        is_named = any(literally.contains(*parse_address(text)) for text in (internal, tunnel))
        is_excepted = any(addresses_in(hole).contains(*parse_address(internal)) for hole in excepts)
        assert {meant.contains(*parse_address(text)) for text in (internal, tunnel)} == {is_named and not is_excepted}
    others = ALL_ADDRESSES - Addresses.union_of(addresses_in(f"{text}/32") for pair in one for text in pair)
    assert meant & others == literally & others


@pytest.mark.parametrize(
    ("block", "divided"),
    [
        pytest.param(IPBlock("172.18.0.11/32"), 1, id="one of its addresses"),
        pytest.param(IPBlock("10.244.1.0/32"), 1, id="the other"),
        pytest.param(IPBlock("0.0.0.0/0"), 0, id="both"),
        pytest.param(IPBlock("0.0.0.0/0", ("172.18.0.11/32",)), 1, id="both, and one is excepted"),
        pytest.param(IPBlock("192.0.2.0/24"), 0, id="none"),
    ],
)
def test_a_node_is_divided_by_a_block_that_has_some_of_its_addresses_only(block: IPBlock, divided: int) -> None:
    assert peers(ONE).divided_by(block) == divided


def test_a_node_whose_addresses_are_the_ends_of_a_block_is_not_divided() -> None:
    assert peers(("10.0.0.0", "10.0.0.3")).divided_by(IPBlock("10.0.0.0/30")) == 0


def test_nodes_that_are_wholly_in_a_block_and_in_none_of_its_exceptions_cost_nothing() -> None:
    """A policy can have 20,000 blocks that contain all nodes."""
    block = IPBlock("10.0.0.0/8", ("10.255.0.1/32", "10.254.0.0/16"))

    def work(count: int) -> int:
        nodes = peers(*((f"10.1.{i >> 8}.{i & 255}", f"10.2.{i >> 8}.{i & 255}") for i in range(count)))
        block_of_sources(block, nodes)  # the search of the block's borders is cached
        return work_of(lambda: block_of_sources(block, nodes))

    assert work(1_000) < 1.5 * work(10)


class TestVerdicts:
    NODES = (
        annotated(node("n1", "172.18.0.11"), {TUNNEL: "10.244.1.0"}),
        annotated(node("n2", "172.18.0.12"), {TUNNEL: "10.244.2.0"}),
    )
    WEB = pod("x/web", nodeName="n1", addresses=["10.244.1.9"])
    HOST = pod("x/host", hostNetwork=True, nodeName="n2", addresses=["172.18.0.12"])

    @pytest.mark.parametrize(
        ("cidr", "is_allowed", "reason"),
        [
            ("172.18.0.12/32", True, "ipBlock 172.18.0.12/32 contains x/host's address"),
            ("10.244.2.0/32", True, "ipBlock 10.244.2.0/32 contains another address of x/host's node"),
            ("10.244.1.0/32", False, "ipBlock 10.244.1.0/32 does not contain x/host's address 172.18.0.12"),
        ],
    )
    def test_a_hostNetwork_pod_is_its_node(self, cidr: str, is_allowed: bool, reason: str) -> None:
        state = state_of([*self.NODES, self.WEB, self.HOST, policy("x/p", ingress=[admits(block(cidr))])])
        host, web = member_in(state, "x/host"), member_in(state, "x/web")
        assert allows(state, host, web, ("TCP", 80)) is is_allowed
        assert [one.reason for one in peer_reasons(state, "x/host")] == [reason]

    @pytest.mark.parametrize(
        ("peer", "reason"),
        [
            (block("172.18.0.0/16"), "ipBlock 172.18.0.0/16 contains another address of the node that has 10.244.2.0"),
            (
                block("0.0.0.0/0", "172.18.0.0/16"),
                "ipBlock 0.0.0.0/0 except 172.18.0.0/16 does not contain 10.244.2.0: "
                "it leaves out another address of the node that has 10.244.2.0",
            ),
        ],
    )
    def test_an_address_of_a_node_is_explained(self, peer: Object, reason: str) -> None:
        state = state_of([*self.NODES, self.WEB, policy("x/p", ingress=[admits(peer)])])
        assert [one.reason for one in peer_reasons(state, "10.244.2.0")] == [reason]

    def test_a_destination_is_the_address_that_is_written(self) -> None:
        state = state_of([*self.NODES, self.WEB, policy("x/p", egress=[sends(block("172.18.0.0/16"))])])
        web = member_in(state, "x/web")
        assert traffic_between(state, web, end_of("172.18.0.12"))
        assert not traffic_between(state, web, end_of("10.244.2.0"))

    def test_a_node_reaches_its_own_pods_from_every_address(self) -> None:
        state = state_of([*self.NODES, self.WEB, policy("x/p", ingress=[])])
        web = member_in(state, "x/web")
        assert traffic_between(state, end_of("10.244.1.0"), web)
        assert not traffic_between(state, end_of("10.244.2.0"), web)


def end_of(text: str) -> Addresses:
    family, number = parse_address(text)
    return Addresses.in_family(family, ((number, number),))


def peer_reasons(state: State, source: str) -> list[PeerReason]:
    end = member_in(state, source) if "/" in source else end_of(source)
    reason = explain(state, end, member_in(state, "x/web"), TCP_80)
    return [peer for one in reason.ingress.policies for rule in one.rules for peer in rule.peers]


# --- the limit of an agent --------------------------------------------------------------------------------------------


NODES = tuple(
    annotated(node(f"n{number}", f"172.18.0.{number}"), {TUNNEL: f"10.244.{number}.0"}) for number in range(1, 4)
)


def dividing(name: str, *cidrs: str) -> Object:
    """A policy of which each rule has one block, that contains the nodes and not their tunnels."""
    return policy(name, ingress=[admits(block(cidr)) for cidr in cidrs])


def limited(*objects: Object, most: int = 3) -> State:
    """A state in which the blocks of a namespace may divide so many nodes."""
    state = State(live=True, most_divided=most)
    for one in objects:
        put(state, one)
    return state


def put(state: State, written: Object) -> None:
    decoded = decode(written)
    assert decoded
    state.upsert(KINDS.of(decoded).default(decoded))


def admitted(state: State, name: str) -> Addresses:
    """The addresses that a policy admits."""
    return Addresses.union_of(one.addresses for one in blocks_in(state)[name])


class TestTheLimitOfAnAgent:
    def test_as_many_nodes_as_the_limit_count_and_the_same_block_counts_once(self) -> None:
        written = dividing("x/p", "172.18.0.0/16", "172.18.0.0/16", "192.0.2.0/24", "0.0.0.0/0")
        state = limited(*NODES, written)
        assert state.policies.admitting_no_blocks == frozenset()
        assert blocks_in(state) == blocks_in(state_of([*NODES, written]))

    def test_beyond_it_the_blocks_of_a_policy_admit_nobody_and_its_pods_stay_isolated(self) -> None:
        written = dividing("x/p", "172.18.0.0/16", "172.18.0.0/17")
        state = limited(*NODES, pod("x/web", addresses=["10.0.0.1"]), written)
        assert state.policies.admitting_no_blocks == {("x", "p")}
        assert not admitted(state, "x/p")
        stack = state.tiers.stack(state.identity(member_in(state, "x/web")), Direction.INGRESS)
        assert [str(one) for profile in stack for one in profile.policies] == ["x/p"]

    def test_exceptions_count_as_well(self) -> None:
        state = limited(*NODES, policy("x/p", ingress=[admits(block("0.0.0.0/0", "172.18.0.0/16"))]), most=2)
        assert state.policies.admitting_no_blocks == {("x", "p")}

    def test_other_namespaces_and_policies_within_it_are_not_concerned(self) -> None:
        policies = [
            dividing("x/p", "172.18.0.0/16"),
            dividing("x/q", "172.18.0.0/17"),
            dividing("y/q", "172.18.0.0/18"),
        ]
        state = limited(*NODES, *policies, dividing("x/r", "0.0.0.0/0"))
        assert state.policies.admitting_no_blocks == {("x", "q")}
        assert all(admitted(state, name) for name in ("x/p", "y/q", "x/r"))

    def test_what_leaves_room_lets_the_others_count(self) -> None:
        state = limited(*NODES, dividing("x/p", "172.18.0.0/16"), dividing("x/q", "172.18.0.0/17"))
        put(state, dividing("x/p", "192.0.2.0/24"))
        assert state.policies.admitting_no_blocks == frozenset()
        put(state, dividing("x/p", "172.18.0.0/16"))
        assert state.policies.admitting_no_blocks == {("x", "p")}
        state.remove("NetworkPolicy", "x", "q")
        assert state.policies.admitting_no_blocks == frozenset()
        assert admitted(state, "x/p")

    def test_nodes_that_come_and_go_are_counted(self) -> None:
        state = limited(*NODES, dividing("x/p", "172.18.0.0/16"))
        put(state, annotated(node("n4", "172.18.0.4"), {TUNNEL: "10.244.4.0"}))
        assert state.policies.admitting_no_blocks == {("x", "p")}
        assert not admitted(state, "x/p")
        state.remove("Node", "", "n2")
        assert state.policies.admitting_no_blocks == frozenset()
        assert admitted(state, "x/p")

    def test_to_find_what_is_beyond_it_costs_no_more_with_more_nodes(self) -> None:
        def work(count: int) -> int:
            nodes = (
                annotated(node(f"n{i}", f"172.18.{i >> 8}.{i & 255}"), {TUNNEL: f"10.244.{i}.0"}) for i in range(count)
            )
            cidrs = [f"172.{18 - i % 2}.0.0/{8 + i}" for i in range(8)]
            state = limited(*nodes, dividing("x/p", *cidrs), most=0)
            return work_of(lambda: put(state, dividing("x/p", *cidrs)))

        assert work(200) < 1.5 * work(20)


# --- nodes that come and go -------------------------------------------------------------------------------------------

_nodes = st.builds(
    lambda name, internal, tunnel: annotated(node(name, internal), {TUNNEL: tunnel} if tunnel else {}),
    st.sampled_from(["n1", "n2"]),
    st.sampled_from(["10.0.0.1", "10.0.0.2", "192.0.2.1"]),
    st.sampled_from(["", "10.1.0.0", "192.0.2.7"]),
)
_policies = st.builds(
    lambda name, peers: policy(f"x/{name}", ingress=[admits(*peers)], egress=[sends(*peers)]),
    st.sampled_from("pq"),
    st.lists(
        st.sampled_from([block("10.0.0.0/24"), block("10.0.0.1/32"), block("0.0.0.0/0", "10.0.0.2/32")]), min_size=1
    ),
)


@given(st.lists(_nodes | _policies | st.sampled_from(["n1", "n2"]), max_size=8))
def test_the_order_in_which_nodes_and_policies_come_does_not_matter(changes: list[Object | str]) -> None:
    """Nodes come, change and go before and after the policies; answers in between change nothing."""
    cluster, present = Cluster(), dict[tuple[str, str, str], Object]()
    for change in changes:
        if isinstance(change, str):
            cluster.remove("Node", "", change)
            present.pop(("Node", "", change), None)
        else:
            cluster.upsert(change)
            present[key_of(change)] = change
        assert blocks_in(cluster.state) == blocks_in(state_of(present.values()))
    policies_last = sorted(present.values(), key=lambda obj: obj["kind"] == "NetworkPolicy")
    assert blocks_in(cluster.state) == blocks_in(state_of(policies_last))


def blocks_in(state: State) -> dict[str, list[Block]]:
    return {str(one): list(one.blocks) for one in state.policies.network_policies.all_policies()}
