"""What the commands of `lab` print."""

import pytest

from ringfence.analysis.probes.laboratory_status import LaboratoryStatus
from ringfence.analysis.probes.probe_report import ProbeReport, ProbeResult, RefusedProgram
from ringfence.cli.lab_output import print_refused, print_report, print_status, progress_bar

HOSTILE = "x/\x1b]0;title\x07"
REPORT = ProbeReport((ProbeResult(HOSTILE, "x/b", "TCP", 80, expected=True, observed=True),))
STATUS = LaboratoryStatus((), (), (), (), (HOSTILE,))
REFUSED = RefusedProgram("node-1", "set \x1b[2Jwrong: Invalid argument")

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("output", "start"),
    [("table", "         1\n"), ("json", '{"apiVersion": "ringfence/v1", "probes": ['), ("junit", "<?xml version=")],
)
def test_a_report_in_each_format(capsys: Capture, output: str, start: str) -> None:
    print_report(ProbeReport((ProbeResult("x/a", "x/b", "TCP", 80, expected=True, observed=True),)), output)
    printed = capsys.readouterr().out
    assert printed.startswith(start.rstrip()) or "1 x/a" in printed
    assert printed.endswith("\n")


@pytest.mark.parametrize("coloured", [False, True])
def test_no_name_controls_the_terminal(capsys: Capture, monkeypatch: pytest.MonkeyPatch, coloured: bool) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1" if coloured else "0")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_report(REPORT, "table")
    print_status(STATUS, "table")
    print_refused([REFUSED])
    out, err = capsys.readouterr()
    for text in (out, err):
        for hostile in ("\x1b]", "\x07", "\x1b[2J"):
            assert hostile not in text


def test_colours_are_kept_where_they_are_wanted(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_report(REPORT, "table")
    assert "\x1b[32m✓" in capsys.readouterr().out


def test_the_status_in_each_format(capsys: Capture) -> None:
    print_status(LaboratoryStatus((), (), (), (), ("x/p",)), "table")
    assert capsys.readouterr().out == "POLICY\nx/p\n"
    print_status(LaboratoryStatus((), (), (), (), ("x/p",)), "json")
    assert '"x/p"' in capsys.readouterr().out


def test_refusals_are_errors_on_standard_error(capsys: Capture) -> None:
    assert print_refused([RefusedProgram("node-1", "Invalid argument")])
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: node node-1: the kernel refused a part of the policies: Invalid argument\n")


def test_without_refusals_nothing_is_printed(capsys: Capture) -> None:
    assert not print_refused([])
    assert capsys.readouterr() == ("", "")


def test_there_is_no_progress_bar_without_a_terminal(capsys: Capture) -> None:
    with progress_bar() as progress:
        progress("probing", 1, 2)
    assert capsys.readouterr() == ("", "")
