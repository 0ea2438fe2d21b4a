"""Signs, letters and colours of probe results."""

import pytest
from tests.render.probe_results import EGRESS, INGRESS, result

from ringfence.analysis.probes.probe_report import DenyingSide, IsolatingPolicy, ProbeResult
from ringfence.render.probe_marks import ProbeMarks

ALLOWED = result("x/a", "x/b", 80)
DENIED = result("x/a", "x/b", 81, INGRESS)
LET_THROUGH = result("x/a", "x/b", 82, INGRESS, observed=True)
NOT_LET_THROUGH = result("x/a", "x/b", 83, observed=False)


@pytest.mark.parametrize(
    ("one", "sign"),
    [
        pytest.param(ALLOWED, "✓", id="allowed"),
        pytest.param(DENIED, "✗", id="denied"),
        pytest.param(LET_THROUGH, "!✓", id="let through although it is denied"),
        pytest.param(NOT_LET_THROUGH, "!✗", id="not let through although it is allowed"),
    ],
)
def test_the_sign(one: ProbeResult, sign: str) -> None:
    assert ProbeMarks([one], colour=False).sign(one) == sign


def test_small_letters_lead_to_egress_and_capitals_to_ingress() -> None:
    both = result("x/a", "x/b", 80, EGRESS, INGRESS)
    marks = ProbeMarks([both], colour=False)
    assert marks.letters == {EGRESS: "a", INGRESS: "A"}
    assert marks.mark(both) == "✗aA"


def test_a_cell_of_two_pods_of_a_workload_has_both_ways_where_they_differ() -> None:
    there, back = result("x/w", "x/w", 80), result("x/w", "x/w", 80, observed=False)
    assert ProbeMarks([there, there], colour=False).cell([there, there]) == "✓"
    assert ProbeMarks([there, back], colour=False).cell([there, back]) == "✓ !✗"


def test_letters_go_on_after_z() -> None:
    sides = [DenyingSide("ingress", (IsolatingPolicy(f"x/{number}"),)) for number in range(28)]
    marks = ProbeMarks([result("x/a", "x/b", 80, side) for side in sides], colour=False)
    assert [marks.letters[side] for side in sides[25:]] == ["Z", "AA", "AB"]


def test_a_connection_that_was_let_through_needs_no_letter() -> None:
    marks = ProbeMarks([LET_THROUGH], colour=False)
    assert marks.letters == {}
    assert marks.letters_of(LET_THROUGH) == ""


def test_families_with_the_same_result_share_a_mark() -> None:
    same = [result("x/a", "x/b", 80, family=family) for family in (4, 6)]
    differ = [same[0], result("x/a", "x/b", 80, INGRESS, family=6)]
    marks = ProbeMarks([*same, *differ], colour=False)
    assert marks.cell(same) == "✓"
    assert marks.cell(differ) == "4✓ 6✗A"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        pytest.param([ALLOWED], "\x1b[32m", id="green if allowed"),
        pytest.param([DENIED], "\x1b[31m", id="red if denied"),
        pytest.param([ALLOWED, DENIED], "\x1b[31m", id="red if one of them is denied"),
        pytest.param([ALLOWED, LET_THROUGH], "\x1b[1;7;31m", id="reversed if one of them disagrees"),
    ],
)
def test_the_colour(results: list[ProbeResult], code: str) -> None:
    assert ProbeMarks(results, colour=True).paint("text", results) == f"{code}text\x1b[0m"


def test_nothing_is_painted_without_colours_or_results() -> None:
    assert ProbeMarks([ALLOWED], colour=False).paint("text", [ALLOWED]) == "text"
    assert ProbeMarks([ALLOWED], colour=True).paint("text", []) == "text"
