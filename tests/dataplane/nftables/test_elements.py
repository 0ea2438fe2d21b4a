"""Elements of sets and maps: the reader decodes messages to the values that the writer encoded.

`test_kernel` specifies how the kernel treats these messages.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.elements import (
    decode_counts,
    decode_elements,
    elements_in,
    has_repetitions,
    key_portions,
    portions,
)
from ringfence.dataplane.program import (
    CLASS_TRAFFIC,
    PORT,
    Collection,
    GroupMap,
    HashSet,
    KeyRange,
    Move,
    RangeMap,
    RangeSet,
    VerdictMap,
    port_key,
    traffic_key,
)
from ringfence.netlink.codec import attribute, attributes, each_attribute, nested, string, uint32
from ringfence.sets.addresses import Family

V4 = Family.IPV4
KEY = nested(nf.NFTA_SET_ELEM_KEY, attribute(nf.NFTA_DATA_VALUE, b"\0\1"))
"""The key of port 1."""


def decoded(kind: Collection, lists: list[bytes]) -> Collection | None:
    return decode_elements(kind, elements_in(lists))


def read(kind: Collection, written: Collection) -> Collection | None:
    return decoded(kind, [attributes(one)[nf.NFTA_SET_ELEM_LIST_ELEMENTS] for one in portions(written)])


LIMIT = string(nf.NFTA_EXPR_NAME, "limit")

OTHER_ELEMENTS = {
    "one that stands for all keys": uint32(nf.NFTA_SET_ELEM_FLAGS, 2),
    "one that expires": KEY + attribute(4, bytes(8)),
    "one that matches up to a limit": KEY + nested(nf.NFTA_SET_ELEM_EXPR, LIMIT),
    "one that names an object": KEY + string(9, "counter"),
}


@pytest.mark.parametrize("other", OTHER_ELEMENTS)
@pytest.mark.parametrize(
    "kind", [HashSet(PORT), HashSet(PORT, counted=True), RangeSet(PORT), VerdictMap(PORT)], ids=str
)
def test_a_set_with_an_element_of_another_kind_is_foreign(kind: Collection, other: str) -> None:
    assert decoded(kind, [nested(nf.NFTA_LIST_ELEM, OTHER_ELEMENTS[other])]) is None


keys = st.integers(0, 0xFFFF).map(lambda port: port.to_bytes(2, "big"))


@given(st.frozensets(keys, max_size=30))
def test_keys_are_read_back(elements: frozenset[bytes]) -> None:
    assert read(HashSet(PORT), HashSet(PORT, elements)) == HashSet(PORT, elements)


def test_a_set_that_counts_is_read_as_one() -> None:
    counted = HashSet(PORT, frozenset({b"\0\1"}), counted=True)
    assert read(HashSet(PORT, counted=True), counted) == counted


@st.composite
def spans(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Ranges of ports. The ranges of a program do not touch: at least one port lies between two of them."""
    ordered = sorted(draw(st.sets(st.sampled_from([0, 1, 2, 9, 10, 11, 13, 0xFFFE, 0xFFFF]), max_size=8)))
    found: list[tuple[int, int]] = []
    for low, high in zip(ordered[::2], ordered[1::2], strict=False):
        if not found or low > found[-1][1] + 1:
            found.append((low, high))
    return found


def range_set(spans: list[tuple[int, int]]) -> RangeSet:
    return RangeSet(PORT, frozenset((low.to_bytes(2, "big"), high.to_bytes(2, "big")) for low, high in spans))


@given(spans())
def test_ranges_of_one_part_are_read_back_even_at_both_ends_of_all_keys(spans: list[tuple[int, int]]) -> None:
    assert read(RangeSet(PORT), range_set(spans)) == range_set(spans)


