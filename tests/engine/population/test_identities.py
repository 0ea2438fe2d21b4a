"""Templates, identities, and what the bounds of their addresses say about a block."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member
from tests.semantics.objects import container_port

from ringfence.engine.population.facts import Block, InBlock
from ringfence.engine.population.identities import Identity, Template, bounds_of, template_key
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.sets.addresses import FAMILIES, Addresses, Family

HTTP = container_port("http", 80)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(member("x/b", {"app": "web"}, addresses=["10.0.0.9"]), True, id="name and address may differ"),
        pytest.param(member("y/a", {"app": "web"}, addresses=["10.0.0.1"]), False, id="the namespace"),
        pytest.param(member("x/a", {"app": "db"}, addresses=["10.0.0.1"]), False, id="a label"),
        pytest.param(member("x/a", {"app": "web"}, ports=[HTTP], addresses=["10.0.0.1"]), False, id="a named port"),
        pytest.param(member("x/a", {"app": "web"}, addresses=["fd00::1"]), False, id="the address family"),
        pytest.param(member("x/a", {"app": "web"}), False, id="an address that is not known"),
        pytest.param(member("x/a", {"app": "web"}, hostNetwork=True), False, id="the host network"),
    ],
)
def test_pods_with_the_same_template(other: Member, same: bool) -> None:
    one = member("x/a", {"app": "web"}, addresses=["10.0.0.1"])
    assert (template_key(one) == template_key(other)) is same


def test_host_network_pods_share_a_template_whatever_their_labels_and_namespaces() -> None:
    one, other = member("x/a", {"app": "web"}, hostNetwork=True), member("y/b", ports=[HTTP], hostNetwork=True)
    assert template_key(one) == template_key(other)
    template = Template(template_key(one), one)
    assert (template.namespace, dict(template.labels), template.named_ports) == ("", {}, frozenset())


def test_bounds_are_the_lowest_and_highest_address_of_each_family() -> None:
    pods = [member(f"x/{n}", addresses=[f"10.0.0.{n}", f"fd00::{9 - n}"]) for n in (3, 1, 2)]
    four, six = (10 << 24), 0xFD00 << 112
    assert bounds_of(pods) == {Family.IPV4: (four + 1, four + 3), Family.IPV6: (six + 6, six + 8)}
    assert bounds_of([member("x/a")]) == {}


def identity_of(*pods: Member) -> Identity:
    identity = Identity(0, Template(template_key(pods[0]), pods[0]), frozenset())
    for pod in pods:
        identity.widen(bounds_of([pod]))
    return identity


@given(st.lists(st.integers(0, 17), min_size=1, max_size=3), st.integers(0, 15), st.integers(0, 4))
def test_a_block_holds_all_addresses_none_or_may_divide_them(numbers: list[int], start: int, size: int) -> None:
    first, last = start >> size << size, (start >> size << size) + (1 << size) - 1
    block = Block(Addresses.of(ip_network(f"10.0.0.{first}/{32 - size}")), False)
    facts = identity_of(*(member(f"x/{n}", addresses=[f"10.0.0.{n}"]) for n in numbers)).facts_about(block)
    low, high = min(numbers), max(numbers)
    if first <= low and high <= last:
        assert facts == frozenset({InBlock(block, Family.IPV4)})
    elif high < first or last < low:
        assert facts == frozenset()
    else:
        assert facts is None


@pytest.mark.parametrize("covers", [True, False])
def test_pods_without_a_known_address_are_in_a_block_only_if_it_covers_a_family(covers: bool) -> None:
    block = Block(Addresses.of(ip_network("0.0.0.0/0")), covers)
    expected = frozenset(InBlock(block, family) for family in FAMILIES if covers)
    assert identity_of(member("x/a")).facts_about(block) == expected


def test_a_port_name_may_be_several_numbers_each_under_its_protocol() -> None:
    ports = [NamedPort("http", "TCP", 80), NamedPort("http", "TCP", 81), NamedPort("http", "UDP", 82)]
    pod = member("x/a")
    identity = Identity(0, Template(template_key(pod), pod), frozenset([*ports, NamedPort("dns", "TCP", 53)]))
    assert sorted(identity.ports_named("http", "TCP")) == [80, 81]


def test_the_facts_about_addresses_are_known_by_themselves() -> None:
    pod = member("x/a")
    inside = InBlock(Block(Addresses.of(ip_network("10.0.0.0/8")), False), Family.IPV4)
    identity = Identity(0, Template(template_key(pod), pod), frozenset([inside, NamedPort("http", "TCP", 80)]))
    assert identity.blocks == {inside}
