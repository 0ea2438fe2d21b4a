"""Problems as text and as JSON."""

import json

from tests.render.json_shapes import PROBLEMS, fits

from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem, Severity
from ringfence.model.text_edits import TextEdit
from ringfence.render.problems import problem_text, problems_json


def test_a_problem_is_a_line() -> None:
    problem = Problem(Place("a.yaml", 7), "invalid-value", "wrong", object="NetworkPolicy x/p")
    assert problem_text(problem) == "a.yaml:7: error: NetworkPolicy x/p: wrong"


def test_its_remedy_is_a_second_line() -> None:
    problem = Problem(Place("a.yaml", 7), "invalid-value", "wrong", remedy="write 80")
    assert problem_text(problem) == "a.yaml:7: error: wrong\n  remedy: write 80"


def test_a_line_break_in_a_name_starts_no_new_problem() -> None:
    problem = Problem(Place("a.yaml", 7), "invalid-value", "wrong", object="NetworkPolicy x/p\nb.yaml:1: error: forged")
    assert problem_text(problem).split("\n")[1:] == ["  b.yaml:1: error: forged: wrong"]


def test_json_word_for_word() -> None:
    found = [
        Problem(
            Place("a.yaml", 7, 3, 8, 1),
            "invalid-value",
            "wrong",
            object="NetworkPolicy x/p",
            remedy="write 80",
            fix=TextEdit("a.yaml", Range(7, 9, 7, 13), "80"),
        ),
        Problem(Place("b.yaml"), "duplicate-key", 'odd "text"\n', Severity.WARNING),
    ]
    assert json.loads(problems_json(found)) == {
        "apiVersion": "ringfence/v1",
        "problems": [
            {
                "code": "invalid-value",
                "severity": "error",
                "file": "a.yaml",
                "line": 7,
                "column": 3,
                "endLine": 8,
                "endColumn": 1,
                "object": "NetworkPolicy x/p",
                "message": "wrong",
                "remedy": "write 80",
                "fix": {"line": 7, "column": 9, "endLine": 7, "endColumn": 13, "newText": "80"},
            },
            {
                "code": "duplicate-key",
                "severity": "warning",
                "file": "b.yaml",
                "line": 0,
                "column": 0,
                "endLine": 0,
                "endColumn": 0,
                "object": "",
                "message": 'odd "text"\n',
            },
        ],
    }
    assert fits(json.loads(problems_json(found)), PROBLEMS)


def test_no_problems_are_an_empty_list() -> None:
    assert json.loads(problems_json([])) == {"apiVersion": "ringfence/v1", "problems": []}
