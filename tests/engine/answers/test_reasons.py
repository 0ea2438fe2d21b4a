"""Reasons: their properties for a rule and for a connection."""

from typing import Any

import pytest

from ringfence.engine.answers.reasons import PairReason, RuleReason, SideReason, passes
from ringfence.engine.policies import Action
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def tcp(*numbers: int) -> Traffic:
    return Traffic.of("TCP", [(number, number) for number in numbers])


@pytest.mark.parametrize(
    ("allowed", "asked", "enough"),
    [
        (tcp(80, 81), tcp(80), True),
        (tcp(80), tcp(80, 81), False),
        (NO_TRAFFIC, tcp(80), False),
        (tcp(80), None, True),
        (NO_TRAFFIC, None, False),
    ],
)
def test_all_that_was_asked_must_pass_and_without_a_question_anything(
    allowed: Traffic, asked: Traffic | None, enough: bool
) -> None:
    assert passes(allowed, asked) is enough


@pytest.mark.parametrize("action", Action)
def test_a_rule_allows_if_both_halves_match_and_its_action_is_to_allow(action: Action) -> None:
    def rule(*, selects: bool, carries: bool) -> RuleReason:
        return RuleReason(0, action, "", None, (), selects, carries, NO_TRAFFIC)

    assert not rule(selects=True, carries=False).matches
    assert not rule(selects=False, carries=True).matches
    both = rule(selects=True, carries=True)
    assert both.matches
    assert both.allows is (action is Action.ALLOW)


def pair(egress: dict[str, Any], ingress: dict[str, Any], asked: Traffic | None = None) -> PairReason:
    def side(direction: Direction, fields: dict[str, Any]) -> SideReason:
        given = {"isolated": True, "allowed": True, "traffic": ALL_TRAFFIC, **fields}
        return SideReason(direction, ALL_ADDRESSES, ALL_ADDRESSES, **given)

    sides = side(Direction.EGRESS, egress), side(Direction.INGRESS, ingress)
    return PairReason(ALL_ADDRESSES, ALL_ADDRESSES, asked, *sides)


def test_a_connection_passes_only_with_traffic_that_both_sides_allow() -> None:
    assert pair({"traffic": tcp(80, 81)}, {"traffic": tcp(80)}).allowed
    assert not pair({"traffic": tcp(81)}, {"traffic": tcp(80)}).allowed, "each side allows something, but not the same"
    assert not pair({"traffic": tcp(80)}, {}, asked=tcp(81)).allowed


def test_an_answer_depends_on_nothing_if_one_side_surely_denies() -> None:
    doubtful, denied = {"assumptions": ("a",)}, {"allowed": False, "traffic": NO_TRAFFIC}
    assert pair(doubtful, {"assumptions": ("b",)}).assumptions == ("a", "b")
    assert pair(doubtful, denied).assumptions == pair(denied, doubtful).assumptions == ()
    assert pair({**denied, "assumptions": ("a",)}, {"assumptions": ("b",)}).assumptions == ("a", "b")
