"""docs/known-faults.md names tests that exist."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = sorted(set(re.findall(r"`(tests/[\w/]+\.py): (\w+)`", (ROOT / "docs" / "known-faults.md").read_text())))


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_tests_are_named() -> None:
    assert len(TESTS) > 30
