"""Assertions for tests in Python: the expectations of test files, which say why they do not hold.

    from ringfence import Cluster
    from ringfence.testing import assert_only_from

    def test_who_reaches_the_database() -> None:
        assert_only_from(Cluster.load("k8s/"), "prod/db", ["prod/api"], port=5432)

As in a test file, an end that matches nothing, a port that nobody serves, or an answer that depends on an assumption
fails the test. Every project that has pytest and ringfence imports this module, so it imports others only on use.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ringfence.analysis.endpoints import AskedPorts, PortArgument
    from ringfence.testing.outcomes import JudgedTest
    from ringfence.testing.reachability_tests import Expectation, ReachabilityTest

Ends = str | Iterable[str]
"""One endpoint or several, written as on the command line."""

_MOST_LINES = 15


class Judging(Protocol):
    """What judges tests: a `Cluster`."""

    def judged(self, tests: Iterable["ReachabilityTest"]) -> Iterator["JudgedTest"]:
        """The outcome of each test."""
        ...


def assert_allowed(  # noqa: PLR0913  (keywords of the public API)
    cluster: Judging,
    source: Ends,
    destination: Ends,
    *,
    port: "PortArgument" = None,
    protocol: str | None = None,
    because: Ends = (),
    accept: Ends = (),
) -> None:
    """Fail unless every source may connect to every destination on the ports; without a port, by all traffic.

    `because` are policies of which one must allow it. `accept` is as in test files: `assumptions`, `unserved-ports`.
    """
    __tracebackhide__ = True
    _check(cluster, _connects(source, destination, _ports(port, protocol), "allow"), because, accept)


def assert_denied(  # noqa: PLR0913  (keywords of the public API)
    cluster: Judging,
    source: Ends,
    destination: Ends,
    *,
    port: "PortArgument" = None,
    protocol: str | None = None,
    because: Ends = (),
    accept: Ends = (),
) -> None:
    """Fail if any source may connect to any destination on any of the ports; without a port, by any traffic.

    `because` are policies of which one must deny it.
    """
    __tracebackhide__ = True
    _check(cluster, _connects(source, destination, _ports(port, protocol), "deny"), because, accept)


def assert_only_from(  # noqa: PLR0913  (keywords of the public API)
    cluster: Judging,
    destination: Ends,
    sources: Ends,
    *,
    port: "PortArgument" = None,
    protocol: str | None = None,
    accept: Ends = (),
) -> None:
    """Fail unless all of the sources may reach the destination, and nobody else: no other pod and no address."""
    __tracebackhide__ = True
    _check(cluster, _only_these("Ingress", destination, _ports(port, protocol), sources), (), accept)


def assert_only_to(  # noqa: PLR0913  (keywords of the public API)
    cluster: Judging,
    source: Ends,
    destinations: Ends,
    *,
    port: "PortArgument" = None,
    protocol: str | None = None,
    accept: Ends = (),
) -> None:
    """Fail unless the source may reach all of the destinations, and nothing else: no other pod and no address."""
    __tracebackhide__ = True
    _check(cluster, _only_these("Egress", source, _ports(port, protocol), destinations), (), accept)


def assert_isolated(cluster: Judging, pods: Ends, direction: str = "both", *, accept: Ends = ()) -> None:
    """Fail unless some policy isolates each of the pods: for `ingress`, for `egress`, or for `both`."""
    from ringfence.errors import InputError
    from ringfence.model.policies import Direction
    from ringfence.testing.reachability_tests import IsIsolated

    __tracebackhide__ = True
    directions = {**{one.field: (one,) for one in Direction}, "both": tuple(Direction)}
    if direction not in directions:
        raise InputError(f"{direction!r} is not a direction: use ingress, egress or both")
    _check(cluster, IsIsolated(_ends(pods), directions[direction]), (), accept)


def _ports(port: "PortArgument", protocol: str | None) -> "AskedPorts":
    from ringfence.analysis.endpoints import asked_ports

    __tracebackhide__ = True
    return asked_ports(port, protocol)


def _connects(source: Ends, destination: Ends, ports: "AskedPorts", expected: str) -> "Expectation":
    from ringfence.testing.reachability_tests import Connects, Expected

    return Connects(_ends(source), _ends(destination), ports, Expected(expected))


def _only_these(direction: str, own: Ends, ports: "AskedPorts", listed: Ends) -> "Expectation":
    from ringfence.model.policies import Direction
    from ringfence.testing.reachability_tests import OnlyThese

    return OnlyThese(Direction(direction), _ends(own), ports, _ends(listed))


def _check(cluster: Judging, expectation: "Expectation", because: Ends, accept: Ends) -> None:
    from ringfence.errors import InputError
    from ringfence.model.origin import Place
    from ringfence.testing.reachability_tests import Acceptance, ReachabilityTest

    __tracebackhide__ = True
    try:
        accepted = frozenset(map(Acceptance, _ends(accept)))
    except ValueError as error:
        known = " or ".join(one.value for one in Acceptance)
        raise InputError(f"{error}: use {known}") from None
    # An assertion is judged as a test of a file, so that both always mean the same.
    test = ReachabilityTest("assertion", Place(""), expectation, because=_ends(because), accepted=accepted)
    (outcome,) = cluster.judged([test])
    if outcome.is_bad:
        raise AssertionError(failure_text(outcome))


def _ends(ends: Ends) -> tuple[str, ...]:
    # A text is iterable, too: without this, its letters would be taken as endpoints.
    return (ends,) if isinstance(ends, str) else tuple(ends)


def failure_text(outcome: "JudgedTest") -> str:
    """Why a test does not hold: the message, what the answer assumes, the reasons, and the smallest edit."""
    lines = [outcome.message, *(f"  ? {one}" for one in outcome.assumptions)]
    if outcome.explanation:
        # The first line of an explanation says what the message says already.
        lines += [f"  {line}" for line in outcome.explanation.reasons.splitlines()[1:] if line][:_MOST_LINES]
        lines += [f"  {line}" for line in outcome.explanation.edits.splitlines()][:_MOST_LINES]
    return "\n".join(lines)
