"""Giving functions in memory the code of a faulty file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutation.patching import functions_by_file, patch

CODE = b"""
from functools import cache

class Account:
    @property
    def worth(self):
        return 1

    @worth.setter
    def worth(self, new):
        self.new = (new,
                    1)

@cache
def cost(number):
    def twice(one):
        return one + one
    return twice(number)
"""


def loaded(folder: Path) -> tuple[dict[str, Any], Callable[[bytes, bytes], int]]:
    """The names that the code defines, and a function that replaces one part of it by another."""
    file = str(folder / "account.py")
    names: dict[str, Any] = {}
    exec(compile(CODE, file, "exec"), names)
    functions = functions_by_file(str(folder))[file]
    return names, lambda old, new: patch(functions, file, CODE, CODE.replace(old, new))


def test_a_property_and_its_setter_are_patched_each_for_itself(tmp_path: Path) -> None:
    names, replace = loaded(tmp_path)
    account = names["Account"]()
    replace(b"return 1", b"return 2")
    assert account.worth == 2
    replace(b"(new,\n                    1)", b"new")
    account.worth = 5
    assert account.new == 5
    assert account.worth == 1, "each patch is of the whole file"


def test_the_functions_in_a_decorated_function_are_patched_with_it(tmp_path: Path) -> None:
    names, replace = loaded(tmp_path)
    assert replace(b"one + one", b"one * one") == 1
    assert names["cost"](3) == 9
