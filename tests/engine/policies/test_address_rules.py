"""The traffic that policies allow with outside addresses, as rules that may overlap, against disjoint cells."""

from collections.abc import Iterator
from ipaddress import IPv4Address

from hypothesis import given
from tests import strategies
from tests.engine.members import member_in
from tests.engine.policies.artificial_tier import tiered_cluster_of, tiered_clusters
from tests.semantics.objects import Object, admits, block, container_port, pod, policy, port

from ringfence.engine.policies import AddressRule, OwnPorts, Stack, is_union, own_ports
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.steps import finish

ASKED = [*strategies.OUTSIDE, "0.0.0.0", "255.255.255.255", "10.0.0.1", "10.0.1.2", "fd00::1", "8000::1"]


def stacks(state: State) -> Iterator[tuple[Stack, OwnPorts]]:
    for identity in state.population.identities():
        for direction in Direction:
            stack = state.tiers.stack(identity, direction)
            yield stack, own_ports(stack, identity)


def allowed_at(rules: list[AddressRule], text: str) -> Traffic:
    return Traffic.union_of(traffic for within, traffic in rules if within.contains(*parse_address(text)))


@given(tiered_clusters())
def test_rules_allow_an_address_what_its_cell_says(objects: list[Object]) -> None:
    state = tiered_cluster_of(objects).state
    for stack, own in stacks(state):
        rules = finish(state.tiers.address_rules(stack, own))
        cells = state.tiers.addresses_of(stack, own)
        for text in ASKED:
            (expected,) = (traffic for within, traffic in cells if within.contains(*parse_address(text)))
            assert allowed_at(rules, text) == expected
        assert all(addresses and traffic for addresses, traffic in rules)
        assert len({traffic for _, traffic in rules}) == len(rules)
        if is_union(stack):
            joined = finish(state.tiers.joined_address_rules([rule for one in stack for rule in one.rules], own))
            assert all(allowed_at(joined, text) == allowed_at(rules, text) for text in ASKED)


@given(strategies.clusters())
def test_network_policies_allow_everything_if_their_only_cell_does(objects: list[Object]) -> None:
    state = tiered_cluster_of(objects).state
    for stack, own in stacks(state):
        expected = state.tiers.addresses_of(stack, own) == [(ALL_ADDRESSES, ALL_TRAFFIC)]
        assert state.tiers.allows_everything(stack) is expected


def rules_of(*written: Object) -> list[AddressRule]:
    subject = pod("x/subject", ports=[container_port("http", 8080), container_port("web", 8081)])
    state = tiered_cluster_of([subject, policy("x/p", ingress=list(written))]).state
    identity = state.identity(member_in(state, "x/subject"))
    stack = state.tiers.stack(identity, Direction.INGRESS)
    return finish(state.tiers.address_rules(stack, own_ports(stack, identity)))


def tcp(*numbers: int) -> Traffic:
    return Traffic.of("TCP", [(number, number) for number in numbers])


def test_rules_about_the_same_addresses_or_the_same_ports_are_joined() -> None:
    one, other = block("192.0.2.1/32"), block("192.0.2.2/32")
    rules = rules_of(
        admits(one, ports=[port(80)]),
        admits(one, ports=[port(81)]),
        admits(other, ports=[port(81), port(80)]),
        admits(block("192.0.2.3/32"), ports=[port(80)]),
    )
    assert [(within.cidrs(), traffic) for within, traffic in rules] == [
        (["192.0.2.1/32", "192.0.2.2/32"], tcp(80, 81)),
        (["192.0.2.3/32"], tcp(80)),
    ]


def test_port_names_are_those_of_the_subject() -> None:
    assert rules_of(admits(ports=[port("http"), port("web"), port("dns")])) == [(ALL_ADDRESSES, tcp(8080, 8081))]
    assert rules_of(admits(ports=[port("dns")])) == []


def test_rules_are_as_many_and_as_long_as_the_policies() -> None:
    """The cells have, together, nearly the square of it."""
    holes = [f"{IPv4Address(number)}/32" for number in range(1 << 24, (1 << 24) + 200, 2)]
    numbers = range(1, 201, 2)
    rules = rules_of(*(admits(block("0.0.0.0/0", h), ports=[port(n)]) for h, n in zip(holes, numbers, strict=True)))
    assert len(rules) == 100
    assert sum(len(within.v4) + len(traffic.tcp) for within, traffic in rules) == 300


def test_nothing_is_allowed_without_rules_and_everything_without_policies() -> None:
    assert rules_of() == []
    state = tiered_cluster_of([pod("x/subject")]).state
    assert finish(state.tiers.address_rules(())) == [(ALL_ADDRESSES, ALL_TRAFFIC)]
    assert state.tiers.allows_everything(())
    assert allowed_at([], "192.0.2.1") == NO_TRAFFIC
