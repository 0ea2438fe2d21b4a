"""The results of probes, as text, JSON and JUnit."""

import json
from xml.etree import ElementTree

import msgspec
import pytest
from tests.render.probe_results import EGRESS, INGRESS, result

from ringfence.analysis.probes.probe_report import ProbeReport, RefusedProgram
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, Severity
from ringfence.render import probe_report

AS_EXPECTED = ProbeReport(
    (
        result("prod/web", "prod/db", 3306, INGRESS),
        result("prod/web", "prod/db", 53, EGRESS, INGRESS, protocol="UDP"),
        result("prod/db", "prod/web", 80),
    )
)
SURPRISING = ProbeReport(
    (
        result("prod/web", "prod/db", 3306, INGRESS, observed=True),
        result("prod/db", "prod/web", 80, observed=False),
        result("prod/db", "prod/web", 81),
    )
)
REFUSED = ProbeReport(AS_EXPECTED.results, (RefusedProgram("node-1", "set ingress_1: No space left on device"),))


def test_the_matrix_then_who_denies_where_it_stands_and_a_summary() -> None:
    assert probe_report.text(AS_EXPECTED, width=80) == (
        "            1   2\n"
        "            80  3306 53/UDP\n"
        "1 prod/web  ·   ✗A   ✗aA\n"
        "2 prod/db   ✓   ·    ·\n"
        "\n"
        "a  egress isolated by prod/deny-all, prod/dns\n"
        "A  ingress isolated by prod/db-policy\n"
        "\n"
        "prod/db-policy  db.yaml:3\n"
        "prod/deny-all   all.yaml:1\n"
        "prod/dns        all.yaml:9\n"
        "\n"
        "3 probes: 1 allowed, 2 denied, all as the engine says\n"
    )


def test_a_list_where_the_matrix_is_too_wide() -> None:
    needed = len("1 prod/web  80  3306 53/UDP")
    assert probe_report.text(AS_EXPECTED, width=needed).startswith("            1   2\n")
    assert probe_report.text(AS_EXPECTED, width=needed - 1).startswith("prod/db 3306\n  ✗  prod/web A\n")


def test_disagreements_are_marked_and_listed() -> None:
    assert probe_report.text(SURPRISING, width=80) == (
        "            1      2\n"
        "            80 81  3306\n"
        "1 prod/web  ·  ·   !✓\n"
        "2 prod/db   !✗ ✓   ·\n"
        "\n"
        "! prod/web -> prod/db 3306/TCP: the engine denies it (ingress isolated by prod/db-policy), "
        "the kernel let it through\n"
        "! prod/db -> prod/web 80/TCP: the engine allows it, the kernel did not let it through\n"
        "\n"
        "3 probes: 2 allowed, 1 denied; 2 not as the engine says\n"
    )


def test_a_refusal_of_the_kernel_is_reported_although_all_probes_agree() -> None:
    text = probe_report.text(REFUSED, width=80)
    assert text.endswith(
        "! node node-1: the kernel refused a part of the policies: set ingress_1: No space left on device\n"
        "\n"
        "3 probes: 1 allowed, 2 denied; the kernel does not enforce all policies\n"
    )
    assert "all as the engine says" not in text


def test_disagreements_and_refusals_are_both_in_the_summary() -> None:
    both = ProbeReport(SURPRISING.results, REFUSED.refused)
    assert probe_report.summary(both) == (
        "3 probes: 2 allowed, 1 denied; 2 not as the engine says; the kernel does not enforce all policies"
    )


def test_a_single_probe_is_counted_in_the_singular() -> None:
    assert probe_report.summary(ProbeReport((result("x/a", "x/b", 80),))).startswith("1 probe: 1 allowed, 0 denied")


def test_colour_adds_nothing_but_colour() -> None:
    coloured = probe_report.text(SURPRISING, width=80, colour=True)
    assert "\x1b[32m" in coloured
    for code in ("\x1b[32m", "\x1b[31m", "\x1b[1;7;31m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert [line.split() for line in coloured.splitlines()] == [
        line.split() for line in probe_report.text(SURPRISING, width=80).splitlines()
    ]


