"""The pods that the questions of a test are about, by which `coverage` knows that an outcome cannot have changed."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.testing.asking import Asking
from ringfence.testing.reachability_tests import (
    Connects,
    DefaultDeny,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
    ReachabilityTest,
)

Pods = frozenset[Member] | None
"""Some pods; None are all."""


class TestedPods(msgspec.Struct, frozen=True):
    """The pods that a test is about, or a superset of them. `sources` and `destinations` are of its connections.

    A test of isolation has its pods as both. A test about pods that do not exist yet may be about any.
    """

    # Not a class of tests: pytest would collect it by its name.
    __test__ = False

    sources: Pods
    destinations: Pods
    has_addresses: bool = False
    asks_for_reasons: bool = False
    is_about_isolation: bool = False
    is_about_possible_pods: bool = False

    @property
    def both(self) -> Pods:
        """The pods on both sides."""
        return None if self.sources is None or self.destinations is None else self.sources | self.destinations


_ANY: TestedPods = TestedPods(None, None, has_addresses=True, is_about_possible_pods=True)


def pods_asked_about(state: State, namespace: str, test: ReachabilityTest) -> TestedPods:
    """The pods that a test is about. Raises InputError for an endpoint that matches nothing."""
    asking = Asking(state, namespace)
    match test.expectation:
        case Connects(sources, destinations) | NoPath(sources, destinations):
            # A chain may lead through any pod.
            if isinstance(test.expectation, NoPath) and test.expectation.through_pods:
                return _ANY
            ends = _Ends(asking, test, sources), _Ends(asking, test, destinations)
            return _between(*ends, asks_for_reasons=bool(test.because))
        case OnlyThese() as only:
            if only.future:
                return _ANY
            own = _Ends(asking, test, only.ends)
            if own.is_possible:
                return _ANY
            # The others are all other pods, so one side is everybody.
            if only.direction is Direction.INGRESS:
                return TestedPods(None, own.pods, has_addresses=True)
            return TestedPods(own.pods, None, has_addresses=True)
        case IsIsolated(names):
            own = _Ends(asking, test, names)
            return _ANY if own.is_possible else TestedPods(own.pods, own.pods, is_about_isolation=True)
        case NoCrossNamespace():
            return TestedPods(None, None)
        case DefaultDeny():
            return _ANY
    assert_never(test.expectation)


class _Ends:
    """The pods and addresses that some texts name on one side of a test."""

    def __init__(self, asking: Asking, test: ReachabilityTest, texts: Iterable[str]) -> None:
        endpoints = [one for text in texts for one in asking.alternatives(text, test.namespace)]
        self.is_possible = any(map(_is_possible, endpoints))
        self.has_addresses = any(isinstance(end, Addresses) for one in endpoints for end in one.ends)
        # The pods behind a Service depend on the port, so any pod may be meant.
        is_any = any(one.service is not None for one in endpoints)
        ends = (end for one in endpoints for end in one.ends)
        self.pods: Pods = None if is_any else frozenset(end for end in ends if isinstance(end, Member))


def _between(sources: _Ends, destinations: _Ends, *, asks_for_reasons: bool) -> TestedPods:
    if sources.is_possible or destinations.is_possible:
        return _ANY
    # A Service may have addresses outside the cluster as its endpoints.
    is_any = sources.pods is None or destinations.pods is None
    return TestedPods(
        sources.pods,
        destinations.pods,
        has_addresses=is_any or sources.has_addresses or destinations.has_addresses,
        asks_for_reasons=asks_for_reasons,
    )


def _is_possible(endpoint: Endpoint) -> bool:
    return endpoint.possible is not None or any(isinstance(end, Member) and end.is_possible for end in endpoint.ends)
