"""One source, one destination: exemptions, address families, ends outside the cluster.

The meaning of policies themselves is tested in tests/semantics.
"""

from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import member_in, state_of
from tests.example_counts import examples
from tests.semantics.objects import Object, admits, block, node, pod, pods, policy, port, sends

from ringfence.engine.answers.verdicts import allows, is_exempt, node_addresses, side_traffic, traffic_between
from ringfence.engine.policies import End
from ringfence.engine.population.pods import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

CLOSED = policy("x/closed", ingress=[], egress=[])
TCP_80 = Traffic.of("TCP", [(80, 80)])


def outside(*cidrs: str) -> Addresses:
    return Addresses.of(*map(ip_network, cidrs))


def end_of(state: State, name: str) -> End:
    return member_in(state, name) if not name[0].isdigit() else outside(name)


@settings(max_examples=examples(25))
@given(strategies.clusters(), st.sampled_from(["TCP", "UDP", "SCTP"]), st.sampled_from(strategies.PORT_NUMBERS))
def test_the_fast_answer_about_one_port_is_in_the_full_answer(
    objects: list[Object], protocol: str, number: int
) -> None:
    state = state_of(objects)
    for source, destination in product(list(state.members()), repeat=2):
        full = traffic_between(state, source, destination)
        assert allows(state, source, destination, (protocol, number)) is full.contains(protocol, number)


class TestExemptions:
    OBJECTS = (
        CLOSED,
        node("n", "192.168.0.1", "fd09::1"),
        node("m", "192.168.0.2"),
        pod("x/a", nodeName="n"),
        pod("x/near", nodeName="n"),
        pod("x/far", nodeName="m"),
        pod("x/nowhere"),
        pod("y/agent", hostNetwork=True, nodeName="n"),
        pod("y/lost", hostNetwork=True),
    )

    @pytest.mark.parametrize(
        ("source", "destination", "exempt"),
        [
            pytest.param("x/a", "x/a", True, id="a pod to itself"),
            pytest.param("x/a", "x/far", False, id="a pod to another"),
            pytest.param("x/a", "x/near", False, id="a pod to another on its node"),
            pytest.param("y/agent", "x/a", True, id="a hostNetwork pod to a pod on its node"),
            pytest.param("y/agent", "x/far", False, id="to a pod on another node"),
            pytest.param("y/agent", "x/nowhere", False, id="to a pod on no node"),
            pytest.param("y/lost", "x/nowhere", False, id="two pods that are on no node are on no common node"),
            pytest.param("x/a", "y/agent", False, id="a pod to its own node"),
            pytest.param("192.168.0.1", "x/a", True, id="the node itself, by its address"),
            pytest.param("192.168.0.2", "x/a", False, id="another node"),
            pytest.param("192.168.0.0/31", "x/a", False, id="addresses of which one is not the node's"),
            pytest.param("192.168.0.1", "y/agent", False, id="the node to a hostNetwork pod: policies are no matter"),
        ],
    )
    def test_what_no_policy_may_forbid(self, source: str, destination: str, exempt: bool) -> None:
        state = state_of(self.OBJECTS)
        ends = end_of(state, source), end_of(state, destination)
        assert is_exempt(state, *ends) is exempt
        assert not exempt or traffic_between(state, *ends) == ALL_TRAFFIC

    def test_a_node_has_all_its_addresses_but_no_host_name(self) -> None:
        state = state_of(self.OBJECTS)
        assert node_addresses(state, member_in(state, "x/a")) == outside("192.168.0.1", "fd09::1")
        state.remove("Node", "", "n")
        assert node_addresses(state, member_in(state, "x/a")) == NO_ADDRESSES

    def test_of_a_pod_on_a_node_that_goes_nothing_stays_exempt(self) -> None:
        state = state_of(self.OBJECTS)
        state.remove("Node", "", "n")
        assert not is_exempt(state, outside("192.168.0.1"), member_in(state, "x/a"))


