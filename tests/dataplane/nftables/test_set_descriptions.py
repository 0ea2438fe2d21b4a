"""Kinds of sets and maps: the reader decodes messages to the kinds that the writer encoded."""

import pytest

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.set_descriptions import (
    MOST_ELEMENTS,
    decode_description,
    describe,
    raises_limits,
    size_limit,
    table_size,
)
from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    CLASS_ADDRESS,
    CLASS_TRAFFIC,
    CONNECTION,
    FLOW,
    PEER_CLASS,
    PEER_GROUP,
    PORT,
    TRAFFIC,
    Collection,
    GroupMap,
    HashSet,
    RangeMap,
    RangeSet,
    VerdictMap,
    address_key,
)
from ringfence.netlink.codec import attribute, attributes, string, uint32
from ringfence.sets.addresses import FAMILIES, Family

V4 = Family.IPV4
KINDS: list[Collection] = [
    HashSet(CONNECTION),
    *(HashSet(ADDRESS_PAIR[family]) for family in FAMILIES),
    *(HashSet(FLOW[family]) for family in FAMILIES),
    *(HashSet(ADDRESS[family], counted=counted) for family in FAMILIES for counted in (False, True)),
    *(RangeSet(ADDRESS[family]) for family in FAMILIES),
    *(RangeSet(CLASS_ADDRESS[family]) for family in FAMILIES),
    RangeSet(CLASS_TRAFFIC),
    RangeSet(PORT),
    *(VerdictMap(ADDRESS[family]) for family in FAMILIES),
    *(RangeMap(ADDRESS[family]) for family in FAMILIES),
    *(GroupMap(ADDRESS[family]) for family in FAMILIES),
    GroupMap(PEER_GROUP),
    VerdictMap(PEER_CLASS),
    RangeMap(TRAFFIC),
]


SIZED: list[Collection] = [
    HashSet(ADDRESS[V4]),
    VerdictMap(ADDRESS[V4]),
    GroupMap(ADDRESS[V4]),
    GroupMap(PEER_GROUP),
    VerdictMap(PEER_CLASS),
]
"""Kinds of sets and maps with short keys, in which packets look something up."""

LIMIT = string(nf.NFTA_EXPR_NAME, "limit")


def uint_of(number: int) -> bytes:
    return number.to_bytes(4, "big")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_kind_of_a_set_is_read_as_it_was_written(kind: Collection) -> None:
    assert decode_description(attributes(b"".join(describe(kind)))) == kind


OTHER_SETS = {
    "a map of ranges": {nf.NFTA_SET_FLAGS: uint_of(nf.NFT_SET_MAP | nf.NFT_SET_INTERVAL)},
    "a set whose elements may expire": {nf.NFTA_SET_FLAGS: uint_of(0x10)},
    "keys of another type": {nf.NFTA_SET_KEY_TYPE: uint_of(18)},
    "keys of another length": {nf.NFTA_SET_KEY_LEN: uint_of(16)},
    "elements that expire": {nf.NFTA_SET_TIMEOUT: bytes(8)},
    "elements that name objects": {nf.NFTA_SET_OBJ_TYPE: uint_of(1)},
    "a limited size": {nf.NFTA_SET_DESC: uint32(nf.NFTA_SET_DESC_SIZE, 1)},
    "an expression that limits": {nf.NFTA_SET_EXPR: LIMIT},
    "several expressions": {nf.NFTA_SET_EXPRESSIONS: LIMIT},
}


@pytest.mark.parametrize("other", OTHER_SETS)
def test_a_set_of_another_kind_is_foreign(other: str) -> None:
    described = attributes(b"".join(describe(HashSet(ADDRESS[V4]))))
    assert decode_description(described) == HashSet(ADDRESS[V4])
    assert decode_description({**described, **OTHER_SETS[other]}) is None


def test_a_set_of_ranges_of_each_part_of_a_key_is_foreign() -> None:
    kind = RangeSet(CLASS_ADDRESS[V4])
    described = attributes(b"".join(describe(kind)))
    assert decode_description(described) == kind
    assert decode_description({**described, nf.NFTA_SET_DESC: attribute(nf.NFTA_SET_DESC_CONCAT, b"")}) is None


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_only_a_set_that_may_have_a_size_is_read_with_the_limit_of_such_sets(kind: Collection) -> None:
    described = attributes(b"".join([*describe(kind), size_limit(MOST_ELEMENTS)]))
    assert decode_description(described) == (kind if kind in SIZED else None)
    assert (table_size(kind, is_fixed=False) > 0) is (kind in SIZED)


def test_a_table_has_room_for_twice_the_elements_that_its_map_has_at_first() -> None:
    """A transaction that replaces all of them adds the new ones before it removes the old ones."""
    keys = frozenset(address_key(V4, i) for i in range(1_000))
    assert table_size(VerdictMap(ADDRESS[V4], {"chain": keys}), is_fixed=False) == 2_000
    assert 0 < table_size(VerdictMap(ADDRESS[V4]), is_fixed=False) < table_size(VerdictMap(ADDRESS[V4]), is_fixed=True)


@pytest.mark.parametrize(
    ("release", "raises"),
    [
        pytest.param("6.18.44-generic", True, id="a later version"),
        pytest.param("7.0", True, id="a later main version"),
        pytest.param("6.6", True, id="the first version"),
        pytest.param("6.1.0-18-amd64", False, id="an earlier version"),
        pytest.param("5.15.0", False, id="an earlier main version"),
        pytest.param("unknown", False, id="no version"),
    ],
)
def test_sets_have_sizes_only_where_the_kernel_lets_them_grow_beyond(release: str, raises: bool) -> None:
    assert raises_limits(release) is raises
