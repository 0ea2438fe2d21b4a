"""Reachability tests as values: what a test expects of a cluster, and where it is written.

An expectation names its endpoints by text (`analysis.endpoints`), which is resolved in a cluster when the test is
judged. The format of the documents is in docs/test.md; `testing.decoding` reads it.
"""

from datetime import date
from enum import StrEnum

import msgspec

from ringfence.analysis.endpoints import AskedPorts
from ringfence.model.origin import Place
from ringfence.model.policies import Direction

KIND = "ReachabilityTest"
"""The kind of the documents that hold tests."""


class Expected(StrEnum):
    """What a connection test expects of the traffic that it asks about."""

    ALLOW = "allow"
    """All of it passes."""
    DENY = "deny"
    """None of it passes."""
    UNKNOWN = "unknown"
    """Whether it passes depends on information that the input lacks."""


class Connects(msgspec.Struct, frozen=True):
    """`from`, `to` and `expect: allow`, `deny` or `unknown`: of every pair of different ends, or of `any` of them."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: AskedPorts
    expected: Expected
    any_pair: bool = False


class OnlyThese(msgspec.Struct, frozen=True):
    """`expect: {only-from: ...}` (ingress) or `{only-to: ...}` (egress): the listed are allowed, and no others.

    `ends` are the destinations (or sources) that the test is about. With `future`, the others include pods that do not
    exist yet.
    """

    direction: Direction
    ends: tuple[str, ...]
    ports: AskedPorts
    listed: tuple[str, ...]
    future: bool = False


class IsIsolated(msgspec.Struct, frozen=True):
    """`pods` and `isolated`: some policy isolates each of the pods, in each of the directions."""

    pods: tuple[str, ...]
    directions: tuple[Direction, ...]


class NoPath(msgspec.Struct, frozen=True):
    """`no-path`: nothing passes from any source to any destination; with `through_pods`, not through others either."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: AskedPorts
    through_pods: bool = False


class NoCrossNamespace(msgspec.Struct, frozen=True):
    """`no-cross-namespace`: nothing passes between pods of two namespaces, none of which is `excepted`."""

    excepted: tuple[str, ...] = ()


class DefaultDeny(msgspec.Struct, frozen=True):
    """`every-namespace-default-deny`: every possible pod of every namespace except `excepted` is isolated."""

    directions: tuple[Direction, ...]
    excepted: tuple[str, ...] = ()


Expectation = Connects | OnlyThese | IsIsolated | NoPath | NoCrossNamespace | DefaultDeny
"""What a test says about a cluster."""


class Skip(msgspec.Struct, frozen=True):
    """Why a test is not run, and the last day on which it is skipped; None if the skip does not expire."""

    reason: str
    until: date | None = None


class Acceptance(StrEnum):
    """What a test accepts that would otherwise be an error."""

    ASSUMPTIONS = "assumptions"
    """That its answer depends on information that the input lacks."""
    UNSERVED_PORTS = "unserved-ports"
    """That no container declares a port that it asks about."""


class ReachabilityTest(msgspec.Struct, frozen=True):
    """One test: its expectation, the conditions under which it is judged, and the place where it is written.

    `namespace` is that of names without one, if the document has it. `because` are the policies of which one must
    decide. `after` are files whose objects are supposed, and `without` the policies that are left out.
    """

    name: str
    place: Place
    expectation: Expectation
    namespace: str | None = None
    because: tuple[str, ...] = ()
    accepted: frozenset[Acceptance] = frozenset()
    after: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    skip: Skip | None = None

    @property
    def file(self) -> str:
        """The file that it is written in."""
        return self.place.file

    @property
    def changes(self) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
        """What it supposes, with the namespace of names: equal ones can be judged in the same cluster."""
        return self.after, self.without, self.namespace

    @property
    def is_what_if(self) -> bool:
        """Whether it is judged in a cluster that is changed for it."""
        return bool(self.after or self.without)
