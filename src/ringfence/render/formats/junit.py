"""JUnit XML: test suites as CI servers read them.

GitLab shows the text of a failure, other servers its message, so both are written. GitLab keeps only the first of two
cases with equal class and name. Sources: the Jenkins schema (github.com/jenkinsci/xunit-plugin, junit-10.xsd), which
allows no `file` of a case; docs.gitlab.com, "Unit test reports", which links it.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from xml.etree import ElementTree

import msgspec

from ringfence.render.formats.xml import xml_text


class JUnitKind(StrEnum):
    """The outcome of a case that did not pass: the value is the name of the element."""

    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


class JUnitProblem(msgspec.Struct, frozen=True):
    """Why a case did not pass: a line, the type of it if it has one, and a text of several lines."""

    kind: JUnitKind
    message: str
    type: str = ""
    text: str = ""


class JUnitCase(msgspec.Struct, frozen=True):
    """One test case, which passed if it has no problem.

    `seconds` is its duration, `file` and `line` are its place, if they are to be written. Servers show `output` whether
    it passed or not.
    """

    class_name: str
    name: str
    problem: JUnitProblem | None = None
    seconds: float | None = None
    file: str = ""
    line: int = 0
    output: str = ""


class JUnitSuite(msgspec.Struct, frozen=True):
    """Test cases that belong together. `timestamp` is when they began, by ISO 8601 without a zone."""

    name: str
    cases: tuple[JUnitCase, ...]
    timestamp: str = ""

    def count(self, kind: JUnitKind) -> int:
        """The number of cases with one outcome."""
        return sum(case.problem is not None and case.problem.kind is kind for case in self.cases)


def junit_failure(message: str) -> JUnitProblem:
    """The problem of a case that failed for a reason of one line."""
    return JUnitProblem(JUnitKind.FAILURE, message)


def junit_text(suites: Sequence[JUnitSuite]) -> str:
    """A document with test suites."""
    root = ElementTree.Element("testsuites")
    for suite in suites:
        _add_suite(root, suite)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document.decode() + "\n"


def _add_suite(root: ElementTree.Element, suite: JUnitSuite) -> None:
    counts = {
        "tests": len(suite.cases),
        "failures": suite.count(JUnitKind.FAILURE),
        "errors": suite.count(JUnitKind.ERROR),
        "skipped": suite.count(JUnitKind.SKIPPED),
    }
    attributes = {name: str(count) for name, count in counts.items()}
    if suite.timestamp:
        # The schema demands a host name beside the time. The real name has no meaning here, and reports should not
        # reveal it.
        seconds = sum(case.seconds or 0 for case in suite.cases)
        attributes |= {"time": f"{seconds:.3f}", "timestamp": suite.timestamp, "hostname": "localhost"}
    element = _element(root, "testsuite", {"name": suite.name, **attributes})
    for case in suite.cases:
        _add_case(element, case)


def _add_case(suite: ElementTree.Element, case: JUnitCase) -> None:
    attributes = {"classname": case.class_name, "name": case.name}
    if case.seconds is not None:
        attributes["time"] = f"{case.seconds:.3f}"
    if case.file:
        attributes |= {"file": case.file, "line": str(case.line)}
    element = _element(suite, "testcase", attributes)
    if problem := case.problem:
        types = {"type": problem.type} if problem.type else {}
        inner = _element(element, problem.kind, {"message": problem.message, **types})
        # Without a text ElementTree writes a short element, and with an empty one a pair of tags.
        inner.text = xml_text(problem.text) or None
    if case.output:
        _element(element, "system-out", {}).text = xml_text(case.output)


def _element(parent: ElementTree.Element, name: str, attributes: dict[str, str]) -> ElementTree.Element:
    return ElementTree.SubElement(parent, name, {key: xml_text(value) for key, value in attributes.items()})


def unique_names(names: Iterable[tuple[str, str]]) -> list[str]:
    """Unique names: the short form, or the long one if the short one is taken, or the long one with a number."""
    taken: set[str] = set()
    found = []
    for name, longer in names:
        choice, number = name, 1
        # The longer form says how two tests differ; a number only says that they do.
        if choice in taken and longer != name:
            choice = f"{name} [{longer}]"
        base = choice
        while choice in taken:
            number += 1
            choice = f"{base} #{number}"
        taken.add(choice)
        found.append(choice)
    return found
