"""Probes in the code of a copy of the package: each notes that its block of statements ran.

A block is a run of statements of a function that all execute if the first one does and none of them leaves early.
A probe costs as much as one call of `set.add`, so the tests take little longer than without. To trace every line
instead takes them more than twice the time.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

MODULE: Final = "ringfence_probes"
"""The module that the probes call. It stands beside the package in the copy."""
CALLED: Final = "_probe_was_reached"
LEAVING: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Probed(NamedTuple):
    """The code of a file with probes, and the number of the probe of each line of a function."""

    code: str
    probe_of_line: dict[int, int]


def probed(code: str, first: int) -> Probed:
    """The code with probes, which are numbered from `first`."""
    tree = ast.parse(code)
    prober = _Prober(first)
    prober.visit(tree)
    if prober.probe_of_line:
        tree.body.insert(
            _after_future_imports(tree.body), ast.parse(f"from {MODULE} import reached as {CALLED}").body[0]
        )
    return Probed(ast.unparse(ast.fix_missing_locations(tree)), prober.probe_of_line)


def put_probes(tree: Path, files: Iterator[Path]) -> dict[str, dict[int, int]]:
    """Put probes into the files of a copy of the checkout. Returns the number of the probe of each line, by file."""
    numbers: dict[str, dict[int, int]] = {}
    first = 0
    for file in files:
        found = probed(file.read_text(), first)
        file.write_text(found.code)
        numbers[str(file.relative_to(tree))] = found.probe_of_line
        first = max(found.probe_of_line.values(), default=first - 1) + 1
    (tree / "src" / f"{MODULE}.py").write_text((Path(__file__).parent / "reached_probes.py").read_text())
    return numbers


class _Prober(ast.NodeVisitor):
    def __init__(self, first: int) -> None:
        self.probe_of_line: dict[int, int] = {}
        self._next = first

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        docstring = node.body[: _after_docstring(node.body)]
        node.body = docstring + self._with_probes(node.body[len(docstring) :])

    def _with_probes(self, block: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        probe, is_new = -1, True
        for statement in block:
            if is_new:
                probe = self._next
                self._next += 1
                found.append(ast.parse(f"{CALLED}({probe})").body[0])
            for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
                self.probe_of_line[line] = probe
            self._visit_blocks(statement)
            found.append(statement)
            is_new = _may_leave(statement)
        return found or [ast.Pass()]

    def _visit_blocks(self, statement: ast.stmt) -> None:
        """Put probes into the blocks of a compound statement."""
        if isinstance(statement, ast.FunctionDef):
            self.visit_FunctionDef(statement)
            return
        for name in ("body", "orelse", "finalbody"):
            if block := getattr(statement, name, None):
                setattr(statement, name, self._with_probes(block))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            part.body = self._with_probes(part.body)


def _after_docstring(body: list[ast.stmt]) -> int:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *_]:
            return 1
    return 0


def _after_future_imports(body: list[ast.stmt]) -> int:
    index = _after_docstring(body)
    while index < len(body) and isinstance(found := body[index], ast.ImportFrom) and found.module == "__future__":
        index += 1
    return index


def _may_leave(statement: ast.stmt) -> bool:
    """Whether what follows may not run although the statement does, other than by an error of something it calls."""
    return any(isinstance(node, LEAVING) for node in ast.walk(statement))


class ReachedBy(NamedTuple):
    """What one process noted: the probes that it reached in a test, or before all tests if that is empty."""

    test: str
    probes: list[int]


def of_other_processes(folder: Path) -> Iterator[ReachedBy]:
    """What the processes wrote that tests started."""
    for file in folder.glob("process-*"):
        test, _, numbers = file.read_text().partition("\n")
        # "test (call)", and in a worker of xdist "test@group (call)".
        yield ReachedBy(test.rpartition(" ")[0].partition("@")[0], [int(number) for number in numbers.split()])


def folder_for_all(folder: Path) -> Path:
    """A folder into which processes of all users can write."""
    folder.mkdir(parents=True)
    folder.chmod(0o1777)
    os.environ["PROBES_FOLDER"] = str(folder)
    return folder