@pytest.mark.parametrize("width", [10, 200])
def test_names_cannot_control_the_terminal(width: int) -> None:
    hostile = ProbeReport(
        (result("x/\x1b[2J", "x/b", 80, INGRESS, observed=True), result("x/a", "x/\x1bc", 80, EGRESS)),
        (RefusedProgram("node-\x1b[1m", "\x1b]0;title\x07"),),
    )
    assert "\x1b" not in probe_report.text(hostile, width=width)


def test_nothing_to_probe() -> None:
    text = probe_report.text(ProbeReport(()), width=80)
    assert text == "0 probes: 0 allowed, 0 denied, all as the engine says\n"


def test_json_has_every_probe_and_counts() -> None:
    document = json.loads("".join(probe_report.json(SURPRISING)))
    assert document["summary"] == {"probes": 3, "agree": 1, "disagree": 2}
    assert "refused" not in document
    assert document["probes"][0] == {
        "source": "prod/web",
        "destination": "prod/db",
        "protocol": "TCP",
        "port": 3306,
        "expected": False,
        "observed": True,
    }


def test_json_names_the_family_only_where_there_are_two() -> None:
    both = ProbeReport((result("x/a", "x/b", 80, family=6),))
    assert json.loads("".join(probe_report.json(both)))["probes"][0]["family"] == "IPv6"


def test_json_has_the_refusals_of_the_kernel() -> None:
    document = json.loads("".join(probe_report.json(REFUSED)))
    assert document["refused"] == [{"node": "node-1", "reason": "set ingress_1: No space left on device"}]


def test_json_has_the_problems_of_the_input() -> None:
    problem = Problem(Place("p.yaml", 3), "invalid-yaml", "not YAML")
    document = json.loads("".join(probe_report.json(REFUSED, [problem])))
    assert [one["message"] for one in document["problems"]] == ["not YAML"]
    assert document["refused"], "which comes before it"


def test_json_of_nothing() -> None:
    assert json.loads("".join(probe_report.json(ProbeReport(()))))["probes"] == []


def test_junit_has_a_case_for_each_probe_that_fails_if_the_kernel_disagrees() -> None:
    (suite,) = ElementTree.fromstring(probe_report.junit(SURPRISING))
    assert suite.get("name") == "ringfence lab"
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        ("prod/db", "prod/web -> prod/db 3306/TCP"),
        ("prod/web", "prod/db -> prod/web 80/TCP"),
        ("prod/web", "prod/db -> prod/web 81/TCP"),
    ]
    assert [len(case) for case in suite] == [1, 1, 0]


def test_junit_has_a_failing_case_for_each_refusal() -> None:
    (suite,) = ElementTree.fromstring(probe_report.junit(REFUSED))
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    (failure,) = suite[-1]
    assert suite[-1].get("classname") == "node-1"
    assert "No space left on device" in str(failure.get("message"))


def test_junit_has_a_failing_case_for_each_error_of_the_input() -> None:
    error = Problem(Place("db.yaml", 7), "invalid-value", "spec: wrong", object="NetworkPolicy x/p")
    warning = msgspec.structs.replace(error, severity=Severity.WARNING)
    (suite,) = ElementTree.fromstring(probe_report.junit(SURPRISING, [error, warning]))
    assert int(suite.get("tests", "")) == len(SURPRISING.results) + 1
    case = suite[-1]
    assert (case.get("classname"), case.get("name")) == ("db.yaml", "NetworkPolicy x/p")
    assert case[0].get("message") == "db.yaml:7: error: NetworkPolicy x/p: spec: wrong"


def test_what_the_engine_assumes_is_printed_before_the_summary() -> None:
    assumed = msgspec.structs.replace(AS_EXPECTED, assumptions=("a policy is not read",))
    assert "\n\nassumptions:\n  ? a policy is not read\n\n" in probe_report.text(assumed, width=80)
    assert json.loads("".join(probe_report.json(assumed)))["assumptions"] == ["a policy is not read"]
    assert "assumptions" not in probe_report.text(AS_EXPECTED, width=80)
