"""Whether two sets of policies are equivalent in any cluster, or whether one allows at most what the other does."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final

import msgspec

from ringfence.analysis.possible.counterexamples import allows, judged, size_of, smallest
from ringfence.analysis.possible.policy_sets import PolicySet
from ringfence.analysis.questions import Answer
from ringfence.engine.possible import (
    STEPS,
    Budget,
    ExactAddress,
    Meaning,
    PossibleConnection,
    Role,
    Undecided,
    allowed_only_by,
    connection_box,
)

_MOST_COMPARED: Final = 1_000
"""The most differences among which the smallest counterexample is sought. There may be many thousands."""


class Relation(StrEnum):
    """The claim about two sets of policies."""

    EQUIVALENT = "equivalent"
    """They allow the same connections."""
    AT_MOST = "allows at most"
    """The first allows no connection that the second denies."""


class Outcome(StrEnum):
    """The outcome of a claim about any cluster."""

    HOLDS = "holds"
    FAILS = "fails"
    """There is a counterexample."""
    UNKNOWN = "unknown"
    """It depends on policies that are not read or on unknown facts, or it would take too long to decide."""


class Counterexample(msgspec.Struct, frozen=True):
    """A connection that one set of policies allows and the other denies, as the engine for existing pods confirmed."""

    connection: PossibleConnection
    first: Answer
    """The answer with the first set, and its reasons."""
    second: Answer
    """The answer with the second set, and its reasons."""

    @property
    def allowed_by_first(self) -> bool:
        """Whether the first set allows it; then the second denies it."""
        return allows(self.first, self.connection)


class Comparison(msgspec.Struct, frozen=True):
    """Whether a claim about two sets of policies holds; true if it does.

    `unknown` says what the outcome depends on, if it is unknown. There may still be a counterexample then, which
    policies that are not read might remove.
    """

    relation: Relation
    first: PolicySet
    second: PolicySet
    counterexample: Counterexample | None = None
    unknown: tuple[str, ...] = ()
    is_proven: bool = False
    """Whether the kernel confirmed the counterexample in a laboratory."""

    @property
    def outcome(self) -> Outcome:
        """The outcome of the claim."""
        if self.unknown:
            return Outcome.UNKNOWN
        return Outcome.FAILS if self.counterexample else Outcome.HOLDS

    def __bool__(self) -> bool:
        return self.outcome is Outcome.HOLDS


def compare(
    first: PolicySet,
    second: PolicySet,
    relation: Relation,
    budget: Budget | None = None,
    meanings: tuple[Meaning, Meaning] | None = None,
) -> Comparison:
    """Decide a claim about two sets of policies for all possible clusters, whatever pods and namespaces they have.

    A counterexample has as few labels as possible. `meanings` are those of the two sets, if they are known: they can
    share what is the same in both.
    """
    # Steps with many port ranges take longer, so fewer of them fit into the same time.
    budget = budget or Budget(STEPS // max(first.weight, second.weight))
    unknown = [f"{one} in {these.name} is not read" for these in (first, second) for one in these.unread]
    mine, theirs = meanings or (first.meaning, second.meaning)
    pairs = [(mine, theirs)] if relation is Relation.AT_MOST else [(mine, theirs), (theirs, mine)]
    shown: list[PossibleConnection] = []
    resolved: set[str] = set()
    try:
        for allowing, denying in pairs:
            shown += _counterexamples(allowing, denying, budget, resolved)
    except Undecided as error:
        if not shown:
            unknown.append(str(error))
    if not shown:
        unknown += [f"the addresses that {name} resolves to are not known" for name in sorted(resolved)]
        return Comparison(relation, first, second, None, tuple(unknown))
    # A reader understands a connection with few labels at once.
    connection = min(shown, key=size_of)
    return Comparison(relation, first, second, _confirmed(first, second, connection), tuple(unknown))


def _counterexamples(
    allowing: Meaning, denying: Meaning, budget: Budget, resolved: set[str]
) -> Iterator[PossibleConnection]:
    """The smallest of the first connections that one set allows and another denies; none if there is none.

    A difference that depends on domain names is not a counterexample, because the addresses of these are not known; the
    names are added to `resolved`. Raises Undecided if the budget ends before any connection is found.
    """
    axes = allowing.axes | denying.axes
    # A budget of its own: making an example smaller must not fail because finding it took long.
    of_one = Budget()

    def shows(connection: PossibleConnection) -> bool:
        point = connection_box(connection, axes)
        return any(True for _ in allowing.allowed(point, of_one)) and any(True for _ in denying.denied(point, of_one))

    found = _with_known_addresses(allowed_only_by(allowing, denying, budget), resolved)
    some: list[PossibleConnection] = []
    try:
        for connection in islice(found, _MOST_COMPARED):
            some.append(connection)
    except Undecided:
        if not some:
            raise
    if some:
        yield smallest(min(some, key=size_of), shows)


def _with_known_addresses(found: Iterator[PossibleConnection], resolved: set[str]) -> Iterator[PossibleConnection]:
    """The connections whose ends have no domain names; the names of the others are added to `resolved`."""
    for connection in found:
        ends = [connection.end(role) for role in Role]
        names = [name for end in ends if isinstance(end, ExactAddress) for name in end.domain_names]
        resolved.update(names)
        if not names:
            yield connection


def _confirmed(first: PolicySet, second: PolicySet, connection: PossibleConnection) -> Counterexample:
    """The counterexample with the answers of the engine for existing pods. Raises AssertionError if they agree."""
    found = Counterexample(connection, judged(first, connection), judged(second, connection))
    if allows(found.first, connection) == allows(found.second, connection):
        raise AssertionError(f"the engine sees no difference in {connection}: please report this defect")
    return found
