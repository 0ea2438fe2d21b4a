"""The policies in force: a "what if" question changes them, and the change is undone afterwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import member_in, state_of
from tests.engine.test_state import as_model, matrix
from tests.example_counts import examples
from tests.semantics.objects import Object, admits, block, key_of, labelled, pod, pods, policy

from ringfence.engine.answers import traffic_between
from ringfence.engine.state import State
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC


def suppose_and_fail(state: State) -> None:
    with state.policies.supposing() as suppose:
        suppose(as_model(policy("x/p", ingress=[])))
        raise LookupError


class TestSupposing:
    WORLD = (pod("x/a", {"app": "a"}), pod("x/b", {"app": "b"}))

    def test_a_policy_is_in_force_inside_the_context_only(self) -> None:
        state = state_of(self.WORLD)
        before, revision = matrix(state), state.revision
        with state.policies.supposing() as suppose:
            suppose(as_model(policy("x/p", labelled(app="a"), ingress=[])))
            assert traffic_between(state, member_in(state, "x/b"), member_in(state, "x/a")) == NO_TRAFFIC
        assert matrix(state) == before == dict.fromkeys(before, ALL_TRAFFIC)
        assert state.revision == revision
        assert state.policies.network_policies.all_policies() == []

    def test_a_policy_that_is_replaced_comes_back_with_its_origin(self) -> None:
        state = state_of([*self.WORLD, policy("x/p", ingress=[])])
        (present,) = state.policies.network_policies.all_policies()
        with state.policies.supposing() as suppose:
            suppose(as_model(policy("x/p", ingress=[admits(pods({}))])))
            suppose(as_model(policy("x/p", ingress=[admits()])))
            assert traffic_between(state, member_in(state, "x/b"), member_in(state, "x/a")) == ALL_TRAFFIC
            (supposed,) = state.policies.network_policies.all_policies()
            assert supposed.origin is present.origin, "a supposed edit is shown at the place of the policy"
        assert state.policies.network_policies.all_policies() == [present]
        assert traffic_between(state, member_in(state, "x/b"), member_in(state, "x/a")) == NO_TRAFFIC

    def test_after_an_error_no_policy_stays_in_force(self) -> None:
        state = state_of(self.WORLD)
        with pytest.raises(LookupError):
            suppose_and_fail(state)
        assert state.policies.network_policies.all_policies() == []

    def test_suppositions_may_be_nested(self) -> None:
        state = state_of(self.WORLD)
        a, b = member_in(state, "x/a"), member_in(state, "x/b")
        with state.policies.supposing() as suppose:
            suppose(as_model(policy("x/p", ingress=[])))
            with state.policies.supposing() as suppose_more:
                suppose_more(as_model(policy("x/p", ingress=[admits()])))
                assert traffic_between(state, a, b) == ALL_TRAFFIC
            assert traffic_between(state, a, b) == NO_TRAFFIC
        assert traffic_between(state, a, b) == ALL_TRAFFIC

    @settings(max_examples=examples(25))
    @given(strategies.clusters(), st.lists(strategies.policies, min_size=1, max_size=3))
    def test_answers_inside_the_context_are_those_with_the_policies(
        self, objects: list[Object], more: list[Object]
    ) -> None:
        state = state_of(objects)
        before = matrix(state)
        with state.policies.supposing() as suppose:
            for one in more:
                suppose(as_model(one))
            supposed = {key_of(obj): obj for obj in [*objects, *more]}
            assert matrix(state) == matrix(state_of(supposed.values()))
        assert matrix(state) == before


def test_pods_that_a_policy_would_tell_apart_are_told_apart_before_it_is_in_force() -> None:
    present = policy("x/p", labelled(app="web"), ingress=[])
    state = state_of([pod("x/a", {"app": "web"}), pod("x/b", {"app": "web", "tier": "1"}), pod("x/c"), present])
    a, b = state.pod("x", "a"), state.pod("x", "b")
    assert a
    assert b
    assert state.identity(a) is state.identity(b)
    wanted = as_model(policy("x/p", labelled(tier="1"), ingress=[]))
    with state.policies.telling_apart([wanted]) as subjects:
        assert {state.identity(a), state.identity(b)} == subjects
        assert len(subjects) == 2
        with state.policies.supposing() as suppose:
            suppose(wanted)
            assert {state.identity(a), state.identity(b)} == subjects, "the policy that is replaced is still read"
    assert state.identity(a) is state.identity(b)


def test_pods_that_an_ip_block_would_tell_apart_are_told_apart_before_it_is_in_force() -> None:
    present = policy("x/p", ingress=[admits(block("10.0.0.1/32"))])
    wanted = policy("x/p", ingress=[admits(block("10.0.0.2/32"))])
    state = state_of(
        [*(pod(f"x/{name}", addresses=[f"10.0.0.{number}"]) for number, name in enumerate("abc", 1)), present]
    )
    a, b, c = (member_in(state, f"x/{name}") for name in "abc")
    assert state.identity(a) is not state.identity(b) is state.identity(c)
    with state.policies.telling_apart([as_model(wanted)]):
        assert len({state.identity(one) for one in (a, b, c)}) == 3
        with state.policies.supposing() as suppose:
            suppose(as_model(wanted))
            assert len({state.identity(one) for one in (a, b, c)}) == 3, (
                "the block of the policy that is replaced still counts"
            )
    assert state.identity(a) is not state.identity(b) is state.identity(c)
