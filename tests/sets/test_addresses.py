"""Sets of IP addresses, against the standard library's `ipaddress`."""

import operator
import re
from collections.abc import Callable, Iterable
from functools import reduce
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets.addresses import (
    ALL_ADDRESSES,
    FAMILIES,
    NO_ADDRESSES,
    Addresses,
    Family,
    Network,
    address_text,
    parse_address,
    span,
)

SPACE_4, SPACE_6 = ip_network("192.0.2.0/27"), ip_network("2001:db8::/123")
WITNESSES = (
    *SPACE_4,
    *SPACE_6,
    *map(ip_address, ("0.0.0.0", "192.0.1.255", "192.0.2.32", "255.255.255.255", "::", "2001:db8::20")),
)
"""Every address of two small networks, and a few around them."""


def of(*cidrs: str) -> Addresses:
    return Addresses.of(*map(ip_network, cidrs))


def subnets(space: Network) -> list[Network]:
    return [
        net for length in range(space.prefixlen, space.max_prefixlen + 1) for net in space.subnets(new_prefix=length)
    ]


networks = st.sampled_from([*subnets(SPACE_4), *subnets(SPACE_6), ip_network("0.0.0.0/0"), ip_network("::/0")])
some_networks = st.lists(networks, max_size=5)
sets = st.builds(lambda more, less: Addresses.of(*more) - Addresses.of(*less), some_networks, some_networks)


def members(addresses: Addresses) -> set[IPv4Address | IPv6Address]:
    return {one for one in WITNESSES if addresses.contains(Family(one.version), int(one))}


def covered(by: Iterable[Network]) -> set[IPv4Address | IPv6Address]:
    return {one for one in WITNESSES for network in by if one in network}


@given(st.lists(sets, max_size=4))
def test_a_union_of_many_is_that_of_one_after_another(several: list[Addresses]) -> None:
    assert Addresses.union_of(several) == reduce(operator.or_, several, NO_ADDRESSES)


@given(some_networks)
def test_a_set_holds_the_addresses_of_its_networks(of: list[Network]) -> None:
    assert members(Addresses.of(*of)) == covered(of)


@pytest.mark.parametrize("operation", [operator.or_, operator.and_, operator.sub, operator.xor])
@given(a=sets, b=sets)
def test_operators_are_those_of_sets(operation: Callable[[object, object], object], a: Addresses, b: Addresses) -> None:
    result = operation(a, b)
    assert isinstance(result, Addresses)
    assert members(result) == operation(members(a), members(b))


@given(sets)
def test_cidrs_cover_exactly_the_set_and_could_not_be_fewer(addresses: Addresses) -> None:
    networks = [ip_network(text) for text in addresses.cidrs()]
    assert Addresses.of(*networks) == addresses
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    assert networks == [*sorted(four), *sorted(six)], "IPv4 first, ascending"
    for low, high in pairwise(networks):
        joined = low.supernet() if low.prefixlen else None
        assert joined is None or {*joined.subnets()} != {low, high}, "two halves are written as one"


@given(sets)
def test_a_set_is_true_unless_it_is_empty(addresses: Addresses) -> None:
    assert bool(addresses) is (addresses != NO_ADDRESSES) is bool(addresses.cidrs())


def test_everything_is_two_cidrs() -> None:
    assert ALL_ADDRESSES.cidrs() == ["0.0.0.0/0", "::/0"]
    assert NO_ADDRESSES.cidrs() == []


