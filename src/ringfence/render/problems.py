"""The problems of the input, with file and line."""

from collections.abc import Iterable

from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem
from ringfence.model.text_edits import TextEdit
from ringfence.render.formats import Json, document_json
from ringfence.render.places import rendered_json


def problem_text(problem: Problem) -> str:
    """A problem in one line, with its place; what it was rendered from and its remedy follow in indented lines."""
    source = problem.place.rendered_from
    lines = [str(problem), *([f"rendered from: {source}"] if source else [])]
    if problem.remedy:
        lines.append(f"remedy: {problem.remedy}")
    # A message of several lines is indented, too, so that each problem begins at the margin.
    return "\n".join(lines).replace("\n", "\n  ")


def compared_problem_text(compared: ComparedProblem) -> str:
    """As `problem_text`, with the input that alone has the problem in a line of its own."""
    text = problem_text(compared.problem)
    return f"{text}\n  only in {compared.only_in}" if compared.only_in else text


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
        **rendered_json(problem.place),
        "object": problem.object,
        "message": problem.message,
    }
    if problem.remedy:
        written["remedy"] = problem.remedy
    if problem.fix:
        written["fix"] = edit_json(problem.fix)
    return written


def compared_problem_json(compared: ComparedProblem) -> Json:
    """A problem of two inputs as JSON; it has a `side` if one of them alone has it."""
    side: Json = {"side": "after" if compared.is_of_second else "before"} if compared.only_in else {}
    return {**problem_json(compared.problem), **side}


def edit_json(edit: TextEdit) -> Json:
    """A change of the text of a file as JSON; the object around it names the file."""
    return {**_range(edit.range), "newText": edit.new_text}


def _range(part: Place | Range) -> Json:
    return {"line": part.line, "column": part.column, "endLine": part.end_line, "endColumn": part.end_column}
