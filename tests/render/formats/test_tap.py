"""TAP 14: a plan, a line for each point, directives, and diagnostics that are YAML."""

import yaml

from ringfence.render.formats.tap import TapPoint, tap_text


def test_points_are_counted_and_numbered() -> None:
    points = [TapPoint("a", True), TapPoint("b", False), TapPoint("c", True, "later")]
    assert tap_text(points).splitlines() == [
        "TAP version 14",
        "1..3",
        "ok 1 - a",
        "not ok 2 - b",
        "ok 3 - c # SKIP later",
    ]
    assert tap_text([]) == "TAP version 14\n1..0\n"


def test_diagnostics_are_yaml() -> None:
    diagnostics = {"message": 'a "b": c # d\n\x1b', "line": 4, "details": ["- x", "  y: z"]}
    lines = tap_text([TapPoint("a", False, diagnostics=diagnostics)]).splitlines()
    assert (lines[3], lines[-1]) == ("  ---", "  ...")
    assert yaml.safe_load("\n".join(lines[4:-1])) == diagnostics


def test_a_name_starts_no_directive_and_no_line() -> None:
    assert tap_text([TapPoint("a # SKIP \\ \nok 2 - b", False)]).splitlines()[2:] == [
        "not ok 1 - a \\# SKIP \\\\ \\\\nok 2 - b"
    ]
