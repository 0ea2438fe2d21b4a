"""JUnit documents hold any name and count their failures."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.formats.junit import (
    JUnitCase,
    JUnitKind,
    JUnitProblem,
    JUnitSuite,
    junit_failure,
    junit_text,
    unique_names,
)

PASSED = JUnitCase("prod/db", "prod/web -> prod/db")
FAILED = JUnitCase("prod/db", "prod/api -> prod/db", junit_failure("it was let through"))


def document(*cases: JUnitCase) -> str:
    return junit_text([JUnitSuite("x", cases)])


def test_a_suite_counts_its_cases_and_failures() -> None:
    (suite,) = ElementTree.fromstring(junit_text([JUnitSuite("name of the suite", (PASSED, FAILED, FAILED))]))
    assert suite.attrib == {
        "name": "name of the suite",
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }


def test_only_a_failed_case_has_a_failure() -> None:
    (suite,) = ElementTree.fromstring(document(PASSED, FAILED))
    passed, failed = suite
    assert passed.attrib == {"classname": "prod/db", "name": "prod/web -> prod/db"}
    assert list(passed) == []
    assert [(one.tag, one.get("message")) for one in failed] == [("failure", "it was let through")]


def test_a_suite_without_cases_is_a_document() -> None:
    (suite,) = ElementTree.fromstring(document())
    assert (suite.get("tests"), len(suite)) == ("0", 0)


def test_the_document_declares_its_encoding_which_is_utf8_in_every_locale() -> None:
    assert document().startswith("<?xml version='1.0' encoding='UTF-8'?>\n")


def test_a_character_that_xml_cannot_hold_is_replaced() -> None:
    """A control character, an unpaired surrogate and a non-character."""
    (suite,) = ElementTree.fromstring(document(JUnitCase("a\x00b", "c\ud800d", junit_failure("e\ufffff\x1b"))))
    (case,) = suite
    assert (case.get("classname"), case.get("name")) == ("a\ufffdb", "c\ufffdd")
    assert case[0].get("message") == "e\ufffdf\ufffd"


@given(st.text(st.characters(codec=None), max_size=20))
def test_any_text_gives_a_readable_document(text: str) -> None:
    (suite,) = ElementTree.fromstring(junit_text([JUnitSuite(text, (JUnitCase(text, text, junit_failure(text)),))]))
    assert len(suite) == 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20))
def test_printable_text_is_kept(text: str) -> None:
    (suite,) = ElementTree.fromstring(junit_text([JUnitSuite(text, (JUnitCase(text, text, junit_failure(text)),))]))
    assert (suite.get("name"), suite[0].get("name"), suite[0][0].get("message")) == (text, text, text)


def test_a_document_has_one_element_on_each_line() -> None:
    assert document(FAILED).splitlines()[3:6] == [
        '    <testcase classname="prod/db" name="prod/api -&gt; prod/db">',
        '      <failure message="it was let through" />',
        "    </testcase>",
    ]


def test_a_case_says_how_it_ended_and_how_long_it_took() -> None:
    problem = JUnitProblem(JUnitKind.ERROR, "it has no endpoints", "unusable", "first line\nsecond ]]> line")
    case = JUnitCase("a.b", "c", problem, 0.0125, "a/b.yaml", 7)
    suite = JUnitSuite(
        "x", (case, JUnitCase("a.b", "d", JUnitProblem(JUnitKind.SKIPPED, "later"))), "2026-11-30T12:00:00"
    )
    (found,) = ElementTree.fromstring(junit_text([suite]))
    assert {name: found.get(name) for name in ("errors", "skipped", "time", "timestamp", "hostname")} == {
        "errors": "1",
        "skipped": "1",
        "time": "0.013",
        "timestamp": "2026-11-30T12:00:00",
        "hostname": "localhost",
    }
    assert found[0].attrib == {"classname": "a.b", "name": "c", "time": "0.013", "file": "a/b.yaml", "line": "7"}
    assert (found[0][0].tag, found[0][0].get("type"), found[0][0].text) == ("error", "unusable", problem.text)


def test_names_are_made_unique() -> None:
    names = [("a", "x"), ("a", "y"), ("a", "y"), ("b", "b"), ("b", "b"), ("a [y]", "z")]
    assert unique_names(names) == ["a", "a [y]", "a [y] #2", "b", "b #2", "a [y] [z]"]
