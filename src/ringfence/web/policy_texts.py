"""Policies while a user types them: the text of a policy in a file, and its problems."""

from typing import Final

import msgspec

from ringfence.admission import Admission
from ringfence.engine.state import State
from ringfence.model.objects import Policy
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.sources.loaded_objects import collect
from ringfence.sources.manifests import read_content

MOST_CHARACTERS: Final = 1_000_000
"""The largest number of characters of a policy's text. The page sends the text with every pause in typing."""


class ReadPolicy(msgspec.Struct, frozen=True):
    """A policy that was read from a text, and where its parts are."""

    policy: Policy
    origin: Origin | None


class ReadText(msgspec.Struct, frozen=True):
    """The policies of a text, or the problems for which it cannot be applied, and warnings."""

    policies: tuple[ReadPolicy, ...]
    problems: tuple[Problem, ...]

    @property
    def is_valid(self) -> bool:
        """Whether an API server would accept it."""
        return not any(map(_is_error, self.problems))


def read_text(text: str, file: str, line: int, namespace: str) -> ReadText:
    """The policies in a text that begins at a line of a file, as an API server would store them.

    An object that is not a policy is a problem: only policies can be edited.
    """
    # An empty state: the text is checked alone, and the cluster of the page is not touched while the user types.
    state = State()
    # Empty lines stand for the lines above the text, so that every place is that of the file.
    loaded = collect(read_content(("\n" * (line - 1) + text).encode(), file))
    problems = [*loaded.problems, *Admission(state, namespace, live=False, server_version=None).load(loaded)]
    found = sorted(state.tiers.policies(), key=lambda one: (one.kind, one.namespace, one.name))
    # With another error, the smaller number says nothing: the object with the error is missing from the state.
    if len(found) < len(loaded.manifests) and not any(map(_is_error, problems)):
        message, remedy = "only policies can be edited here", "remove the other objects from the text"
        problems.append(Problem(Place(file, line), ProblemCode.NOT_AN_OBJECT, message, remedy=remedy))
    return ReadText(tuple(ReadPolicy(one.policy, one.origin) for one in found), tuple(problems))


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR
