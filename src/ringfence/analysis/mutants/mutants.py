"""Mutants: policies with one small change, such as a mistake of their author.

A test that fails with a mutant would notice this mistake. No test can notice a mutant that has the same effect as the
policy (`equal_meanings`).
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy
from ringfence.model.metadata import LabelSelector
from ringfence.model.objects import Policy
from ringfence.model.origin import Place

_replace = msgspec.structs.replace


class Mutation(StrEnum):
    """The change of a policy; the value is the word in JSON."""

    NO_POLICY = "no-policy"
    NO_DIRECTION = "no-policy-type"
    NO_RULE = "no-rule"
    NO_PEER = "no-peer"
    NO_PORT = "no-port"
    ALL_PEERS = "all-peers"
    ALL_PORTS = "all-ports"
    WIDER_SELECTOR = "wider-selector"
    JOINED_PEERS = "joined-peers"
    """Two entries of a list become one: a dash is missing, and OR becomes AND."""
    DIVIDED_PEER = "divided-peer"
    """The two selectors of a peer become two entries: there is a dash too many, and AND becomes OR."""
    NO_END_PORT = "no-end-port"
    WIDER_BLOCK = "wider-block"
    NO_EXCEPTION = "no-exception"
    OPPOSITE_ACTION = "opposite-action"
    """A rule of administrators denies what it allowed or left to others, or allows what it denied."""


class MutatedPart(StrEnum):
    """The kind of part that is changed, to count how many parts of each kind are tested."""

    POLICY = "policies"
    RULE = "rules"
    PEER = "peers"
    PORT = "ports"


class Mutant(msgspec.Struct, frozen=True, eq=False):
    """A policy with one change.

    `path` is the field that is changed, and `part_path` that of the `part` of the policy in which it is; both are empty
    for the whole policy. `after` is the policy with the change; None if it is removed. `text` describes the change:
    `without the rule`.
    """

    mutation: Mutation
    policy: CompiledPolicy[Any]
    part: MutatedPart
    part_path: str
    path: str
    after: Policy | None
    text: str

    @property
    def place(self) -> Place | None:
        """Where the field is written, if that is known."""
        if not self.policy.origin:
            return None
        # Without the range: a mistake is shown by its line.
        place = self.policy.origin.at(self.path)
        return Place(place.file, place.line)

    @property
    def may_change_isolation(self) -> bool:
        """Whether the change can make other pods isolated, or isolated in other directions."""
        return self.mutation in (Mutation.NO_POLICY, Mutation.NO_DIRECTION) or self.path.startswith(_SUBJECTS)

    def __str__(self) -> str:
        where = f"{self.policy} {self.path}" if self.path else str(self.policy)
        return f"{where}: {self.text}"


_SUBJECTS = ("spec.podSelector", "spec.subject")


def without(entries: Sequence[Any], number: int) -> tuple[Any, ...]:
    """A list without one of its entries."""
    return (*entries[:number], *entries[number + 1 :])


def with_entry(entries: Sequence[Any], number: int, *new: Any) -> tuple[Any, ...]:
    """A list in which other entries replace one."""
    return (*entries[:number], *new, *entries[number + 1 :])


def wider_selectors(selector: LabelSelector | None) -> Iterator[tuple[str, str, LabelSelector]]:
    """A selector without each of its requirements: the field below it, the requirement as text, and what is left."""
    if selector is None:
        return
    for key, value in selector.match_labels.items():
        left = {name: other for name, other in selector.match_labels.items() if name != key}
        yield f".matchLabels.{key}", f"{key}={value}", _replace(selector, match_labels=left)
    for number, term in enumerate(selector.match_expressions):
        left_terms = without(selector.match_expressions, number)
        values = f" ({','.join(term.values)})" if term.values else ""
        text = f"{term.key} {term.operator}{values}"
        yield f".matchExpressions[{number}]", text, _replace(selector, match_expressions=left_terms)
