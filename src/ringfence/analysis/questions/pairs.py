"""The pairs of a source and a destination of a question, and the results about each."""

from collections.abc import Callable
from functools import cached_property

import msgspec

from ringfence.analysis.endpoints import (
    AskedPorts,
    Endpoint,
    Targets,
    Translation,
    address_targets,
    targets,
)
from ringfence.engine.answers import End, Families, JudgedPart, PairReason, end_text
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Pair(msgspec.Struct, frozen=True):
    """One source and one destination of a question, and the traffic that it is about, to the destination's own ports.

    `asked` is None if the question is which traffic is allowed. If a Service or a node translates the port,
    `service_port` is the port that the client connects to, and `via` the translation. `over` are the address families
    of the connection.
    """

    source: End
    destination: End
    asked: Traffic | None
    service_port: int | None = None
    over: Families = FAMILIES
    via: Translation | None = None

    @property
    def is_one_pod(self) -> bool:
        """Whether source and destination are one and the same pod."""
        return is_one_pod(self.source, self.destination)

    @property
    def asked_traffic(self) -> Traffic:
        """The traffic that the question is about."""
        return ALL_TRAFFIC if self.asked is None else self.asked

    @property
    def protocol(self) -> str | None:
        """The protocol, if the question is about a single port."""
        return self.asked.single[0] if self.asked and self.asked.single else None

    @property
    def port(self) -> int | None:
        """The destination's own port, if the question is about a single one."""
        return self.asked.single[1] if self.asked and self.asked.single else None

    def as_asked(self, traffic: Traffic) -> Traffic:
        """Traffic to the target port as the client sees it, which is traffic to the port of the Service."""
        if self.service_port is None or self.protocol is None or not traffic:
            return traffic
        return Traffic.of(self.protocol, ((self.service_port, self.service_port),))


class Part(msgspec.Struct, frozen=True):
    """A pair, or a set of its addresses that policies treat alike, and the asked traffic allowed between them.

    Ports are those that a client connects to: for a Service, its own ports.
    """

    source: End
    destination: End
    asked: Traffic
    passing: Traffic

    @property
    def refused(self) -> Traffic:
        """The asked traffic that is denied."""
        return self.asked - self.passing

    def __str__(self) -> str:
        ends = f"{end_text(self.source)} -> {end_text(self.destination)}"
        return f"{ends}: passing {self.passing}; refused {self.refused}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class ExplainedPair:
    """One pair of a question, and why it is allowed or denied.

    `allowed` and `denied_over` are known without the reasons. `denied_over` are the address families over which a side
    denies what it allows over the other one.
    """

    def __init__(self, pair: Pair, judged: JudgedPart, explain: Callable[[], PairReason]) -> None:
        self.pair = pair
        self.allowed: bool = judged.allowed
        self.denied_over: frozenset[Family] = judged.denied_over
        self._explain = explain

    @cached_property
    def reason(self) -> PairReason:
        """The reasons. They are found when they are first read: for n ports and n rules, all of them are n²."""
        return self._explain()


def pairs_of(source: Endpoint, destination: Endpoint, found: Targets) -> tuple[Pair, ...]:
    """Each source with each of the targets of a destination.

    Raises EndpointError if all are addresses outside the cluster.
    """
    pairs = tuple(
        Pair(start, target.end, target.asked, target.service_port, _in_both(source.families, target.over), target.via)
        for start in source.openers()
        for target in found.found
        if isinstance(start, Member)
        or isinstance(target.end, Member)  # no policy applies between two outside addresses
    )
    if not pairs:
        raise EndpointError(f"neither {source.text} nor {destination.text} is in the cluster: no policy decides")
    return pairs


def asked_targets(state: State, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> Targets:
    """The targets of a destination. Raises EndpointError if it shares no address family with the source."""
    if not _in_both(source.families, destination.families):
        families = " and ".join(str(*one.families) for one in (source, destination))
        raise EndpointError(
            f"{source.text} and {destination.text} are of different address families, {families}: they cannot meet"
        )
    if destination.addresses is None:
        return targets(state, destination, ports)
    return address_targets(state, destination, destination.addresses, ports)


def _in_both(some: Families, others: Families) -> Families:
    # Nearly every question is about both families. Identity is the fastest way to see that.
    if some is FAMILIES or others is FAMILIES:
        return others if some is FAMILIES else some
    return tuple(family for family in some if family in others)
