"""Policies of one tier with the same priority: an answer that depends on their order names both."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.answers.test_tier_reasons import guard
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, pod, policy, port

from ringfence import Verdict

PODS = [pod("x/a"), pod("x/b")]
NAMED = (
    "ClusterNetworkPolicy g and ClusterNetworkPolicy h have the same priority 1 in the Admin tier: which one decides is"
    " not defined, and g is taken to come first, by its name"
)


@pytest.mark.parametrize(
    ("policies", "assumptions"),
    [
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")], [NAMED], id="they disagree"),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 2, "Accept")], [], id="another priority"),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Baseline", 1, "Accept")], [], id="another tier"),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Deny")], [], id="they agree"),
        pytest.param(
            [guard("g", "Admin", 1, "Deny", ports=(81,)), guard("h", "Admin", 1, "Accept")], [], id="about other ports"
        ),
        pytest.param(
            [guard("f", "Admin", 0, "Deny"), guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")],
            [],
            id="an earlier one decides",
        ),
        pytest.param(
            [guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Pass"), policy("x/p")], [], id="either way denied"
        ),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Pass")], [NAMED], id="it allows"),
    ],
)
def test_both_are_named_if_their_order_decides(policies: list[Object], assumptions: list[str]) -> None:
    assert list(cluster_of([*PODS, *policies]).can("x/a", "x/b", port=80).assumptions) == assumptions


actions = st.lists(st.sampled_from(["Accept", "Deny", "Pass"]), min_size=1, max_size=2)
tied = st.lists(st.tuples(actions, st.sampled_from([(), (80,), (81,), (80, 81)])), min_size=2, max_size=4)
others = st.lists(
    st.sampled_from(
        [
            policy("x/p"),
            policy("x/q", ingress=[admits(ports=[port(80)])]),
            guard("first", "Admin", 0, "Deny", ports=(81,)),
            guard("before", "Admin", 0, "Pass", ports=(80,)),
            guard("last", "Baseline", 1, "Deny"),
        ]
    ),
    unique_by=lambda one: one["metadata"]["name"],
)


@given(st.sampled_from(["Admin", "Baseline"]), tied, others, st.sampled_from([80, 81, 90, (80, 81), (81, 90), None]))
def test_two_are_named_if_and_only_if_the_other_order_of_both_gives_another_answer(
    tier: str, policies: list[tuple[list[str], tuple[int, ...]]], others: list[Object], asked: Any
) -> None:
    """The order of names is that in which they are asked: so any two come first, in either order, under other names."""

    def answer(order: Sequence[int]) -> Verdict:
        names = {number: f"g{place}" for place, number in enumerate(order)}
        equals = [guard(names[number], tier, 1, *some, ports=ports) for number, (some, ports) in enumerate(policies)]
        return cluster_of([*PODS, *equals, *others]).can("x/a", "x/b", port=asked)

    everyone = range(len(policies))
    named = answer(everyone).assumptions
    for one, other in combinations(everyone, 2):
        rest = [number for number in everyone if number not in (one, other)]
        depends = answer([one, other, *rest]).traffic != answer([other, one, *rest]).traffic
        is_named = any(f"Policy g{one} and ClusterNetworkPolicy g{other} have" in text for text in named)
        assert is_named is depends


def test_policies_that_do_the_same_are_not_compared_with_each_other() -> None:
    """A thousand of them would be half a million comparisons."""
    accepting = [guard(f"a{number}", "Admin", 1, "Accept") for number in range(30)]
    denying = [guard(f"d{number}", "Admin", 1, "Deny") for number in range(2)]
    assert len(cluster_of([*PODS, *accepting, *denying]).can("x/a", "x/b", port=80).assumptions) == 60
