"""Questions and answers: may a source open a connection to a destination?

A question names two endpoints. Each may be several pods, and behind a Service are pods with target ports of their own.
The answer is yes only if it is yes for every pair of a source and a destination.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, reduce
from operator import and_, or_

import msgspec

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import End, PairReason, explain, verdicts
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError, InputError
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic


def check_port(protocol: str, port: int | None) -> None:
    """Raise InputError for an invalid protocol or port. The port None stands for all traffic and is valid."""
    if protocol not in PROTOCOLS:
        raise InputError(f"{protocol!r} is not a protocol of NetworkPolicies: use TCP, UDP or SCTP")
    if port is not None and not 1 <= port <= 65535:
        raise InputError(f"{port} is not a valid port: use a number from 1 to 65535")


def check_unchanged(state: State, revision: int) -> None:
    """Raise InputError if the state has changed since its revision was `revision`.

    An answer computes its reasons when they are first read. Reasons from a changed state would contradict the answer.
    """
    if state.revision != revision:
        raise InputError("the cluster has changed since this answer: ask again")


class Pair(msgspec.Struct, frozen=True):
    """One source and one destination of a question; `port` is the destination's own port, None for all traffic.

    `service_port` is the port of the Service that leads to `port`, if the question names a Service.
    """

    source: End
    destination: End
    protocol: str
    port: int | None
    service_port: int | None = None

    @property
    def asked(self) -> Traffic | None:
        """The traffic that the question is about; None if the question is which traffic passes."""
        return None if self.port is None else Traffic.of(self.protocol, ((self.port, self.port),))


class ExplainedPair(msgspec.Struct, frozen=True):
    """One pair of a question, and why it is allowed or denied."""

    pair: Pair
    reason: PairReason


class Answer:
    """The answer to one question: true or false, with its reasons.

    Without a port, the question is about all traffic: the answer is true if any traffic passes (`traffic`).
    """

    def __init__(self, state: State, source: Endpoint, destination: Endpoint, protocol: str, port: int | None) -> None:
        check_port(protocol, port)
        self.source = source
        self.destination = destination
        self.protocol = protocol
        self.port = port
        self._state = state
        self._revision = state.revision
        backends = destination.backends(state, protocol, port)
        self.pairs = tuple(
            Pair(start, backend.end, backend.protocol, backend.port, backend.service_port)
            for start in source.ends
            for backend in backends
        )
        if not any(isinstance(pair.source, Member) or isinstance(pair.destination, Member) for pair in self.pairs):
            raise EndpointError(f"neither {source.text} nor {destination.text} is in the cluster: no policy decides")
        self.allowed = all(map(self._passes, self.pairs)) if port is not None else bool(self.traffic)

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        port = "" if self.port is None else f" on {self.protocol} {self.port}"
        return (
            f"<{type(self).__name__}: {'yes' if self else 'no'}, {self.source.text} to {self.destination.text}{port}>"
        )

    @cached_property
    def traffic(self) -> Traffic:
        """The traffic that passes between every pair, of that which the question is about; for a Service, by its ports.

        A connection to one port of a Service may reach any pod behind that port, so every pair of the port must allow
        it. Different ports are independent.
        """
        self._check_unchanged()
        if not self.destination.service or self.port is not None:
            return _passing_everywhere(self._passing_as_asked(pair) for pair in self.pairs)
        by_port: defaultdict[tuple[str, int | None], list[Traffic]] = defaultdict(list)
        for pair in self.pairs:
            by_port[pair.protocol, pair.service_port].append(self._passing_as_asked(pair))
        return reduce(or_, map(_passing_everywhere, by_port.values()), NO_TRAFFIC)

    @cached_property
    def denied(self) -> tuple[Pair, ...]:
        """The pairs for which the answer is no."""
        self._check_unchanged()
        return tuple(pair for pair in self.pairs if not self._passes(pair))

    @cached_property
    def explanations(self) -> tuple[ExplainedPair, ...]:
        """Why each pair is allowed or denied; the denied pairs come first."""
        self._check_unchanged()
        denied = set(self.denied)
        others = [pair for pair in self.pairs if pair not in denied]
        return tuple(
            ExplainedPair(pair, explain(self._state, pair.source, pair.destination, pair.asked))
            for pair in (*self.denied, *others)
        )

    @property
    def reasons(self) -> tuple[PairReason, ...]:
        """The reasons in `explanations`."""
        return tuple(explained.reason for explained in self.explanations)

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the answer assumes, because the input does not say it or upstream leaves it open."""
        return tuple(dict.fromkeys(one for reason in self.reasons for one in reason.assumptions))

    def _passes(self, pair: Pair) -> bool:
        source, destination = pair.source, pair.destination
        if pair.port is not None and isinstance(source, Member) and isinstance(destination, Member):
            return verdicts.allows(self._state, source, destination, pair.protocol, pair.port)
        return bool(self._passing(pair))

    def _passing(self, pair: Pair) -> Traffic:
        allowed = verdicts.traffic(self._state, pair.source, pair.destination)
        return allowed if pair.asked is None else allowed & pair.asked

    def _passing_as_asked(self, pair: Pair) -> Traffic:
        """The traffic that passes, with the port of the Service in place of the target port."""
        passing = self._passing(pair)
        if pair.service_port is None or not passing:
            return passing
        return Traffic.of(pair.protocol, ((pair.service_port, pair.service_port),))

    def _check_unchanged(self) -> None:
        check_unchanged(self._state, self._revision)


def _passing_everywhere(of_pairs: Iterable[Traffic]) -> Traffic:
    return reduce(and_, of_pairs, ALL_TRAFFIC)