@given(spans())
def test_every_key_at_which_membership_changes_is_one_element(spans: list[tuple[int, int]]) -> None:
    """The kernel stores a set of ranges in this form (`nft_set_rbtree`): each border is an element."""

    def is_member(port: int) -> bool:
        return any(low <= port <= high for low, high in spans)

    near = sorted({*(low for low, _ in spans), *(high + 1 for _, high in spans if high < 0xFFFF)})
    borders = [(port, not is_member(port)) for port in near]
    assert all(is_member(port) is not is_member(port - 1) for port in near)
    assert [border for portion in portions(range_set(spans)) for border in written_borders(portion)] == borders


def written_borders(portion: bytes) -> Iterator[tuple[int, bool]]:
    """The ports of the elements in a message, and whether a range ends before each of them."""
    for _, element in each_attribute(attributes(portion)[nf.NFTA_SET_ELEM_LIST_ELEMENTS]):
        parts = attributes(element)
        key = attributes(parts[nf.NFTA_SET_ELEM_KEY])[nf.NFTA_DATA_VALUE]
        yield int.from_bytes(key, "big"), nf.NFTA_SET_ELEM_FLAGS in parts


def test_ranges_of_keys_of_several_parts_are_read_back() -> None:
    one, other = (bytes([*bytes(15), number]) for number in (1, 2))
    ranges = RangeSet(
        CLASS_TRAFFIC,
        frozenset(
            (identifier + traffic_key(6, low), identifier + traffic_key(6, high))
            for identifier, low, high in ((one, 80, 90), (one, 91, 91), (other, 0, 65535))
        ),
    )
    assert read(RangeSet(CLASS_TRAFFIC), ranges) == ranges


@given(spans())
def test_ranges_that_lead_to_chains_may_touch(spans: list[tuple[int, int]]) -> None:
    """Where one range ends and another begins, the kernel has two elements with the same key."""
    ranges = {f"inside_{i % 2}": frozenset[KeyRange]() for i in range(len(spans[:2]))}
    behind: set[KeyRange] = set()
    for i, (low, high) in enumerate(spans):
        ranges[f"inside_{i % 2}"] |= {(port_key(low), port_key(high))}
        if high < 0xFFFF:
            behind.add((port_key(high + 1), port_key(high + 1)))
    written = RangeMap(PORT, ranges | ({"behind": frozenset(behind)} if behind else {}))
    assert read(RangeMap(PORT), written) == written


def test_a_range_that_leads_to_a_foreign_chain_is_detected() -> None:
    jump = VerdictMap(PORT, {"a": frozenset({b"\0\1"})})
    lists = [attributes(one)[nf.NFTA_SET_ELEM_LIST_ELEMENTS] for one in portions(jump)]
    assert decoded(RangeMap(PORT), lists) == RangeMap(PORT, {"": frozenset({(b"\0\1", b"\xff\xff")})})


