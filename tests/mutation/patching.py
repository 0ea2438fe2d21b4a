"""A fault in functions that are in memory already: they get the code of the faulty file.

So a process that has imported the package and collected all tests can be forked for each fault. Importing and
collecting takes it as long as 1,000 quick tests.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from types import CodeType, FunctionType

Key = tuple[str, str, int]
"""The qualified name of a code, the kind of code, and which one of that name it is in the file."""


def functions_by_file(folder: str) -> dict[str, list[FunctionType]]:
    """All functions in memory whose code comes from files under the folder."""
    gc.unfreeze()  # What is frozen is not listed.
    found: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(folder):
            found.setdefault(thing.__code__.co_filename, []).append(thing)
    gc.freeze()
    return found


def patch(functions: list[FunctionType], file: str, text: bytes, faulty: bytes) -> int:
    """Give the functions of a file the code that they have in the faulty text. Returns how many have another code."""
    old = {(code.co_qualname, code.co_firstlineno): key for key, code in _codes(text, file)}
    new = dict(_codes(faulty, file))
    changed = 0
    for function in functions:
        code = function.__code__
        key = old.get((code.co_qualname, code.co_firstlineno))
        replacement = new.get(key) if key is not None else None
        if replacement is not None and replacement.co_freevars == code.co_freevars and replacement != code:
            function.__code__ = replacement
            changed += 1
    return changed


def _codes(text: bytes, file: str) -> Iterator[tuple[Key, CodeType]]:
    numbers: Counter[tuple[str, str]] = Counter()
    waiting = [compile(text, file, "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        name = code.co_qualname, code.co_name
        yield (*name, numbers[name]), code
        numbers[name] += 1
        waiting.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
