"""What is wrong with the input, with file and line."""

from collections.abc import Iterable

from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem
from ringfence.model.text_edits import TextEdit
from ringfence.render.formats import Json, document_json


def problem_text(problem: Problem) -> str:
    """A problem in one line, with its place, and its remedy in a second one; further lines are indented, too."""
    lines = [str(problem), *([f"remedy: {problem.remedy}"] if problem.remedy else [])]
    return "\n".join(lines).replace("\n", "\n  ")


def problems_json(problems: Iterable[Problem]) -> str:
    """The problems as JSON (docs/formats.md)."""
    return document_json({"problems": [problem_json(one) for one in problems]})


def problem_json(problem: Problem) -> Json:
    """One problem as JSON."""
    written: Json = {
        "code": str(problem.code),
        "severity": str(problem.severity),
        "file": problem.place.file,
        **_range(problem.place),
        "object": problem.object,
        "message": problem.message,
    }
    if problem.remedy:
        written["remedy"] = problem.remedy
    if problem.fix:
        written["fix"] = edit_json(problem.fix)
    return written


def edit_json(edit: TextEdit) -> Json:
    """A change of the text of a file, which the object around it names, as JSON."""
    return {**_range(edit.range), "newText": edit.new_text}


def _range(part: Place | Range) -> Json:
    return {"line": part.line, "column": part.column, "endLine": part.end_line, "endColumn": part.end_column}