class TestFamilies:
    @staticmethod
    def between(source: list[str], destination: list[str], *policies: Object) -> Traffic:
        state = state_of([pod("x/a", addresses=source), pod("x/b", addresses=destination), *policies])
        return traffic_between(state, member_in(state, "x/a"), member_in(state, "x/b"))

    def test_pods_without_a_common_family_cannot_meet(self) -> None:
        assert self.between(["10.0.0.1"], ["fd00::2"]) == NO_TRAFFIC

    def test_a_pod_whose_address_is_not_known_meets_everybody(self) -> None:
        assert self.between([], ["fd00::2"]) == ALL_TRAFFIC
        assert self.between(["10.0.0.1"], []) == ALL_TRAFFIC

    FROM_IPV4 = policy("x/p", ingress=[admits(block("10.0.0.0/8"), ports=[port(80)])])
    FROM_BOTH = policy("x/p", ingress=[admits(block("10.0.0.0/8"), block("fd00::/8"), ports=[port(80)])])

    def test_two_families_must_both_be_allowed(self) -> None:
        both = ["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::2"]
        assert self.between(*both, self.FROM_IPV4) == NO_TRAFFIC
        assert self.between(*both, self.FROM_BOTH) == TCP_80

    def test_a_family_that_only_one_of_them_has_does_not_count(self) -> None:
        assert self.between(["10.0.0.1", "fd00::1"], ["10.0.0.2"], self.FROM_IPV4) == TCP_80
        assert self.between(["fd00::1"], ["10.0.0.2", "fd00::2"], self.FROM_IPV4) == NO_TRAFFIC

    def test_an_unknown_address_counts_for_the_family_that_the_other_has(self) -> None:
        everything_6 = policy("x/p", ingress=[admits(block("::/0"))])
        assert self.between(["10.0.0.1"], [], everything_6) == NO_TRAFFIC
        assert self.between(["fd00::1"], [], everything_6) == ALL_TRAFFIC


class TestOutside:
    OBJECTS = (
        pod("x/a"),
        policy("x/p", egress=[sends(block("10.0.0.0/8"), ports=[port(80), port(443)]), sends(block("10.0.0.0/24"))]),
    )

    @pytest.mark.parametrize(
        ("destination", "passing"),
        [
            pytest.param("10.0.0.7", ALL_TRAFFIC, id="one address"),
            pytest.param("10.1.0.0/16", Traffic.of("TCP", [(80, 80), (443, 443)]), id="a network inside a block"),
            pytest.param("10.0.0.0/23", Traffic.of("TCP", [(80, 80), (443, 443)]), id="what holds for each address"),
            pytest.param("10.0.0.0/7", NO_TRAFFIC, id="a network that reaches beyond a block"),
            pytest.param("192.0.2.1", NO_TRAFFIC, id="an address in no block"),
        ],
    )
    def test_what_passes_to_addresses_passes_to_each_of_them(self, destination: str, passing: Traffic) -> None:
        state = state_of(self.OBJECTS)
        assert traffic_between(state, member_in(state, "x/a"), outside(destination)) == passing

    def test_only_the_pods_side_counts(self) -> None:
        state = state_of(self.OBJECTS)
        assert traffic_between(state, outside("192.0.2.1"), member_in(state, "x/a")) == ALL_TRAFFIC, (
            "ingress is not isolated"
        )

    def test_between_two_ends_outside_no_policy_decides(self) -> None:
        assert traffic_between(state_of(self.OBJECTS), outside("192.0.2.1"), outside("10.0.0.1")) == ALL_TRAFFIC

    def test_selectors_never_mean_addresses(self) -> None:
        state = state_of([pod("x/a"), policy("x/p", ingress=[admits(pods({}))], egress=[sends(pods({}))])])
        for direction in Direction:
            assert side_traffic(state, member_in(state, "x/a"), direction, ALL_ADDRESSES) == NO_TRAFFIC

    def test_a_named_port_means_nothing_at_an_address(self) -> None:
        state = state_of([pod("x/a"), policy("x/p", egress=[sends(ports=[port("http")])])])
        assert traffic_between(state, member_in(state, "x/a"), outside("192.0.2.1")) == NO_TRAFFIC


class TestHostNetwork:
    """Its traffic is its node's: no policy is about it, and no selector finds it."""

    OBJECTS = (
        node("n", "192.168.0.1"),
        CLOSED,
        pod("x/host", {"app": "1"}, hostNetwork=True, nodeName="n"),
        pod("y/open"),
        pod("y/a", {"app": "guarded"}),
        policy("y/p", {"matchLabels": {"app": "guarded"}}, ingress=[admits({"namespaceSelector": {}})]),
    )

    def test_policies_of_its_namespace_are_not_about_it(self) -> None:
        state = state_of(self.OBJECTS)
        assert traffic_between(state, member_in(state, "x/host"), member_in(state, "y/open")) == ALL_TRAFFIC
        assert traffic_between(state, member_in(state, "y/open"), member_in(state, "x/host")) == ALL_TRAFFIC

    def test_selectors_do_not_let_it_in(self) -> None:
        state = state_of(self.OBJECTS)
        assert traffic_between(state, member_in(state, "x/host"), member_in(state, "y/a")) == NO_TRAFFIC

    def test_a_block_with_its_nodes_address_does(self) -> None:
        state = state_of([*self.OBJECTS, policy("y/q", ingress=[admits(block("192.168.0.1/32"))])])
        assert traffic_between(state, member_in(state, "x/host"), member_in(state, "y/a")) == ALL_TRAFFIC

    def test_its_address_is_not_its_own(self) -> None:
        state = state_of(self.OBJECTS)
        assert state.members_at(Family.IPV4, int(ip_network("192.168.0.1")[0])) == []
        host: Member = member_in(state, "x/host")
        assert list(state.host_network_members()) == [host]
