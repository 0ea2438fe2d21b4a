"""Which of many blocks an address lies in, against `ipaddress`, whatever blocks came and went before."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.population.blocks import BlockIndex
from ringfence.engine.population.facts import Block, InBlock
from ringfence.sets.addresses import FAMILIES, Addresses, Family, parse_address

NETWORKS = [
    *(f"10.0.0.{start}/{length}" for start, length in ((0, 28), (0, 30), (4, 30), (4, 31), (7, 32), (8, 29))),
    *(f"fd00::{start}/{length}" for start, length in (("0", 124), ("4", 126), ("7", 128))),
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "::/0",
    "8000::/1",
]
ADDRESSES = [
    *(f"10.0.0.{last}" for last in range(17)),
    *(f"fd00::{last:x}" for last in range(17)),
    *("0.0.0.0", "9.255.255.255", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]

some_networks = st.lists(st.sampled_from(NETWORKS), max_size=3)


@st.composite
def some_blocks(draw: st.DrawFn) -> Block:
    networks = [ip_network(text) for text in draw(some_networks)]
    less = [ip_network(text) for text in draw(some_networks)]
    covers = any(network.prefixlen == 0 for network in networks)
    return Block(Addresses.of(*networks) - Addresses.of(*less), covers)


def holding(address: str, blocks: Iterable[Block]) -> set[InBlock]:
    """By definition: the blocks of which one of the CIDRs contains the address."""
    family, _ = parse_address(address)
    return {
        InBlock(block, family)
        for block in blocks
        if any(ip_address(address) in ip_network(cidr) for cidr in block.addresses.cidrs())
    }


@given(st.lists(st.tuples(some_blocks(), st.booleans()), max_size=6))
def test_the_index_finds_the_blocks_that_contain_an_address(added: list[tuple[Block, bool]]) -> None:
    index = BlockIndex()
    blocks = dict(added)
    for block in blocks:
        index.add(block)
    kept = {block for block, keep in blocks.items() if keep}
    for block in blocks.keys() - kept:
        index.remove(block)
    for address in ADDRESSES:
        assert index.facts((parse_address(address),)) == holding(address, kept)
    assert index.facts(()) == {InBlock(block, family) for block in kept if block.covers_family for family in FAMILIES}


def test_each_of_a_pods_addresses_is_looked_up_in_its_own_family() -> None:
    index = BlockIndex()
    four, six = Block(Addresses.of(ip_network("10.0.0.0/8")), False), Block(Addresses.of(ip_network("fd00::/8")), False)
    index.add(four)
    index.add(six)
    assert index.facts((parse_address("10.0.0.1"), parse_address("fc00::1"))) == {InBlock(four, Family.IPV4)}
    assert index.facts((parse_address("10.0.0.1"), parse_address("fd00::1"))) == {
        InBlock(four, Family.IPV4),
        InBlock(six, Family.IPV6),
    }
