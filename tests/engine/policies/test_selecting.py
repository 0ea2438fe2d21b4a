"""The policies that select an identity: the same, whether the question is about one identity or about all."""

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.policies.artificial_tier import FRONT, compile_tier_policy, tier_policy

from ringfence.engine.policies.selecting import _FEW, SelectingPolicies

POLICIES = [compile_tier_policy(tier_policy(FRONT, f"p{number}")) for number in range(4)]


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4))
def test_the_policies_of_an_identity_are_those_whose_subjects_it_is_among(subjects: list[int]) -> None:
    selecting = SelectingPolicies(zip(POLICIES, subjects, strict=True))
    expected = [
        [policy for policy, some in zip(POLICIES, subjects, strict=True) if some >> bit & 1] for bit in range(8)
    ]
    for _ in range(2 + _FEW // 8):
        assert [selecting.selecting(bit) for bit in range(8)] == expected
