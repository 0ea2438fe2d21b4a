"""Counting pairs gives what asking about every pair does."""

from itertools import permutations

from benchmarks.allowed_pairs import allowed_pairs
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import state_of
from tests.semantics.objects import Object

from ringfence.engine.answers import allows
from ringfence.sets.traffic import PROTOCOLS


@given(strategies.clusters(), st.sampled_from(PROTOCOLS), st.sampled_from([53, 80, 85, 443]))
def test_the_count_is_how_many_pairs_may_connect(objects: list[Object], protocol: str, port: int) -> None:
    state = state_of(objects)
    one_by_one = sum(allows(state, one, other, (protocol, port)) for one, other in permutations(state.members(), 2))
    assert allowed_pairs(state, protocol, port) == one_by_one
