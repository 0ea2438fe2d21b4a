"""Probe results as a matrix and as a list."""

from collections.abc import Sequence

from tests.render.probe_results import EGRESS, INGRESS, result

from ringfence.analysis.probes.probe_report import ProbeResult
from ringfence.render.probe_marks import ProbeMarks
from ringfence.render.probe_matrix import ProbeMatrix, lines_by_destination

RESULTS = (
    result("prod/web", "prod/db", 3306, INGRESS),
    result("prod/web", "prod/db", 53, EGRESS, INGRESS, protocol="UDP"),
    result("prod/db", "prod/web", 80),
    result("192.0.2.1", "prod/db", 3306, INGRESS),
    result("192.0.2.1", "prod/web", 80),
)


def matrix(results: Sequence[ProbeResult]) -> ProbeMatrix:
    return ProbeMatrix(results, ProbeMarks(results, colour=False))


def listed(results: Sequence[ProbeResult]) -> list[str]:
    return list(lines_by_destination(results, ProbeMarks(results, colour=False)))


def test_sources_stand_down_and_destinations_across_with_their_ports() -> None:
    assert matrix(RESULTS).lines() == [
        "             1   2",
        "             80  3306 53/UDP",
        "1 prod/web   ·   ✗A   ✗aA",
        "2 prod/db    ✓   ·    ·",
        "3 192.0.2.1  ✓   ✗A",
    ]


def test_the_width_is_that_of_the_widest_line_before_blanks_are_cut() -> None:
    full_row = result("prod/db", "prod/db", 53, protocol="UDP")
    wide = matrix([*RESULTS, full_row])
    assert wide.width == len("1 prod/web   80  3306 53/UDP")


def test_families_share_a_cell_as_long_as_they_agree() -> None:
    results = (
        result("x/a", "x/b", 80, family=4),
        result("x/a", "x/b", 80, family=6),
        result("x/b", "x/a", 80, family=4),
        result("x/b", "x/a", 80, INGRESS, family=6),
    )
    assert matrix(results).lines()[2:] == ["1 x/a  ·       ✓", "2 x/b  4✓ 6✗A  ·"]


def test_rows_stay_aligned_when_numbers_have_two_digits() -> None:
    results = [result(f"x/{number}", "x/db", 80) for number in range(10)]
    lines = matrix(results).lines()
    assert lines[2] == " 1 x/0   ✓"
    assert lines[-1] == "11 x/db  ·"


def test_a_name_with_control_characters_keeps_the_columns_aligned() -> None:
    lines = matrix([result("x/\x1b[2J", "x/b", 80), result("x/a", "x/b", 80)]).lines()
    assert lines[2:] == ["1 x/^[[2J  ✓", "2 x/a      ✓", "3 x/b      ·"]


def test_nothing_to_show() -> None:
    assert matrix([]).lines() == []


def test_the_list_names_the_sources_by_destination() -> None:
    assert listed(RESULTS) == [
        "prod/db 3306",
        "  ✗  prod/web A, 192.0.2.1 A",
        "prod/db 53/UDP",
        "  ✗  prod/web aA",
        "prod/web 80",
        "  ✓  prod/db, 192.0.2.1",
    ]


def test_ports_with_equal_results_share_a_heading() -> None:
    results = [result(source, "x/db", port) for port in (80, 443) for source in ("x/a", "x/b")]
    assert listed(results) == ["x/db 80 443", "  ✓  x/a, x/b"]


def test_of_many_sources_the_first_are_named_and_the_others_counted() -> None:
    def line(sources: int) -> str:
        return listed([result(f"x/{number}", "x/db", 80) for number in range(sources)])[1]

    assert line(7) == "  ✓  x/0, x/1, x/2, x/3, x/4, x/5, x/6"
    assert line(100) == "  ✓  x/0, x/1, x/2, x/3, x/4, x/5 and 94 more"


def test_a_source_that_both_families_deny_is_named_once() -> None:
    assert listed([result("x/a", "x/b", 80, INGRESS, family=family) for family in (4, 6)])[1] == "  ✗  x/a A"
