"""Questions and answers: may this source open a connection to that destination?

A question names two endpoints. Each may be several pods, and a Service stands for pods and target ports of its own; the
answer is yes only if it is yes for every pair, and it knows for which it is not.
"""

from functools import cached_property, reduce
from operator import and_

import msgspec

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import End, PairReason, explain, verdicts
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError, InputError
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic


def check_port(protocol: str, port: int | None) -> None:
    """Raise InputError where a question is about a protocol or a port that does not exist; None is all traffic."""
    if protocol not in PROTOCOLS:
        raise InputError(f"{protocol!r} is no protocol of a NetworkPolicy: write TCP, UDP or SCTP")
    if port is not None and not 1 <= port <= 65535:
        raise InputError(f"{port} is no port: ports are from 1 to 65535")


class Pair(msgspec.Struct, frozen=True):
    """One source and one destination of a question; `port` is the destination's own, None for all traffic.

    `service_port` is the port that was asked for, where a Service leads from it to `port`.
    """

    source: End
    destination: End
    protocol: str
    port: int | None
    service_port: int | None = None

    @property
    def asked(self) -> Traffic | None:
        """The traffic that is asked about; None if the question is what passes at all."""
        return None if self.port is None else Traffic.of(self.protocol, ((self.port, self.port),))


class Answer:
    """The answer to one question, true or false, and why.

    Without a port it is about all traffic: true if anything passes, and `traffic` says what.
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
        """What passes of the traffic that was asked about, between every pair; for a Service, by its own ports."""
        self._check_fresh()
        by_port = [self._as_asked(pair, self._passing(pair)) for pair in self.pairs]
        if not self.destination.service or self.port is not None:
            return reduce(and_, by_port, ALL_TRAFFIC)
        open_ports = Traffic()
        for port in {(pair.protocol, pair.service_port) for pair in self.pairs}:
            of_port = [
                traffic
                for pair, traffic in zip(self.pairs, by_port, strict=True)
                if (pair.protocol, pair.service_port) == port
            ]
            open_ports |= reduce(and_, of_port, ALL_TRAFFIC)
        return open_ports

    @cached_property
    def denied(self) -> tuple[Pair, ...]:
        """The pairs for which the answer is no."""
        self._check_fresh()
        return tuple(pair for pair in self.pairs if not self._passes(pair))

    @cached_property
    def reasons(self) -> tuple[PairReason, ...]:
        """Why, for each pair: those for which the answer is no come first."""
        self._check_fresh()
        return tuple(explain(self._state, pair.source, pair.destination, pair.asked) for pair in self._denied_first)

    @property
    def ports(self) -> tuple[int | None, ...]:
        """The destination's own port for each of `reasons`."""
        return tuple(pair.port for pair in self._denied_first)

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """The facts that the input lacks, or that upstream leaves open, and on which the answer hangs."""
        return tuple(dict.fromkeys(one for reason in self.reasons for one in reason.assumptions))

    @property
    def _denied_first(self) -> list[Pair]:
        denied = {id(pair) for pair in self.denied}
        return sorted(self.pairs, key=lambda pair: id(pair) not in denied)

    def _passes(self, pair: Pair) -> bool:
        source, destination = pair.source, pair.destination
        if pair.port is not None and isinstance(source, Member) and isinstance(destination, Member):
            return verdicts.allows(self._state, source, destination, pair.protocol, pair.port)
        return bool(self._passing(pair))

    def _passing(self, pair: Pair) -> Traffic:
        allowed = verdicts.traffic(self._state, pair.source, pair.destination)
        return allowed if pair.asked is None else allowed & pair.asked

    def _as_asked(self, pair: Pair, passing: Traffic) -> Traffic:
        """The traffic in terms of the port that was asked for, which a Service translates."""
        if pair.service_port is None or not passing:
            return passing
        return Traffic.of(pair.protocol, ((pair.service_port, pair.service_port),))

    def _check_fresh(self) -> None:
        if self._state.revision != self._revision:
            raise InputError("the cluster has changed since this answer: ask again")
