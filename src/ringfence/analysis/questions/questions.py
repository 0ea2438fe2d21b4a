"""Questions and answers: may a source open a connection to a destination?

A question names two endpoints. Each may be several pods or addresses, and behind a Service are pods with target ports
of their own. There are three results: all that is asked passes between every pair of a source and a destination, some
of it passes, or none of it.

Pods that are on both sides are asked about in pairs of two different ones: what a pod sends to itself is always
allowed. Only where both sides are one and the same pod is the question about that.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property, reduce, wraps
from operator import or_
from typing import TypeVar

import msgspec

from ringfence.analysis.endpoints import (
    AskedPorts,
    Endpoint,
    Targets,
    Translation,
    address_targets,
    targets,
    translation_assumptions,
)
from ringfence.analysis.questions.pods_on_both_sides import note_on_one_pod, note_on_two_pods
from ringfence.analysis.questions.reason_groups import ReasonGroup, reason_groups
from ringfence.engine.answers import (
    End,
    Families,
    LedPort,
    PairReason,
    TraitEffects,
    allows,
    end_text,
    explain,
    traffic_between,
    traffic_by_part,
    traffic_through_service,
    trait_effects,
)
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.possible import ExamplePod, PossiblePods
from ringfence.engine.state import State
from ringfence.errors import EndpointError, InputError
from ringfence.plugins import ChosenTrait, PluginTraits
from ringfence.sets.addresses import FAMILIES
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
    """One source and one destination of a question, and the traffic that it is about, to the destination's own ports.

    It is None if the question is which traffic passes. `service_port` is the port that leads to the destination's, if a
    Service or a node translates it, and `via` how. Two pods are to meet over the families `over`.
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
    def protocol(self) -> str | None:
        """The protocol, if the question is about a single port."""
        return self.asked.single[0] if self.asked and self.asked.single else None

    @property
    def port(self) -> int | None:
        """The destination's own port, if the question is about a single one."""
        return self.asked.single[1] if self.asked and self.asked.single else None

    def as_asked(self, traffic: Traffic) -> Traffic:
        """Traffic to the target port as the client sees it: to the port of the Service."""
        if self.service_port is None or self.protocol is None or not traffic:
            return traffic
        return Traffic.of(self.protocol, ((self.service_port, self.service_port),))


class Part(msgspec.Struct, frozen=True):
    """A pair, or the addresses of it that are treated alike: what of the asked traffic passes between them.

    Ports are those that a client connects to: of a Service, its own.
    """

    source: End
    destination: End
    asked: Traffic
    passing: Traffic

    @property
    def refused(self) -> Traffic:
        """What of the asked traffic does not pass."""
        return self.asked - self.passing

    def __str__(self) -> str:
        ends = f"{end_text(self.source)} -> {end_text(self.destination)}"
        return f"{ends}: passing {self.passing}; refused {self.refused}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class ExplainedPair(msgspec.Struct, frozen=True):
    """One pair of a question, and why it is allowed or denied."""

    pair: Pair
    reason: PairReason


def _possible_pods(*endpoints: Endpoint) -> list[Member]:
    """The pods among the ends that do not exist yet."""
    return [end for endpoint in endpoints for end in endpoint.ends if isinstance(end, Member) and end.is_possible]


AnswerT = TypeVar("AnswerT", bound="Answer")
Result = TypeVar("Result")


def with_possible_pods(method: Callable[[AnswerT], Result]) -> Callable[[AnswerT], Result]:
    """The method of an answer, during which the pods of the question that do not exist yet take part."""

    @wraps(method)
    def supposing(answer: AnswerT) -> Result:
        if not answer._possible:
            return method(answer)
        with answer._state.supposing_pods(answer._possible, answer._spaces):
            return method(answer)

    return supposing


