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


def block_of(*cidrs: str) -> Block:
    return Block(Addresses.of(*map(ip_network, cidrs)), False)


def index_of(*blocks: Block) -> BlockIndex:
    index = BlockIndex()
    for block in blocks:
        index.add(block)
    return index


class TestBounds:
    """Pods with addresses within bounds are placed together only if every block holds all of them or none."""

    BLOCK = block_of("10.0.0.4/30")
    FACTS = frozenset({InBlock(BLOCK, Family.IPV4)})

    def facts_within(self, low: str, high: str) -> frozenset[InBlock] | None:
        (family, first), (_, last) = parse_address(low), parse_address(high)
        return index_of(self.BLOCK).facts_within({family: (first, last)})

    def test_the_highest_address_is_the_first_of_a_block(self) -> None:
        assert self.facts_within("10.0.0.0", "10.0.0.4") is None

    def test_the_highest_address_is_the_last_before_a_block(self) -> None:
        assert self.facts_within("10.0.0.0", "10.0.0.3") == frozenset()

    def test_the_lowest_and_highest_addresses_are_those_of_a_block(self) -> None:
        assert self.facts_within("10.0.0.4", "10.0.0.7") == self.FACTS

    def test_the_highest_address_is_the_first_after_a_block(self) -> None:
        assert self.facts_within("10.0.0.4", "10.0.0.8") is None

    def test_a_block_lies_between_the_bounds(self) -> None:
        assert self.facts_within("10.0.0.0", "10.0.0.9") is None

    def test_pods_without_a_known_address_are_in_blocks_that_cover_a_family(self) -> None:
        covering = Block(Addresses.of(ip_network("0.0.0.0/0")), True)
        expected = frozenset(InBlock(covering, family) for family in FAMILIES)
        assert index_of(covering, self.BLOCK).facts_within({}) == expected

    def test_one_family_may_differ_although_the_other_does_not(self) -> None:
        index = index_of(self.BLOCK, block_of("fd00::4/126"))
        outside, across = parse_address("10.0.0.1")[1], (parse_address("fd00::")[1], parse_address("fd00::4")[1])
        assert index.facts_within({Family.IPV4: (outside, outside), Family.IPV6: across}) is None

    @given(st.lists(some_blocks(), max_size=3), st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES))
    def test_facts_within_bounds_hold_for_every_address_there(self, blocks: list[Block], one: str, other: str) -> None:
        (family, low), (other_family, high) = sorted(map(parse_address, (one, other)))
        if family is not other_family:
            return
        within = [address for address in ADDRESSES if (family, low) <= parse_address(address) <= (family, high)]
        facts = index_of(*set(blocks)).facts_within({family: (low, high)})
        assert facts is None or all(holding(address, blocks) == facts for address in within)
        borders = {edge for block in blocks for low, high in block.addresses.ranges(family) for edge in (low, high + 1)}
        assert facts is not None or any(low < border <= high for border in borders), "placed one by one in vain"


def test_a_block_that_is_removed_leaves_no_border() -> None:
    kept, removed = block_of("10.0.0.0/24"), block_of("10.0.0.0/25", "10.0.1.0/24")
    index = index_of(kept, removed)
    index.remove(removed)
    bounds = {Family.IPV4: (parse_address("10.0.0.0")[1], parse_address("10.0.0.255")[1])}
    assert index.facts_within(bounds) == frozenset({InBlock(kept, Family.IPV4)})
    index.remove(kept)
    assert index.facts_within({Family.IPV4: (0, 2**32 - 1)}) == frozenset()
