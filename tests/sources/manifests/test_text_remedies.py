"""How texts that are not YAML or JSON are mended, and in which line the mistake is."""

import pytest
from tests.sources.manifests.texts import read

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector: {}
    ports:
    - port: 80
"""
TEMPLATE = (
    "this looks like a template that was not rendered: read what `helm template` prints "
    "(helm template CHART | ringfence COMMAND -f -)"
)
BRACKETS = "close each { with } and each [ with ], with commas in between"
FIELDS = "indent this line like the fields beside it, or begin it with a dash if it is an entry of a list"
MISTAKES = [
    pytest.param("apiVersion", "{{- if .Values.policy }}\napiVersion", TEMPLATE, id="a condition of a template"),
    pytest.param("app: web", '{{- include "x.labels" . | nindent 6 }}', TEMPLATE, id="a part of a template"),
    pytest.param("name: deny", "name: {{ .Release.Name }}", TEMPLATE, id="a value of a template"),
    pytest.param("      app", "\tapp", "U+0009 tab in column 1: indent with spaces", id="a tab"),
    pytest.param("    - port", "    -\tport", "U+0009 tab in column 6: indent with spaces", id="a tab after a dash"),
    pytest.param(
        "kind: Net", "kind:Net", "write a space after the colon: `kind: NetworkPolicy`", id="no space after a colon"
    ),
    pytest.param(
        "port: 80", "port:80\n      protocol: TCP", "write a space after the colon: `port: 80`", id="no space in a list"
    ),
    pytest.param("deny", "deny: all", "put the value in quotes: 'deny: all'", id="a second colon"),
    pytest.param("web", "*", "put the value in quotes, because a plain `*` starts an alias: '*'", id="a star"),
    pytest.param("web", "@x", "put the value in quotes, because no plain text starts with `@`", id="a reserved sign"),
    pytest.param("web", '"web', "close the quotes that are open", id="open quotes"),
    pytest.param("[Ingress]", "[Ingress", BRACKETS, id="an open bracket"),
    pytest.param("podSelector:\n", "podSelector\n", "write a colon after `podSelector`", id="no colon"),
    pytest.param("policyTypes: [Ingress]", "policyTypes", "write a colon after `policyTypes`", id="a bare word"),
    pytest.param(
        "  podS", "\u00a0 podS", "line 6: U+00A0 no-break space in column 1: use a space", id="a no-break space"
    ),
    pytest.param("  - from", "  – from", "line 11: U+2013 en dash in column 3: use -", id="a dash of another kind"),
    pytest.param("web", "web\x85x", "U+0085 next line in column 15: use a line feed", id="a next line"),
    pytest.param(
        "spec:", "\ufeffspec:", "U+FEFF byte order mark in column 1: remove it", id="a byte order mark inside"
    ),
    pytest.param("- from", "- - from", "line 11: there may be a dash too many", id="two dashes"),
    pytest.param("    ports", "   ports", FIELDS, id="indentation"),
    pytest.param(
        "    - podSelector",
        "   - podSelector",
        "indent this dash like the other dashes of its list, or further than the field that the list belongs to",
        id="indentation of a dash",
    ),
    pytest.param("    - port: 80", "    - port: 80\n kind: Pod", FIELDS, id="a stray line"),
    pytest.param(
        "metadata:", "<<<<<<< HEAD\nmetadata:", "solve the merge conflict that is left in the file", id="a conflict"
    ),
    pytest.param("web", "w\0b", "U+0000 control character in column 13: remove it", id="a null character"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), MISTAKES)
@pytest.mark.parametrize("before", ["", "a: 1\n---\n", "# “comment”\u2028\x85\n"])
def test_in_yaml(right: str, wrong: str, remedy: str, before: str) -> None:
    """Wherever the document begins, and whatever characters stand in comments."""
    assert right in POLICY
    first = before.count("\n")
    shifted = remedy.replace("line 6:", f"line {6 + first}:").replace("line 11:", f"line {11 + first}:")
    found = {problem.remedy for problem in read(before + POLICY.replace(right, wrong, 1)).problems}
    assert shifted in found


def test_a_second_object_without_a_separator() -> None:
    found = read(POLICY + POLICY)
    assert {problem.remedy for problem in found.problems} == {"put a line `---` between two objects"}
    assert "put a line `---` between two objects" in {
        problem.remedy for problem in read("- apiVersion: v1\n  kind: Pod\napiVersion: v1\nkind: Pod\n").problems
    }


def test_a_variable_in_a_mapping_on_one_line() -> None:
    (problem,) = read("kind: Pod\nmetadata: {name: a, namespace: ${NS}, labels: {}}\n").problems
    assert problem.remedy.startswith("this looks like a variable that was not replaced: ")


def test_an_alias_in_the_line_above_may_be_right() -> None:
    (problem,) = read("a: &x {}\nkind: *x\n  b: c\n").problems
    assert problem.remedy.startswith("indent this line like the fields beside it")


def test_lines_that_end_with_carriage_returns_only() -> None:
    (problem,) = read(POLICY.replace("web", "@web").replace("\n", "\r")).problems
    assert problem.place.line == 1
    assert problem.remedy == "end the lines with line feeds: this file has carriage returns only"


def test_a_binary_file() -> None:
    (problem,) = read(b"\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0").problems
    assert problem.remedy == "this is a binary file: pass manifests only"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('{"kind": "Pod", "metadata": {"name": {{ .Values.name }} }}', TEMPLATE),
        ('{"kind": "Pod"', BRACKETS),
        ('{"kind": "Pod" // a comment\n}', BRACKETS),
        ('{// a comment\n"kind": "Pod"}', BRACKETS),
        ('{"kind": "\\q"}', "write \\\\ for a backslash"),
    ],
)
def test_in_json(text: str, remedy: str) -> None:
    assert [problem.remedy for problem in read(text).problems] == [remedy]