class Answer:
    """The answer to one question, with its reasons: `all`, some (`any`) or `none` of what is asked passes.

    It is true if all passes: between every pair, for every address and every port. Without a port, the question is
    about all traffic, and `traffic` is what passes between every pair. Nothing passes if `none` is true; an answer that
    is false does not say so. `unnamed` are the pods that lack a port of a name that is asked for.
    """

    def __init__(self, state: State, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> None:
        self.source = source
        self.destination = destination
        self.ports = ports
        self._state = state
        self._revision = state.revision
        asked = _targets(state, source, destination, ports)
        self.unnamed = asked.unnamed
        pairs = tuple(
            Pair(
                start, target.end, target.asked, target.service_port, _in_both(source.families, target.over), target.via
            )
            for start in source.openers()
            for target in asked.found
            if isinstance(start, Member) or isinstance(target.end, Member)  # of two addresses outside no policy decides
        )
        if not pairs:
            raise EndpointError(f"neither {source.text} nor {destination.text} is in the cluster: no policy decides")
        self.pairs = tuple(pair for pair in pairs if not pair.is_one_pod) or pairs
        # A Service may lead one of the pods behind it to itself: something to assume, if that pod is the source.
        is_one = len(source.ends) == 1
        self._hairpins = tuple(pair for pair in pairs if is_one and pair.via and pair not in self.pairs)
        self.note = self._note(self.pairs[0])
        """What the question is about, where pods are on both sides of it and that is not plain; else empty."""
        # Both results are computed at once: they stay true of the cluster as it was when it changes later.
        self._possible = _possible_pods(source, destination)
        self._spaces = {**source.spaces, **destination.spaces}
        self._judge()

    def _note(self, first: Pair) -> str:
        ends = self.source, self.destination
        if first.is_one_pod and isinstance(first.source, Member):
            return note_on_one_pod(self._state, *ends, first.source, _asked(first))
        return note_on_two_pods(*ends)

    @with_possible_pods
    def _judge(self) -> None:
        on_one_port = self._passes_on_one_port(self.pairs[0]) if len(self.pairs) == 1 else None
        if on_one_port is not None:  # all passes between two pods, or nothing does
            self.all = self.any = on_one_port
            return
        self.all = all(map(self._passes, self.pairs))
        self.any = self.all or any(map(self._passes_partly, self.pairs))

    @property
    def none(self) -> bool:
        """Whether nothing of what is asked passes, between any pair."""
        return not self.any

    @property
    def result(self) -> str:
        """`all`, `some` or `none`."""
        return "all" if self.all else "some" if self.any else "none"

    def __bool__(self) -> bool:
        return self.all

    @property
    def protocol(self) -> str | None:
        """The protocol, if the question is about one port that is given by its number."""
        return self.ports.single[0] if self.ports.single else None

    @property
    def port(self) -> int | None:
        """The number, if the question is about one port that is given by its number."""
        return self.ports.single[1] if self.ports.single else None

    def __repr__(self) -> str:
        port = "" if self.ports.is_everything else f" on {self.ports}"
        return f"<{type(self).__name__}: {self.result}, {self.source.text} to {self.destination.text}{port}>"

    @property
    def parts_of_possible_pods(self) -> tuple[tuple[PossiblePods, ExamplePod], ...]:
        """The parts of pods that could exist (`any-pod:`), each with the example that was asked about."""
        return (*self.source.parts, *self.destination.parts)

    @cached_property
    @with_possible_pods
    def traffic(self) -> Traffic:
        """The traffic that passes between every pair, of that which the question is about; for a Service, by its ports.

        A connection to one port of a Service may reach any pod behind that port, so every pair of the port must allow
        it. Different ports are independent.
        """
        self._check_unchanged()
        asked, refused = NO_TRAFFIC, NO_TRAFFIC
        for pair in self.pairs:
            asked |= pair.as_asked(_asked(pair))
            allowed = self._allowed(pair)
            refused |= pair.as_asked(_asked(pair) - allowed)
        return asked - refused

    @cached_property
    def passes_everywhere(self) -> bool:
        """Whether all that is asked passes; without a port, whether something passes that is the same for every pair.

        An edit that reverses the answer forbids if it does, and otherwise allows.
        """
        return bool(self.traffic) if self.ports.is_everything else self.all

    @cached_property
    @with_possible_pods
    def denied(self) -> tuple[Pair, ...]:
        """The pairs between which not all passes that is asked."""
        self._check_unchanged()
        return tuple(pair for pair in self.pairs if not self._passes(pair))

    @cached_property
    @with_possible_pods
    def parts(self) -> tuple[Part, ...]:
        """What passes and what does not: one part for two pods, and one for all addresses that are treated alike."""
        self._check_unchanged()
        asked: defaultdict[tuple[End, End], list[Traffic]] = defaultdict(list)
        passing: defaultdict[tuple[End, End], list[Traffic]] = defaultdict(list)
        for pair in self.pairs:
            for source, destination, allowed in self._divided(pair):
                asked[source, destination].append(pair.as_asked(_asked(pair)))
                passing[source, destination].append(pair.as_asked(allowed & _asked(pair)))
        return tuple(Part(*ends, _union(asked[ends]), _union(passing[ends])) for ends in asked)

    @cached_property
    @with_possible_pods
    def explanations(self) -> tuple[ExplainedPair, ...]:
        """Why each pair is allowed or denied: first the pairs that are denied everything, last those allowed all.

        A pair that is asked about several ports is divided into the ports that are allowed or denied by the same rules.
        """
        self._check_unchanged()
        denied = set(self.denied)
        ranked = sorted(self.pairs, key=lambda pair: (pair not in denied, self._passes_partly(pair)))
        return tuple(explained for pair in ranked for explained in self._explained(pair))

    @property
    def reasons(self) -> tuple[PairReason, ...]:
        """The reasons in `explanations`."""
        return tuple(explained.reason for explained in self.explanations)

    @cached_property
    def reason_groups(self) -> tuple[ReasonGroup, ...]:
        """The pairs that are allowed or denied for equal reasons, in the order of `explanations`."""
        return reason_groups(self._state, self.reasons)

    @cached_property
    @with_possible_pods
    def assumptions(self) -> tuple[str, ...]:
        """What the answer assumes, because the input does not say it or upstream leaves it open."""
        self._check_unchanged()
        found: dict[str, None] = {}
        for explained in self.explanations:
            found |= dict.fromkeys(explained.reason.assumptions)
            found |= dict.fromkeys(translation_assumptions(self._state, explained.pair.via, explained.reason))
        for pair in self._hairpins:
            reason = explain(self._state, pair.source, pair.destination, pair.asked, pair.over)
            found |= dict.fromkeys(translation_assumptions(self._state, pair.via, reason))
        return (*found, *self._trait_effects.assumptions)

    @property
    def plugin(self) -> PluginTraits | None:
        """The network plugin that is taken to enforce the policies; None if they mean what upstream says."""
        return self._state.enforced_by

    @property
    def traits(self) -> tuple[ChosenTrait, ...]:
        """The traits of the plugin that decide: without one of them, the answer would be another one."""
        return self._trait_effects.deciding

    @cached_property
    @with_possible_pods
    def _trait_effects(self) -> TraitEffects:
        self._check_unchanged()
        return trait_effects(self._state, self._passing)

    def _passing(self) -> Hashable:
        """What passes of what is asked, between the ends of each pair."""
        return tuple(
            [
                frozenset(
                    (source, destination, passing)
                    for source, destination, allowed in self._divided(pair)
                    if (passing := allowed & _asked(pair))
                )
                for pair in self.pairs
            ]
        )

    def _passes(self, pair: Pair) -> bool:
        """Whether all passes that is asked."""
        on_one_port = self._passes_on_one_port(pair)
        if on_one_port is not None:
            return on_one_port
        return not any(_asked(pair) - allowed for _, _, allowed in self._divided(pair))

    def _passes_partly(self, pair: Pair) -> bool:
        """Whether anything passes of what is asked, for any of its addresses."""
        # Between two pods one port passes or does not. To divide all traffic for it took four times as long.
        on_one_port = self._passes_on_one_port(pair)
        if on_one_port is not None:
            return on_one_port
        return any(_asked(pair) & allowed for _, _, allowed in self._divided(pair))

    def _passes_on_one_port(self, pair: Pair) -> bool | None:
        """Whether a question about one port of two pods is answered with yes; None for any other question."""
        source, destination = pair.source, pair.destination
        single = pair.asked.single if pair.asked and not self._led(pair) else None
        if single and isinstance(source, Member) and isinstance(destination, Member):
            return allows(self._state, source, destination, *single, pair.over)
        return None

    def _led(self, pair: Pair) -> LedPort | None:
        """The ports between which a Service leads, if the policies of the source see its own port."""
        single = pair.asked.single if pair.asked else None
        if not self._state.traits.service_ports or pair.service_port is None or single is None:
            return None
        return LedPort(single[0], pair.service_port, single[1])

    def _allowed(self, pair: Pair) -> Traffic:
        """All traffic that passes between a pair, to the ports of the destination."""
        if (led := self._led(pair)) and isinstance(pair.source, Member) and isinstance(pair.destination, Member):
            return traffic_through_service(self._state, pair.source, pair.destination, pair.over, led)
        return traffic_between(self._state, pair.source, pair.destination, pair.over)

    def _divided(self, pair: Pair) -> list[tuple[End, End, Traffic]]:
        if self._led(pair) and isinstance(pair.source, Member) and isinstance(pair.destination, Member):
            return [(pair.source, pair.destination, self._allowed(pair))]
        return traffic_by_part(self._state, pair.source, pair.destination, pair.over)

    def _explained(self, pair: Pair) -> list[ExplainedPair]:
        reason = explain(self._state, pair.source, pair.destination, pair.asked, pair.over, self._led(pair))
        pieces = _pieces(reason)
        if len(pieces) < 2:
            return [ExplainedPair(pair, reason)]
        pairs = [msgspec.structs.replace(pair, asked=piece) for piece in pieces]
        found = [
            ExplainedPair(one, explain(self._state, one.source, one.destination, one.asked, one.over)) for one in pairs
        ]
        return sorted(found, key=lambda explained: explained.reason.allowed)

    def _check_unchanged(self) -> None:
        check_unchanged(self._state, self._revision)


def _targets(state: State, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> Targets:
    if not _in_both(source.families, destination.families):
        families = " and ".join(str(*one.families) for one in (source, destination))
        raise EndpointError(
            f"{source.text} and {destination.text} are of different address families, {families}: they cannot meet"
        )
    if destination.addresses is None:
        return targets(state, destination, ports)
    return address_targets(state, destination, destination.addresses, ports)


def _in_both(some: Families, others: Families) -> Families:
    if some is FAMILIES or others is FAMILIES:
        return others if some is FAMILIES else some
    return tuple(family for family in some if family in others)


def _asked(pair: Pair) -> Traffic:
    return ALL_TRAFFIC if pair.asked is None else pair.asked


def _pieces(reason: PairReason) -> list[Traffic]:
    """The asked traffic, divided so that each rule that is about the pair carries a piece whole or not at all."""
    pieces = [reason.asked] if reason.asked else []
    for side in (reason.egress, reason.ingress):
        for policy in side.policies:
            for rule in policy.rules:
                if rule.selects:
                    halves = (half for one in pieces for half in (one & rule.traffic, one - rule.traffic))
                    pieces = [half for half in halves if half]
    return pieces


def _union(traffics: Iterable[Traffic]) -> Traffic:
    return reduce(or_, traffics, NO_TRAFFIC)
