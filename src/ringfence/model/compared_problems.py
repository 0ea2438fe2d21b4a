"""The problems of two inputs that are compared, each once.

Most problems were there before the change. Two are the same if they say the same about the same object in the same
file, wherever in it: the lines above may have changed.
"""

from collections import defaultdict
from collections.abc import Sequence
from os.path import normpath

import msgspec

from ringfence.model.problems import Problem


class ComparedProblem(msgspec.Struct, frozen=True):
    """A problem of two inputs. If one of them alone has it, `only_in` is its name, and `is_of_second` says which."""

    problem: Problem
    only_in: str = ""
    is_of_second: bool = False

    def __str__(self) -> str:
        return f"{self.problem} (only in {self.only_in})" if self.only_in else str(self.problem)


class ProblemsOfSide(msgspec.Struct, frozen=True):
    """The problems of one of two inputs, and what texts call it.

    `folder` is the beginning of its places that the other input does not have: `main:`, or `before/`.
    """

    name: str
    problems: Sequence[Problem]
    folder: str = ""

    def keys(self) -> list[tuple[str, ...]]:
        """What is equal for problems that both inputs have."""
        return [
            (
                normpath(one.place.file.removeprefix(self.folder)),
                one.code,
                one.severity,
                one.object,
                one.message.replace(self.folder, "") if self.folder else one.message,
            )
            for one in self.problems
        ]


def compared_problems(first: ProblemsOfSide, second: ProblemsOfSide) -> list[ComparedProblem]:
    """The problems that the first input alone has, and those of the second one; of both, the second one's place."""
    known = defaultdict(list)
    for key, one in zip(first.keys(), first.problems, strict=True):
        known[key].append(one)
    found = []
    for key, one in zip(second.keys(), second.problems, strict=True):
        if same := known.get(key):
            # One for one: if a problem occurs twice after the change and once before it, one of them is new.
            same.pop(0)
            found.append(ComparedProblem(one))
        else:
            found.append(ComparedProblem(one, second.name, is_of_second=True))
    gone = [one for same in known.values() for one in same]
    return [*(ComparedProblem(one, first.name) for one in gone), *found]
