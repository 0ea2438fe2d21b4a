"""Signatures: each names the sets that contain a member."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.compile.signatures import signatures
from ringfence.sets import bitsets

small = st.integers(0, 1 << 9)


@given(st.lists(small, max_size=5), small)
def test_each_member_has_a_signature_that_says_in_which_sets_it_is(sets: list[int], of: int) -> None:
    found = dict(signatures(sets, of))
    assert sorted(found) == list(bitsets.members(of))
    for member, signature in found.items():
        assert signature == tuple(place for place, one in enumerate(sets) if one >> member & 1)
