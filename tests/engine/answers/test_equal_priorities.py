"""Policies of one tier with the same priority: an answer that depends on their order names both."""

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
about = st.sampled_from([(), (80,), (81,)])
others = st.lists(
    st.sampled_from(
        [
            policy("x/p"),
            policy("x/q", ingress=[admits(ports=[port(80)])]),
            guard("first", "Admin", 0, "Deny", ports=(81,)),
            guard("last", "Baseline", 1, "Deny"),
        ]
    ),
    unique_by=lambda one: one["metadata"]["name"],
)


@given(actions, about, actions, about, others, st.sampled_from([80, 81, 90]))
def test_both_are_named_if_and_only_if_the_other_order_gives_another_answer(
    some: list[str], some_ports: tuple[int, ...], more: list[str], more_ports: tuple[int, ...], others: Any, asked: int
) -> None:
    def answer(one: str, other: str) -> Verdict:
        tied = guard(one, "Admin", 1, *some, ports=some_ports), guard(other, "Admin", 1, *more, ports=more_ports)
        return cluster_of([*PODS, *tied, *others]).can("x/a", "x/b", port=asked)

    forth, back = answer("g", "h"), answer("h", "g")
    depends = bool(forth) is not bool(back)
    assert [bool(one.assumptions) for one in (forth, back)] == [depends, depends]
