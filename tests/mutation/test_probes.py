"""Where probes stand, and which of them a line belongs to."""

import sys
from types import ModuleType

import pytest

from tests.mutation.probes import MODULE, probed

CODE = '''"""What it is for."""
from __future__ import annotations

def sign(number):
    """Its sign."""
    if number < 0:
        return -1
    elif number > 0:
        return 1
    for _ in range(3):
        try:
            int("x")
        except ValueError:
            break
    if number:
        found = []
    found = [
        0,
    ]
    return found[0]
'''


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    found: set[int] = set()
    module = ModuleType(MODULE)
    module.reached = found.add  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    return found


@pytest.mark.parametrize(
    ("number", "lines", "result"),
    [
        pytest.param(-5, {6, 7}, -1, id="a branch"),
        pytest.param(5, {6, 8, 9}, 1, id="another branch"),
        pytest.param(0, {6, 8, 10, 11, 12, 14, 15, 17, 18, 19, 20}, 0, id="a loop, a handler, and what comes after"),
    ],
)
def test_the_probes_that_a_call_reaches_are_those_of_the_lines_that_run(
    reached: set[int], number: int, lines: set[int], result: int
) -> None:
    code, probe_of_line = probed(CODE, 100)
    names: dict[str, object] = {}
    exec(compile(code, "sign.py", "exec"), names)
    sign = names["sign"]
    assert callable(sign)
    assert sign(number) == result
    heads_of_handlers = {13}
    assert {line for line, probe in probe_of_line.items() if probe in reached} - heads_of_handlers == lines


def test_a_function_keeps_its_docstring(reached: set[int]) -> None:
    names: dict[str, object] = {}
    exec(compile(probed(CODE, 0).code, "sign.py", "exec"), names)
    assert names["sign"].__doc__ == "Its sign."
    assert names["__doc__"] == "What it is for."


def test_code_without_functions_has_no_probes() -> None:
    assert probed("LIMIT = 5\n", 0).code == "LIMIT = 5"
