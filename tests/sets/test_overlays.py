"""Overlays, against the union of the pieces at each member."""

from hypothesis import given
from hypothesis import strategies as st
from tests.sets.test_addresses import WITNESSES, sets
from tests.sets.test_traffic import traffics

from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.overlays import overlay_of_addresses, overlay_of_members
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

HTTP = Traffic.of("TCP", ((80, 80),))
MEMBERS = range(8)
extents = st.sets(st.sampled_from(MEMBERS)).map(bitsets.of)


@given(st.lists(st.tuples(extents, traffics), max_size=5), extents)
def test_each_member_has_the_traffic_of_the_pieces_that_contain_it(
    pieces: list[tuple[int, Traffic]], whole: int
) -> None:
    cells = overlay_of_members(pieces, whole)
    for member in bitsets.members(whole):
        (traffic,) = (traffic for cell, traffic in cells if cell >> member & 1)
        assert traffic == Traffic.union_of(traffic for extent, traffic in pieces if extent >> member & 1)
    assert all(cell & whole == cell for cell, _ in cells)
    assert len({traffic for _, traffic in cells}) == len(cells), "equal cells are one"


@given(st.lists(st.tuples(sets, traffics), max_size=5), sets | st.just(ALL_ADDRESSES))
def test_each_address_has_the_traffic_of_the_pieces_that_contain_it(
    pieces: list[tuple[Addresses, Traffic]], whole: Addresses
) -> None:
    cells = overlay_of_addresses(pieces, whole)
    for witness in WITNESSES:
        address = Family(witness.version), int(witness)
        found = [traffic for cell, traffic in cells if cell.contains(*address)]
        expected = Traffic.union_of(traffic for extent, traffic in pieces if extent.contains(*address))
        assert found == ([expected] if whole.contains(*address) else [])
    assert Addresses.union_of(cell for cell, _ in cells) == whole
    assert len({traffic for _, traffic in cells}) == len(cells), "equal cells are one"


def test_nothing_is_one_cell_without_traffic_and_a_whole_without_members_has_no_cell() -> None:
    assert overlay_of_members([], 0b11) == [(0b11, NO_TRAFFIC)]
    assert overlay_of_members([(0b11, HTTP)], 0) == []
    assert overlay_of_addresses([], ALL_ADDRESSES) == [(ALL_ADDRESSES, NO_TRAFFIC)]
    assert overlay_of_addresses([(ALL_ADDRESSES, HTTP)], NO_ADDRESSES) == []
