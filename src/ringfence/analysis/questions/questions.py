"""Questions and answers: may a source open a connection to a destination?

A question names two endpoints. Each may be several pods or addresses, and behind a Service are pods with target ports
of their own. There are three results: all asked traffic is allowed between every pair of a source and a destination,
some of it, or none.

Pods on both sides are asked about in pairs of two different pods, because traffic of a pod to itself is always allowed.
Only if both sides are one and the same pod is the question about this pod and itself.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property, reduce, wraps
from itertools import islice
from operator import or_
from typing import Concatenate, ParamSpec, TypeVar

from ringfence.analysis.endpoints import (
    AskedPorts,
    Endpoint,
    PortName,
    Targets,
    about_endpoints,
    translation_assumptions,
)
from ringfence.analysis.questions.pair_traffic import (
    ReasonedPair,
    allowed_between,
    divided,
    explained_pairs,
    pair_assumptions,
    passes,
    passes_on_one_port,
    passes_partly,
    reasoned,
)
from ringfence.analysis.questions.pairs import ExplainedPair, Pair, Part, asked_targets, pairs_of
from ringfence.analysis.questions.pods_on_both_sides import note_on_one_pod, note_on_two_pods
from ringfence.analysis.questions.reason_groups import ReasonGroup, reason_groups
from ringfence.engine.answers import End, PairReason, TraitEffects, allows, explain, explain_parts, trait_effects
from ringfence.engine.population import Member
from ringfence.engine.possible import ExamplePod, PossiblePods
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.model.metadata import Labels
from ringfence.plugins import ChosenTrait, PluginTraits
from ringfence.sets.traffic import NO_TRAFFIC, SinglePort, Traffic


def check_unchanged(state: State, revision: int) -> None:
    """Raise InputError if the state has changed since its revision was `revision`.

    An answer computes its reasons when they are first read. Reasons from a changed state would contradict the answer.
    """
    if state.revision != revision:
        raise InputError("the cluster has changed since this answer: ask again")


def _possible_pods(*endpoints: Endpoint) -> list[Member]:
    """The pods among the ends that do not exist yet."""
    return [end for endpoint in endpoints for end in endpoint.ends if isinstance(end, Member) and end.is_possible]


AnswerT = TypeVar("AnswerT", bound="Answer")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def with_possible_pods(
    method: Callable[Concatenate[AnswerT, Arguments], Result],
) -> Callable[Concatenate[AnswerT, Arguments], Result]:
    """Decorator for methods of an answer: while they run, the possible pods of the question take part in the state."""

    @wraps(method)
    def supposing(answer: AnswerT, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if not answer._possible:
            return method(answer, *args, **kwargs)
        with answer._state.supposing_pods(answer._possible, answer._spaces):
            return method(answer, *args, **kwargs)

    return supposing


class Answer:
    """The answer to one question, with its reasons: `all`, some (`any`) or `none` of the asked traffic is allowed.

    It is true if all passes: between every pair, for every address and every port. Without a port, the question is
    about all traffic, and `traffic` is what passes between every pair. Nothing passes if `none` is true; an answer that
    is false does not say so.
    """

    def __init__(self, state: State, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> None:
        self.source = source
        self.destination = destination
        self.ports = ports
        self._state = state
        self._revision = state.revision
        # Both results are computed at once: they stay true of the cluster as it was when it changes later.
        between_two = self._one_port_of_two_pods()
        if between_two is None:
            self._judge()
        else:  # all passes between two pods, or nothing does
            self.all = self.any = allows(state, *between_two)

    def _one_port_of_two_pods(self) -> tuple[Member, Member, SinglePort] | None:
        """The pods and the port, if the question is about one port of two different pods; None for any other question.

        Programs ask millions of these, so `pairs` is not computed for them until it is read: it took half of the time
        of a question.
        """
        ends = self.source.ends, self.destination.ends
        single = self.ports.single
        is_plain = self.source.is_plain and self.destination.is_plain and len(ends[0]) == len(ends[1]) == 1
        if single is None or not is_plain:
            return None
        (source,), (destination,) = ends
        if source is destination or not (isinstance(source, Member) and isinstance(destination, Member)):
            return None
        return None if source.is_possible or destination.is_possible else (source, destination, single)

    @with_possible_pods
    def _judge(self) -> None:
        on_one_port = passes_on_one_port(self._state, self.pairs[0]) if len(self.pairs) == 1 else None
        if on_one_port is not None:
            self.all = self.any = on_one_port
            return
        self.all = all(passes(self._state, pair) for pair in self.pairs)
        # If everything passes, the second and slower question need not be asked.
        self.any = self.all or any(passes_partly(self._state, pair) for pair in self.pairs)

    @cached_property
    def _targets(self) -> Targets:
        return asked_targets(self._state, self.source, self.destination, self.ports)

    @cached_property
    def _all_pairs(self) -> tuple[Pair, ...]:
        return pairs_of(self.source, self.destination, self._targets)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Each source with each target, without pods that would connect to themselves, unless there are no others."""
        return tuple(pair for pair in self._all_pairs if not pair.is_one_pod) or self._all_pairs

    @property
    def _hairpins(self) -> Iterator[Pair]:
        """The pairs in which a Service leads a pod to itself: something to assume, if that pod is the only source."""
        is_one = len(self.source.ends) == 1
        return (pair for pair in self._all_pairs if is_one and pair.via and pair not in self.pairs)

    @property
    def unnamed(self) -> tuple[tuple[Member, PortName], ...]:
        """The pods that lack a port of a name that is asked for: they are left out."""
        return self._targets.unnamed

    @cached_property
    def note(self) -> str:
        """What the question is about, where pods are on both sides of it and that is not plain; else empty."""
        ends, first = (self.source, self.destination), self.pairs[0]
        if first.is_one_pod and isinstance(first.source, Member):
            self._check_unchanged()
            return note_on_one_pod(self._state, *ends, first.source, first.asked_traffic)
        return note_on_two_pods(*ends)

    @cached_property
    def _possible(self) -> list[Member]:
        return _possible_pods(self.source, self.destination)

    @property
    def _spaces(self) -> Mapping[str, Labels]:
        return {**self.source.spaces, **self.destination.spaces}

    @property
    def none(self) -> bool:
        """Whether none of the asked traffic is allowed, between any pair."""
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
        """The asked traffic that is allowed between every pair; for a Service, with the ports of the Service.

        A connection to one port of a Service may reach any pod behind that port, so every pair of the port must allow
        it. Different ports are independent.
        """
        self._check_unchanged()
        # Refusals are collected, not allowances: what one pair refuses does not pass between every pair.
        asked, refused = NO_TRAFFIC, NO_TRAFFIC
        for pair in self.pairs:
            asked |= pair.as_asked(pair.asked_traffic)
            allowed = allowed_between(self._state, pair)
            refused |= pair.as_asked(pair.asked_traffic - allowed)
        return asked - refused

    @cached_property
    def passes_everywhere(self) -> bool:
        """Whether all asked traffic is allowed; without a port, whether some traffic is allowed between every pair.

        An edit that reverses the answer must forbid if this is true, and allow otherwise.
        """
        return bool(self.traffic) if self.ports.is_everything else self.all

    @cached_property
    @with_possible_pods
    def denied(self) -> tuple[Pair, ...]:
        """The pairs between which some of the asked traffic is denied."""
        self._check_unchanged()
        return tuple(pair for pair in self.pairs if not passes(self._state, pair))

    @cached_property
    @with_possible_pods
    def parts(self) -> tuple[Part, ...]:
        """Allowed and denied traffic: one part for two pods, or for each set of addresses that policies treat alike."""
        self._check_unchanged()
        asked: defaultdict[tuple[End, End], list[Traffic]] = defaultdict(list)
        passing: defaultdict[tuple[End, End], list[Traffic]] = defaultdict(list)
        for pair in self.pairs:
            for source, destination, allowed in divided(self._state, pair):
                asked[source, destination].append(pair.as_asked(pair.asked_traffic))
                passing[source, destination].append(pair.as_asked(allowed & pair.asked_traffic))
        return tuple(Part(*ends, _union(asked[ends]), _union(passing[ends])) for ends in asked)

    @cached_property
    @with_possible_pods
    def explanations(self) -> tuple[ExplainedPair, ...]:
        """Why each pair is allowed or denied: first the pairs that are denied everything, last those that are allowed
        all.

        A pair that is asked about several ports is divided into the ports that are allowed or denied by the same rules.
        """
        self._check_unchanged()
        return tuple(
            explained
            for known in self._reasoned
            for explained in explained_pairs(self._state, known, self._explain_part)
        )

    @with_possible_pods
    def _explain_part(self, known: PairReason, part: Traffic) -> PairReason:
        self._check_unchanged()
        [reason] = explain_parts(self._state, known, [part])
        return reason

    @cached_property
    def _reasoned(self) -> list[ReasonedPair]:
        """The pairs in the order of `explanations`."""
        denied = set(self.denied)
        ranked = sorted(self.pairs, key=lambda pair: (pair not in denied, passes_partly(self._state, pair)))
        return [reasoned(self._state, pair) for pair in ranked]

    @property
    def reasons(self) -> tuple[PairReason, ...]:
        """The reasons in `explanations`."""
        return tuple(explained.reason for explained in self.explanations)

    @cached_property
    def reason_groups(self) -> tuple[ReasonGroup, ...]:
        """The pairs that are allowed or denied for equal reasons, in the order of `explanations`."""
        return self.first_reason_groups(len(self.explanations))

    def first_reason_groups(self, most: int) -> tuple[ReasonGroup, ...]:
        """The first of `reason_groups`, without the reasons of the others."""
        return tuple(islice(reason_groups(self._state, self.explanations), most))

    @cached_property
    @with_possible_pods
    def assumptions(self) -> tuple[str, ...]:
        """What the answer assumes because the input does not say it or upstream does not define it."""
        self._check_unchanged()
        found: list[str] = []
        for known in self._reasoned:
            found += pair_assumptions(self._state, known)
        for pair in self._hairpins:
            reason = explain(self._state, pair.source, pair.destination, pair.asked, pair.over)
            found += translation_assumptions(self._state, pair.via, reason)
        return (*about_endpoints(found, (self.source, self.destination)), *self._trait_effects.assumptions)

    @property
    def plugin(self) -> PluginTraits | None:
        """The network plugin that is assumed to enforce the policies; None for upstream's meaning."""
        return self._state.enforced_by

    @property
    def traits(self) -> tuple[ChosenTrait, ...]:
        """The traits of the plugin that decide: without one of them, the answer would differ."""
        return self._trait_effects.deciding

    @cached_property
    @with_possible_pods
    def _trait_effects(self) -> TraitEffects:
        self._check_unchanged()
        return trait_effects(self._state, self._passing)

    def _passing(self) -> Hashable:
        """The asked traffic that is allowed between the ends of each pair."""
        return tuple(
            [
                frozenset(
                    (source, destination, passing)
                    for source, destination, allowed in divided(self._state, pair)
                    if (passing := allowed & pair.asked_traffic)
                )
                for pair in self.pairs
            ]
        )

    def _check_unchanged(self) -> None:
        check_unchanged(self._state, self._revision)


def _union(traffics: Iterable[Traffic]) -> Traffic:
    return reduce(or_, traffics, NO_TRAFFIC)
