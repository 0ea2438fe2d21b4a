"""The deliberate faults that a source file offers.

A fault replaces one piece of the text: an operator, a condition, a constant, a statement, a result. Nothing is changed
in docstrings, type annotations, decorators, assertions and the bodies of f-strings (Python 3.11 does not say where
their parts stand in the text), and in what tests are not to compare: `__repr__`, whether something is logged, and how
many seconds something may take.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: Final[dict[type[ast.operator], tuple[type[ast.operator], ...]]] = {
    # `-` and `|` are also operators of sets, for which `+` would only raise a TypeError.
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add, ast.BitOr),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}
EMPTY: Final = {
    "list": "[]",
    "tuple": "()",
    "dict": "{}",
    "set": "set()",
    "frozenset": "frozenset()",
    "str": "''",
    "Sequence": "()",
    "Mapping": "{}",
    "Iterator": "iter(())",
    "Iterable": "()",
}
"""What a function of this result returns instead."""
OF_TIME: Final = re.compile(r"SECONDS|TIMEOUT|INTERVAL|seconds|timeout|interval")
"""Names of constants whose numbers are choices: tests assert no durations."""
OF_NO_MEANING: Final = ("strict", "stacklevel", "maxsize")
"""Arguments that change nothing as long as the program is right, or only its speed."""


class Fault(NamedTuple):
    """One piece of a file replaced; `start` and `end` are offsets in bytes, `lines` those of its statement.

    `state` tells one text of the file from another.
    """

    path: str
    state: str
    line: int
    lines: tuple[int, int]
    start: int
    end: int
    replacement: str
    original: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}: {_one_line(self.original)} -> {_one_line(self.replacement)}"

    def applied_to(self, text: bytes) -> bytes:
        return text[: self.start] + self.replacement.encode() + text[self.end :]

    def changes(self, text: bytes) -> bool:
        """Whether the file is valid with the fault, and means something else than without."""
        try:
            return ast.dump(ast.parse(self.applied_to(text))) != ast.dump(ast.parse(text))
        except SyntaxError:
            return False


def faults_by_statement(root: Path, file: Path) -> list[list[Fault]]:
    """The faults of each statement of a file that has any."""
    text = file.read_bytes()
    finder = _Finder(str(file.relative_to(root)), text)
    finder.visit(ast.parse(text))
    return [found for found in finder.found.values() if found]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:87]}..."


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, text: bytes) -> None:
        self.found: dict[int, list[Fault]] = {}
        self._path = path
        self._text = text
        self._state = hashlib.sha256(text).hexdigest()[:12]
        self._line_starts = [0]
        for line in text.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))
        self._statement: ast.stmt | None = None
        self._results: list[ast.expr | None] = []

    # What is left alone

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        return

    def visit_Assert(self, node: ast.Assert) -> None:
        return

    def visit_Import(self, node: ast.Import) -> None:
        return

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_body(node.body)

    # Statements

    def visit(self, node: ast.AST) -> None:
        outer = self._statement
        if isinstance(node, ast.stmt):
            self._statement = node
            self.found.setdefault(id(node), [])
            self._remove(node)
        super().visit(node)
        self._statement = outer

    def _visit_body(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name == "__repr__":
            return
        self.visit(node.args)
        self._results.append(node.returns)
        self._visit_body(node.body)
        self._results.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and not _is_time(node.target):
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(map(_is_time, node.targets)):
            self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant) and not _logs(node):  # a docstring
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in OF_NO_MEANING and not OF_TIME.search(node.arg or ""):
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._condition(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._condition(condition)
        self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        if node.guard is not None:
            self._condition(node.guard)
            self.visit(node.guard)
        self._visit_body(node.body)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if not isinstance(node.body[0], ast.Raise):
            self._replace(node.body[0], "raise")
        self._visit_body(node.body)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and self._results and self._results[-1] is not None:
            self._return(node.value, self._results[-1])
        self.generic_visit(node)

    def _return(self, value: ast.expr, result: ast.expr) -> None:
        if isinstance(result, ast.BinOp) and isinstance(result.right, ast.Constant) and result.right.value is None:
            if not isinstance(value, ast.Constant):
                self._replace(value, "None")
            return
        base = result.value if isinstance(result, ast.Subscript) else result
        name = base.id if isinstance(base, ast.Name) else ""
        if name == "bool":
            self._replace(value, f"not ({ast.unparse(value)})")
        elif name == "int":
            self._replace(value, f"({ast.unparse(value)}) + 1")
        elif name in EMPTY:
            self._replace(value, EMPTY[name])

    def _remove(self, node: ast.stmt) -> None:
        """The statement replaced by nothing, where the code stays valid and the fault is not one of names only."""
        match node:
            case ast.Expr() if _logs(node):
                return
            case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom() | ast.Await()) | ast.Raise():
                self._replace(node, "pass")
            case ast.AugAssign() | ast.Delete() | ast.Continue():
                self._replace(node, "pass")
            case ast.Break():
                self._replace(node, "continue")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                self._replace(node, "pass")

    # Expressions

    def _condition(self, node: ast.expr) -> None:
        self._replace(node, f"not ({ast.unparse(node)})")
        self._replace(node, "True")
        self._replace(node, "False")

    def visit_Compare(self, node: ast.Compare) -> None:
        for index, operator in enumerate(node.ops):
            changed = [*node.ops]
            changed[index] = COMPARISONS[type(operator)]()
            self._replace_by(node, ast.Compare(node.left, changed, node.comparators))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._replace_by(node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
        for index in range(len(node.values)):
            rest = [value for other, value in enumerate(node.values) if other != index]
            self._replace_by(node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.Invert):
            self._replace_by(node, node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        for operator in ARITHMETIC.get(type(node.op), ()):
            self._replace_by(node, ast.BinOp(node.left, operator(), node.right))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        for operator in ARITHMETIC.get(type(node.op), ()):
            self._replace_by(node, ast.AugAssign(node.target, operator(), node.value))
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value))
        elif isinstance(node.value, int):
            self._replace(node, str(node.value + 1))
            self._replace(node, f"({node.value - 1})")

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id=name) if name in CALLS:
                self._replace(node.func, CALLS[name])
            case ast.Name(id="suppress"):
                self._replace(node, "suppress()")
            case ast.Name(id="cast" | "TypeVar" | "ParamSpec" | "NewType"):
                return
        match node.args:
            case [(ast.Name() | ast.Attribute()) as first, (ast.Name() | ast.Attribute()) as second, *rest]:
                self._replace_by(node, ast.Call(node.func, [second, first, *rest], node.keywords))
        self.generic_visit(node)

    # Text

    def _replace_by(self, node: ast.expr | ast.stmt, changed: ast.expr | ast.stmt) -> None:
        text = ast.unparse(ast.fix_missing_locations(changed))
        self._replace(node, f"({text})" if isinstance(changed, ast.expr) else text)

    def _replace(self, node: ast.expr | ast.stmt, replacement: str) -> None:
        statement = self._statement
        assert statement is not None, "expressions stand in statements"
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._line_starts[node.lineno - 1] + node.col_offset
        end = self._line_starts[node.end_lineno - 1] + node.end_col_offset
        original = self._text[start:end].decode()
        fault = Fault(self._path, self._state, node.lineno, _lines(statement), start, end, replacement, original)
        self.found[id(statement)].append(fault)


def _is_time(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and OF_TIME.search(target.id) is not None


def _logs(node: ast.Expr) -> bool:
    """Whether a statement only writes to the log."""
    match node.value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            return True
    return False


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """The lines that run when the statement does: of a compound one its head."""
    match statement:
        case ast.FunctionDef(body=[first, *_]) | ast.ClassDef(body=[first, *_]) | ast.With(body=[first, *_]):
            last = first.lineno - 1
        case ast.If(body=[first, *_]) | ast.While(body=[first, *_]) | ast.For(body=[first, *_]):
            last = first.lineno - 1
        case ast.Try(body=[first, *_]):
            # A fault of a handler is noticed by tests that reach the handler.
            return statement.lineno, statement.end_lineno or first.lineno
        case ast.Match(cases=[case, *_]):
            last = case.body[0].lineno - 1
        case _:
            last = statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, last)


def iter_sources(root: Path) -> Iterator[Path]:
    """The files of the package."""
    yield from sorted((root / "src" / "ringfence").rglob("*.py"))
