"""Which faults a piece of code offers."""

from pathlib import Path

import pytest

from tests.mutation.faults import Fault, faults_by_statement


def faults(tmp_path: Path, code: str) -> list[Fault]:
    file = tmp_path / "code.py"
    file.write_text(code)
    found = [fault for statement in faults_by_statement(tmp_path, file) for fault in statement]
    return [fault for fault in found if fault.changes(file.read_bytes())]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("a = b < c", ["a = (b <= c)"]),
        ("a = b and c", ["a = (b or c)", "a = (c)", "a = (b)"]),
        ("a = not b", ["a = (b)"]),
        ("a = b - c", ["a = (b + c)", "a = (b | c)"]),
        ("a = 7", ["a = 8", "a = (6)"]),
        ("a = f(b, c)", ["a = (f(c, b))"]),
        ("a.b = c", ["pass"]),
        ("if a:\n    b()", ["if not (a):\n    b()", "if True:\n    b()", "if False:\n    b()", "if a:\n    pass"]),
        ("a = {b for b in c if d}", [f"a = {{b for b in c if {new}}}" for new in ("not (d)", "True", "False")]),
        ("try:\n    a\nexcept E:\n    b = c", ["try:\n    a\nexcept E:\n    raise"]),
        ("def f() -> bool:\n    return a", ["def f() -> bool:\n    return not (a)"]),
        ("def f() -> int | None:\n    return a", ["def f() -> int | None:\n    return None"]),
        ("def f() -> list[int]:\n    return a", ["def f() -> list[int]:\n    return []"]),
        ('"""What it is."""', []),
        ("a: Literal[1]", []),
        ("class A(Struct, frozen=True):\n    pass", []),
        ("a = f'{b + 1}'", []),
        ("assert a", []),
        ("def __repr__(self) -> str:\n    return a", []),
        ("log.info(a, b)", []),
        ("MOST_SECONDS: Final = 7", []),
        ("a = f(b, strict=True, timeout=3)", []),
    ],
)
def test_faults_of_a_statement(tmp_path: Path, code: str, changed: list[str]) -> None:
    assert [fault.applied_to(code.encode()).decode() for fault in faults(tmp_path, code)] == changed


def test_offsets_are_those_of_bytes(tmp_path: Path) -> None:
    code = 'a = "é" if b else c\n'
    assert faults(tmp_path, code)[0].applied_to(code.encode()).decode() == 'a = "é" if not (b) else c\n'


def test_a_fault_is_tried_by_the_tests_that_run_its_statement(tmp_path: Path) -> None:
    code = "if (a\n        < 1):\n    b()\n"
    assert {fault.lines for fault in faults(tmp_path, code)} == {(1, 2), (3, 3)}
