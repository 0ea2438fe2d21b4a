"""Policies of one tier with the same priority: an answer that depends on their order names both."""

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.answers.test_tier_reasons import guard
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, pod, policy, port

from ringfence import Verdict
from ringfence.engine.answers import equal_priorities, rule_reasons

PODS = [pod("x/a"), pod("x/b")]
NAMED = (
    "ClusterNetworkPolicy g and ClusterNetworkPolicy h have the same priority 1 in the Admin tier: which one decides is"
    " not defined, and g is assumed to come first, by its name"
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
    """Policies are evaluated in the order of their names: with other names, any two come first, in either order."""

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


def pairs_named(policies: list[Object], others: list[Object], asked: Any) -> list[list[str]]:
    """The names in each sentence about two policies."""
    assumed = cluster_of([*PODS, *policies, *others]).can("x/a", "x/b", port=asked).assumptions
    return [re.findall(r"Policy (g\d)", text.rpartition("; ")[2]) for text in assumed]


@given(st.sampled_from(["Admin", "Baseline"]), tied, others, st.sampled_from([80, 81, 90, (80, 81), (81, 90), None]))
def test_of_many_the_first_two_are_named_whose_order_decides(
    tier: str, policies: list[tuple[list[str], tuple[int, ...]]], others: list[Object], asked: Any
) -> None:
    equals = [guard(f"g{number}", tier, 1, *some, ports=ports) for number, (some, ports) in enumerate(policies)]
    of_few, about_all = (pairs_named(equals, others, one) for one in (asked, None))
    with mock.patch.object(equal_priorities, "MOST_PAIRED", 1):
        assert pairs_named(equals, others, asked) == (about_all[:1] if of_few else [])


def many(count: int) -> list[Object]:
    """Policies with different effects: each accepts one port, and denies another one that the next policy accepts."""
    return [
        {
            **accepting,
            "spec": {**accepting["spec"], "ingress": [*accepting["spec"]["ingress"], *denying["spec"]["ingress"]]},
        }
        for number in range(count)
        for accepting in [guard(f"g{number:03}", "Admin", 1, "Accept", ports=(1_000 + number,))]
        for denying in [guard("", "Admin", 1, "Deny", ports=(1_001 + number,))]
    ]


def test_many_policies_are_one_sentence() -> None:
    """400 that disagree would be 80,000 pairs."""
    cluster = cluster_of([*PODS, *many(40)])
    assumed = cluster.can("x/a", "x/b").assumptions
    assert cluster.can("x/a", "x/b", port="1000-1030").assumptions == assumed, "one, too"
    assert list(assumed) == [
        "40 policies have the same priority 1 in the Admin tier: ClusterNetworkPolicy g000, ClusterNetworkPolicy g001, "
        "ClusterNetworkPolicy g002 and 37 more: which one decides is not defined, and the order of their names is "
        "assumed; ClusterNetworkPolicy g000 and ClusterNetworkPolicy g001 disagree, and others may"
    ]


def test_many_policies_are_compared_as_a_whole_once_however_many_ports_are_asked_about() -> None:
    cluster = cluster_of([*PODS, *many(20)])
    wholly = mock.Mock(side_effect=equal_priorities._depending_on_order)
    with mock.patch.object(equal_priorities, "_depending_on_order", wholly):
        assert cluster.can("x/a", "x/b", port="1000-1019").assumptions
    assert [call.args[1] for call in wholly.call_args_list].count(None) == 1
    pieces = [
        call.args
        for call in wholly.call_args_list
        if call.args[1] and call.args[1].tcp[0][0] == call.args[1].tcp[-1][1]
    ]
    assert len(pieces) == 19, "only one policy is about the first port"
    assert all(len(equals.policies) == 2 for equals, _ in pieces), "others do not matter for these ports"


def test_the_policies_of_a_side_are_read_once_for_all_ports_and_for_each_port_only_those_about_it() -> None:
    """100 ports and 100 policies: what each policy does with the peer is found once, not for each port again."""
    cluster = cluster_of([*PODS, *many(100)])
    read = mock.Mock(side_effect=equal_priorities._selecting)
    effects = mock.Mock(side_effect=equal_priorities._Effect)
    explained = mock.Mock(side_effect=rule_reasons._explain_rule)
    with (
        mock.patch.object(equal_priorities, "_selecting", read),
        mock.patch.object(equal_priorities, "_Effect", effects),
        mock.patch.object(rule_reasons, "_explain_rule", explained),
    ):
        assert cluster.can("x/a", "x/b", port="1000-1099").assumptions
    assert read.call_count == 2 * 100, "for all ports together, and for each of them"
    assert effects.call_count == 100 + 99 * 2 + 100, "for all ports, the two about each, and those of the sentence"
    assert explained.call_count == 200, "each rule once"


def test_many_that_agree_are_none() -> None:
    agreeing = [guard(f"g{number}", "Admin", 1, "Deny", ports=(number + 1,)) for number in range(20)]
    others = [guard(f"h{number}", "Admin", 1, "Accept", ports=(number + 100,)) for number in range(20)]
    assert cluster_of([*PODS, *agreeing, *others]).can("x/a", "x/b").assumptions == ()