@pytest.mark.parametrize(
    ("addresses", "written"),
    [
        pytest.param(ALL_ADDRESSES, "any address", id="both families"),
        pytest.param(NO_ADDRESSES, "no address", id="none"),
        pytest.param(of("0.0.0.0/0"), "0.0.0.0/0", id="one family"),
        pytest.param(of("192.168.5.10"), "192.168.5.10/32", id="one address"),
        pytest.param(of("10.0.0.0/8", "fd00::/8"), "10.0.0.0/8, fd00::/8", id="blocks without exceptions"),
        pytest.param(
            of("0.0.0.0/0") - of("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
            "0.0.0.0/0 except 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
            id="all but the private ranges",
        ),
        pytest.param(
            ALL_ADDRESSES - of("10.0.0.0/8", "fd00::/8"),
            "0.0.0.0/0 except 10.0.0.0/8; ::/0 except fd00::/8",
            id="exceptions in both families",
        ),
        pytest.param(
            (of("0.0.0.0/0") - of("10.0.0.0/8")) | of("10.1.2.3", "fd00::1"),
            "0.0.0.0/0 except 10.0.0.0/8; 10.1.2.3/32, fd00::1/128",
            id="an address inside an exception",
        ),
        pytest.param(
            of("203.0.113.7") | (of("10.0.0.0/8") - of("10.0.0.1")),
            "10.0.0.0/8 except 10.0.0.1/32; 203.0.113.7/32",
            id="a block after exceptions is no exception",
        ),
    ],
)
def test_as_text(addresses: Addresses, written: str) -> None:
    assert str(addresses) == written


def test_no_address_is_left_out_of_the_text() -> None:
    many = of(*(f"10.0.{number}.1" for number in range(256)))
    assert str(many) == ", ".join(f"10.0.{number}.1/32" for number in range(256))


@pytest.mark.parametrize(
    ("addresses", "has_most"),
    [
        pytest.param(NO_ADDRESSES, False, id="no address"),
        pytest.param(of("0.0.0.0/0") - of("10.0.0.0/8"), True, id="all of IPv4 but a block"),
        pytest.param(of("::/0") - of("fd00::/8"), True, id="all of IPv6 but a block"),
        pytest.param(of("0.0.0.0/1", "8000::/1"), False, id="half of each family"),
        pytest.param(of("0.0.0.0/1", "128.0.0.0"), True, id="one more than half"),
    ],
)
def test_most_addresses_of_a_family(addresses: Addresses, has_most: bool) -> None:
    assert addresses.has_most_of_a_family() is has_most


def test_families_never_meet() -> None:
    four = Addresses.of(ip_network("0.0.0.0/0"))
    assert four & ALL_ADDRESSES == four
    assert (ALL_ADDRESSES - four).cidrs() == ["::/0"]
    assert not four.contains(Family.IPV6, 1)


@given(sets)
def test_a_set_is_its_two_families_together(addresses: Addresses) -> None:
    halves = [Addresses.in_family(family, addresses.ranges(family)) for family in FAMILIES]
    assert halves[0] | halves[1] == addresses
    assert not halves[0] & halves[1]


@given(networks)
def test_the_span_of_a_network(network: Network) -> None:
    assert span(network) == (int(network[0]), int(network[-1]))


@given(st.sampled_from(WITNESSES))
def test_an_address_survives_being_read_and_written(address: IPv4Address | IPv6Address) -> None:
    family, number = parse_address(str(address))
    assert (family, number) == (Family(address.version), int(address))
    assert address_text(family, number) == str(address)


def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address() -> None:
    assert parse_address("::ffff:10.0.0.1") == parse_address("10.0.0.1")


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.0/8", "host", "10.0.0.256", " 10.0.0.1", "1:2:3"])
def test_texts_that_are_not_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        parse_address(text)


def test_families_are_named_as_people_name_them() -> None:
    assert [str(family) for family in FAMILIES] == ["IPv4", "IPv6"]


near_addresses = st.text("0123456789abcdefF:.%/ x\x00１", max_size=24) | st.ip_addresses().map(str)


@given(near_addresses)
def test_a_text_is_read_as_the_standard_library_reads_it_and_a_mapped_address_is_ipv4(text: str) -> None:
    try:
        expected = ip_address(text)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            parse_address(text)
    else:
        meant = (expected.ipv4_mapped if isinstance(expected, IPv6Address) else None) or expected
        assert parse_address(text) == (Family(meant.version), int(meant))


def test_blocks_are_those_of_ip_blocks() -> None:
    private = Addresses.of(ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16"))
    some = Addresses.of(ip_network("0.0.0.0/0"), ip_network("2000::/3")) - private
    assert some.blocks() == [("0.0.0.0/0", ("10.0.0.0/8", "192.168.0.0/16")), ("2000::/3", ())]
    assert NO_ADDRESSES.blocks() == []
