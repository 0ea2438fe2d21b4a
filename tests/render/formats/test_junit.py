"""JUnit documents hold any name and count their failures."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.formats.junit import JUnitCase, junit_text

PASSED = JUnitCase("prod/db", "prod/web -> prod/db")
FAILED = JUnitCase("prod/db", "prod/api -> prod/db", "it was let through")


def test_a_suite_counts_its_cases_and_failures() -> None:
    (suite,) = ElementTree.fromstring(junit_text("name of the suite", [PASSED, FAILED, FAILED]))
    assert suite.attrib == {
        "name": "name of the suite",
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }


def test_only_a_failed_case_has_a_failure() -> None:
    (suite,) = ElementTree.fromstring(junit_text("x", [PASSED, FAILED]))
    passed, failed = suite
    assert passed.attrib == {"classname": "prod/db", "name": "prod/web -> prod/db"}
    assert list(passed) == []
    assert [(one.tag, one.get("message")) for one in failed] == [("failure", "it was let through")]


def test_a_suite_without_cases_is_a_document() -> None:
    (suite,) = ElementTree.fromstring(junit_text("x", []))
    assert (suite.get("tests"), len(suite)) == ("0", 0)


def test_the_document_declares_its_encoding_which_is_utf8_in_every_locale() -> None:
    assert junit_text("x", []).startswith("<?xml version='1.0' encoding='UTF-8'?>\n")


def test_a_character_that_xml_cannot_hold_is_replaced() -> None:
    """A control character, an unpaired surrogate and a non-character."""
    (suite,) = ElementTree.fromstring(junit_text("x", [JUnitCase("a\x00b", "c\ud800d", "e\ufffff\x1b")]))
    (case,) = suite
    assert (case.get("classname"), case.get("name")) == ("a\ufffdb", "c\ufffdd")
    assert case[0].get("message") == "e\ufffdf\ufffd"


@given(st.text(st.characters(codec=None), max_size=20))
def test_any_text_gives_a_readable_document(text: str) -> None:
    (suite,) = ElementTree.fromstring(junit_text(text, [JUnitCase(text, text, text)]))
    assert len(suite) == 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20))
def test_printable_text_is_kept(text: str) -> None:
    (suite,) = ElementTree.fromstring(junit_text(text, [JUnitCase(text, text, text)]))
    assert (suite.get("name"), suite[0].get("name"), suite[0][0].get("message")) == (text, text, text)


def test_a_document_has_one_element_on_each_line() -> None:
    assert junit_text("x", [FAILED]).splitlines()[3:6] == [
        '    <testcase classname="prod/db" name="prod/api -&gt; prod/db">',
        '      <failure message="it was let through" />',
        "    </testcase>",
    ]
