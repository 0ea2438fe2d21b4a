"""The mark of the blocks that an address lies in, against `ipaddress`, after any additions and removals of blocks."""

from collections.abc import Iterator
from functools import reduce
from ipaddress import ip_address, ip_network
from operator import xor
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.population import blocks as blocks_module
from ringfence.engine.population.blocks import BlockFacts, BlockMarks, new_block_facts
from ringfence.engine.population.facts import Block
from ringfence.engine.population.marks import NO_FACTS, Mark
from ringfence.sets.addresses import Addresses, Family, parse_address

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


@pytest.fixture(autouse=True, params=(1, 3, 1000))
def long(request: pytest.FixtureRequest) -> Iterator[None]:
    """Blocks that are searched by themselves, some of them or all, and none."""
    with mock.patch.object(blocks_module, "LONG", request.param):
        yield


some_networks = st.lists(st.sampled_from(NETWORKS), max_size=3)


@st.composite
def some_blocks(draw: st.DrawFn) -> Block:
    networks = [ip_network(text) for text in draw(some_networks)]
    less = [ip_network(text) for text in draw(some_networks)]
    covers = any(network.prefixlen == 0 for network in networks)
    return Block(Addresses.of(*networks) - Addresses.of(*less), covers)


class Read:
    """Blocks with the marks of their facts, and the marks of all of them together."""

    def __init__(self, *blocks: Block) -> None:
        self.facts: dict[Block, BlockFacts] = {block: new_block_facts(block) for block in blocks}
        self.marks = BlockMarks()
        self.change = self.marks.toggle(self.facts)

    def remove(self, block: Block) -> None:
        self.change = self.marks.toggle({block: self.facts.pop(block)})

    def holding(self, address: str) -> Mark:
        """By definition: the marks of the blocks of which one of the CIDRs contains the address."""
        family, _ = parse_address(address)
        return reduce(
            xor,
            (
                facts[family]
                for block, facts in self.facts.items()
                if any(ip_address(address) in ip_network(cidr) for cidr in block.addresses.cidrs())
            ),
            NO_FACTS,
        )

    def covering(self) -> Mark:
        marks = (mark for block, facts in self.facts.items() if block.covers_family for mark in facts.values())
        return reduce(xor, marks, NO_FACTS)

    def within(self, low: str, high: str) -> Mark | None:
        (family, first), (_, last) = parse_address(low), parse_address(high)
        return self.marks.within({family: (first, last)})


@given(st.lists(st.tuples(some_blocks(), st.booleans()), max_size=6))
def test_an_address_has_the_marks_of_the_blocks_that_contain_it(added: list[tuple[Block, bool]]) -> None:
    read = Read(*dict(added))
    for block, keep in dict(added).items():
        if not keep:
            read.remove(block)
    for address in ADDRESSES:
        assert read.marks.at((parse_address(address),)) == read.holding(address)
    assert read.marks.at(()) == read.marks.covering == read.covering()


@given(some_blocks(), some_blocks())
def test_a_change_has_the_marks_of_the_changed_blocks_alone(kept: Block, changed: Block) -> None:
    alone = Read(changed)
    read = Read(kept)
    change = read.marks.toggle(alone.facts)
    for address in map(parse_address, ADDRESSES):
        assert change.at((address,)) == alone.marks.at((address,))
    assert change.at(()) == alone.covering()


def test_each_of_a_pods_addresses_is_looked_up_in_its_own_family() -> None:
    four, six = (Block(Addresses.of(ip_network(cidr)), False) for cidr in ("10.0.0.0/8", "fd00::/8"))
    read = Read(four, six)
    inside_four = read.facts[four][Family.IPV4]
    assert read.marks.at((parse_address("10.0.0.1"), parse_address("fc00::1"))) == inside_four
    both = inside_four ^ read.facts[six][Family.IPV6]
    assert read.marks.at((parse_address("10.0.0.1"), parse_address("fd00::1"))) == both


def test_that_an_address_lies_in_a_block_is_another_fact_for_each_family() -> None:
    block = Block(Addresses.of(ip_network("10.0.0.0/8"), ip_network("fd00::/8")), False)
    marks = Read(block).marks
    (four, six), (no_four, no_six) = (
        map(parse_address, ("10.0.0.1", "fd00::1")),
        map(parse_address, ("11.0.0.1", "fc00::1")),
    )
    assert marks.at((four, no_six)) != marks.at((no_four, six))


def block_of(*cidrs: str) -> Block:
    return Block(Addresses.of(*map(ip_network, cidrs)), False)


class TestBounds:
    """Pods with addresses within bounds are placed together only if every block holds all of them or none."""

    BLOCK = block_of("10.0.0.4/30")

    def test_the_highest_address_is_the_first_of_a_block(self) -> None:
        assert Read(self.BLOCK).within("10.0.0.0", "10.0.0.4") is None

    def test_the_highest_address_is_the_last_before_a_block(self) -> None:
        assert Read(self.BLOCK).within("10.0.0.0", "10.0.0.3") == NO_FACTS

    def test_the_lowest_and_highest_addresses_are_those_of_a_block(self) -> None:
        read = Read(self.BLOCK)
        assert read.within("10.0.0.4", "10.0.0.7") == read.facts[self.BLOCK][Family.IPV4]

    def test_the_highest_address_is_the_first_after_a_block(self) -> None:
        assert Read(self.BLOCK).within("10.0.0.4", "10.0.0.8") is None

    def test_a_block_lies_between_the_bounds(self) -> None:
        assert Read(self.BLOCK).within("10.0.0.0", "10.0.0.9") is None

    def test_pods_without_a_known_address_are_in_blocks_that_cover_a_family(self) -> None:
        read = Read(Block(Addresses.of(ip_network("0.0.0.0/0")), True), self.BLOCK)
        assert read.marks.within({}) == read.covering() != NO_FACTS

    def test_one_family_may_differ_although_the_other_does_not(self) -> None:
        marks = Read(self.BLOCK, block_of("fd00::4/126")).marks
        outside, across = parse_address("10.0.0.1")[1], (parse_address("fd00::")[1], parse_address("fd00::4")[1])
        assert marks.within({Family.IPV4: (outside, outside), Family.IPV6: across}) is None

    @given(st.lists(some_blocks(), max_size=3), st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES))
    def test_a_mark_within_bounds_is_that_of_every_address_there(
        self, blocks: list[Block], one: str, other: str
    ) -> None:
        (family, low), (other_family, high) = sorted(map(parse_address, (one, other)))
        if family is not other_family:
            return
        within = [address for address in ADDRESSES if (family, low) <= parse_address(address) <= (family, high)]
        read = Read(*blocks)
        mark = read.marks.within({family: (low, high)})
        assert mark is None or all(read.holding(address) == mark for address in within)
        borders = {edge for block in blocks for low, high in block.addresses.ranges(family) for edge in (low, high + 1)}
        assert mark is not None or any(low < border <= high for border in borders), "placed one by one in vain"


def test_a_block_that_is_removed_leaves_no_border() -> None:
    kept, removed = block_of("10.0.0.0/24"), block_of("10.0.0.0/25", "10.0.1.0/24")
    read = Read(kept, removed)
    assert read.within("10.0.0.0", "10.0.0.255") is None
    read.remove(removed)
    assert read.within("10.0.0.0", "10.0.0.255") == read.facts[kept][Family.IPV4]
    read.remove(kept)
    assert read.within("0.0.0.0", "255.255.255.255") == NO_FACTS
