"""JUnit XML: test suites as CI servers read them.

Source: the Jenkins schema (github.com/jenkinsci/xunit-plugin, junit-10.xsd); XML 1.0, section 2.2 ("Characters").
"""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

import msgspec

# XML 1.0 cannot hold these characters, not even as character references, and ElementTree writes them as they are.
# Names in invalid manifests can contain them.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
        name=_xml_text(suite_name),
        tests=str(len(cases)),
        failures=str(sum(bool(case.failure) for case in cases)),
        errors="0",
        skipped="0",
    )
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=_xml_text(case.class_name), name=_xml_text(case.name)
        )
        if case.failure:
            ElementTree.SubElement(element, "failure", message=_xml_text(case.failure))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document.decode() + "\n"


def _xml_text(text: str) -> str:
    """`text` with U+FFFD in place of each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