def test_both_ends_of_a_range_are_in_one_message() -> None:
    """A message is the smallest part of a transaction. A range without its end would extend to the next range."""
    ranges = RangeSet(PORT, frozenset((port_key(port), port_key(port)) for port in range(0, 2_000, 2)))
    parts = [list(written_borders(portion)) for portion in portions(ranges)]
    assert len(parts) > 1
    for borders in parts:
        assert [ends for _, ends in borders] == [False, True] * (len(borders) // 2)


@pytest.mark.parametrize("goto", [False, True])
def test_entries_of_a_map_are_read_back(goto: bool) -> None:
    verdicts = VerdictMap(PORT, goto=goto).moved(Move(bytes([0, i]), None, f"chain_{i % 2}") for i in range(9))
    assert read(VerdictMap(PORT), verdicts) == verdicts
    assert verdicts.goto is goto


def test_a_map_without_entries_is_read_as_one_of_jumps() -> None:
    assert decoded(VerdictMap(PORT), []) == VerdictMap(PORT)


def test_a_goto_among_jumps_leads_to_no_chain() -> None:
    """In a map that ringfence writes, either all entries jump or all use goto.

    Another program has set the entry that differs.
    """
    jump, goto = VerdictMap(PORT, {"a": frozenset({b"\0\1"})}), VerdictMap(PORT, {"b": frozenset({b"\0\2"})}, goto=True)
    lists = [attributes(one)[nf.NFTA_SET_ELEM_LIST_ELEMENTS] for one in (*portions(jump), *portions(goto))]
    assert decoded(VerdictMap(PORT), lists) == VerdictMap(PORT, {"a": frozenset({b"\0\1"}), "": frozenset({b"\0\2"})})


def test_an_entry_that_is_not_a_jump_leads_to_no_chain() -> None:
    """Another program has set it. The reader must not treat it as an entry of ringfence."""
    accept = uint32(nf.NFTA_VERDICT_CODE, nf.NF_ACCEPT) + string(nf.NFTA_VERDICT_CHAIN, "c")
    data = nested(nf.NFTA_SET_ELEM_DATA, nested(nf.NFTA_DATA_VERDICT, accept))
    element = nested(nf.NFTA_LIST_ELEM, KEY, data)
    assert decoded(VerdictMap(PORT), [element]) == VerdictMap(PORT, {"": frozenset({b"\0\1"})})


def test_many_elements_are_divided_into_messages_and_so_are_their_keys() -> None:
    verdicts = VerdictMap(PORT).moved(Move(i.to_bytes(2, "big"), None, "chain") for i in range(1_000))
    whole, alone = list(portions(verdicts)), list(key_portions(verdicts))
    assert len(whole) == len(alone) == 3
    for portion, its_keys in zip(whole, alone, strict=True):
        assert len(portion) < 1 << 16
        assert keys_in(portion) == keys_in(its_keys), "so that both can be replaced together"


def keys_in(portion: bytes) -> list[bytes]:
    elements = each_attribute(attributes(portion)[nf.NFTA_SET_ELEM_LIST_ELEMENTS])
    return [attributes(element)[nf.NFTA_SET_ELEM_KEY] for _, element in elements]


def test_the_counts_of_elements_are_read() -> None:
    counts = uint32(nf.NFTA_COUNTER_PACKETS, 3) + uint32(nf.NFTA_COUNTER_BYTES, 90)
    counter = nested(nf.NFTA_SET_ELEM_EXPR, nested(nf.NFTA_EXPR_DATA, counts))
    element = nested(nf.NFTA_LIST_ELEM, KEY, counter)
    assert list(decode_counts(elements_in([element]))) == [(b"\0\1", 3, 90)]


def bordered(port: int, *more: bytes) -> bytes:
    key = nested(nf.NFTA_SET_ELEM_KEY, attribute(nf.NFTA_DATA_VALUE, port_key(port)))
    return nested(nf.NFTA_LIST_ELEM, key, *more)


def test_an_element_that_is_listed_twice_is_detected_even_if_its_count_has_changed() -> None:
    count = uint32(nf.NFTA_COUNTER_PACKETS, 3)
    counted = nested(nf.NFTA_SET_ELEM_EXPR, nested(nf.NFTA_EXPR_DATA, count))
    assert has_repetitions(elements_in([bordered(1), bordered(2), bordered(1, counted)]))
    assert not has_repetitions(elements_in([bordered(1), bordered(2, counted)]))


def test_a_range_that_begins_where_another_one_ends_is_no_repetition() -> None:
    ranges = RangeSet(PORT, frozenset({(port_key(1), port_key(2)), (port_key(3), port_key(4))}))
    assert not has_repetitions(elements_in(attributes(one)[nf.NFTA_SET_ELEM_LIST_ELEMENTS] for one in portions(ranges)))


def test_a_member_is_read_back_in_the_group_in_which_it_was_written() -> None:
    groups = GroupMap(PORT, {"00000001": frozenset({b"\0\1", b"\0\2"}), "0a0b0c0d": frozenset({b"\0\3"})})
    assert read(GroupMap(PORT), groups) == groups
