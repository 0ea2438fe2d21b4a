"""The identities that lie in a block, with enough identities that the index uses its cached unions."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member

from ringfence.engine.population.address_index import AddressIndex
from ringfence.engine.population.facts import Block
from ringfence.engine.population.identities import Identity, Template, template_key
from ringfence.engine.population.marks import NO_FACTS
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Addresses, Family

IDENTITIES = 300
UNKNOWN = IDENTITIES
"""The bit of the identity whose address is not known."""


def address_of(bit: int) -> int:
    """Every second address, in another order than the bits."""
    return 2 * (bit * 7 % IDENTITIES)


def identity(bit: int) -> Identity:
    pod = member("x/a", addresses=[] if bit == UNKNOWN else ["10.0.0.1"])
    one = Identity(bit, Template(template_key(pod), pod), NO_FACTS)
    if bit != UNKNOWN:
        one.widen({Family.IPV4: (address_of(bit), address_of(bit))})
    return one


@pytest.fixture(scope="module")
def index() -> AddressIndex:
    index = AddressIndex()
    for bit in range(IDENTITIES + 1):
        index.add(identity(bit))
    return index


def block_of(*ranges: tuple[int, int], covers: bool = False) -> Block:
    return Block(Addresses(v4=ranges), covers)


borders = st.lists(st.integers(0, 2 * IDENTITIES), min_size=2, max_size=6, unique=True).map(sorted)


@given(borders)
def test_the_identities_between_the_borders_of_a_block(index: AddressIndex, ends: list[int]) -> None:
    ranges = tuple(zip(ends[::2], ends[1::2], strict=False))
    expected = (bit for bit in range(IDENTITIES) if any(low <= address_of(bit) <= high for low, high in ranges))
    assert index.within(block_of(*ranges), Family.IPV4) == bitsets.of(expected)


def test_an_address_that_is_not_known_lies_in_blocks_that_cover_a_family(index: AddressIndex) -> None:
    covering = Block(Addresses.of(ip_network("0.0.0.0/0")), covers_family=True)
    everyone = bitsets.of(range(IDENTITIES))
    assert index.within(covering, Family.IPV4) == everyone | 1 << UNKNOWN
    assert index.within(covering, Family.IPV6) == 1 << UNKNOWN
    assert index.within(Block(covering.addresses, covers_family=False), Family.IPV4) == everyone


def test_an_identity_that_is_removed_is_found_no_more() -> None:
    index, one, other = AddressIndex(), identity(1), identity(UNKNOWN)
    for added in (one, other):
        index.add(added)
    everything = block_of((0, 2 * IDENTITIES), covers=True)
    assert index.within(everything, Family.IPV4) == 1 << 1 | 1 << UNKNOWN
    index.remove(one)
    assert index.within(everything, Family.IPV4) == 1 << UNKNOWN
    index.remove(other)
    assert [index.within(everything, family) for family in FAMILIES] == [0, 0]
