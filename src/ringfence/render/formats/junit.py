"""JUnit XML: test suites as CI servers read them.

Source: the Jenkins schema (github.com/jenkinsci/xunit-plugin, junit-10.xsd).
"""

from collections.abc import Sequence
from xml.etree import ElementTree

import msgspec

from ringfence.render.formats.xml import xml_text


class JUnitCase(msgspec.Struct, frozen=True):
    """One test case; an empty `failure` means that it passed."""

    class_name: str
    name: str
    failure: str = ""


def junit_text(suite_name: str, cases: Sequence[JUnitCase]) -> str:
    """A document with one test suite."""
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=xml_text(suite_name),
        tests=str(len(cases)),
        failures=str(sum(bool(case.failure) for case in cases)),
        errors="0",
        skipped="0",
    )
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=xml_text(case.class_name), name=xml_text(case.name)
        )
        if case.failure:
            ElementTree.SubElement(element, "failure", message=xml_text(case.failure))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document.decode() + "\n"
