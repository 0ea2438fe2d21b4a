"""Judges `only-from` and `only-to`: the listed endpoints are allowed all of the asked traffic, and the others none.

The others are every other pod, including the other pods of the same end, and every other address. Traffic that no
policy can deny does not count: from a node to its own pods, and from a pod to itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from operator import and_, or_

from ringfence.analysis.endpoints import Endpoint, selection_of
from ringfence.analysis.lists import peers_allowed
from ringfence.analysis.questions import Answer, Part
from ringfence.engine.answers import assumed_about_own_node, is_exempt, node_addresses
from ringfence.engine.policies import End, PodSelection
from ringfence.engine.population import Member
from ringfence.errors import EndpointError
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING
from ringfence.sets import bitsets
from ringfence.sets.addresses import LOOPBACK, NO_ADDRESSES, Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import ALL_TRAFFIC
from ringfence.testing.asking import Asking, check_served, narrowed
from ringfence.testing.future_pods import judge_future_pods
from ringfence.testing.outcomes import Finding
from ringfence.testing.reachability_tests import Acceptance, OnlyThese, ReachabilityTest


def judge_only_these(
    asking: Asking, test: ReachabilityTest, expectation: OnlyThese, *, with_assumptions: bool
) -> Finding:
    """Whether exactly the listed endpoints may connect; `with_assumptions` also finds the assumptions of the answers.

    Raises InputError if the test cannot be judged in the cluster: an end matches nothing, or nobody serves a port.
    """
    listed = [asking.endpoint(text, test.namespace) for text in expectation.listed]
    for one in listed if not expectation.future else ():
        if one.possible is not None or any(isinstance(end, Member) and end.is_possible for end in one.ends):
            raise EndpointError(f"{one.text} does not exist: list pods that exist, or add future: true")
    assumptions: dict[str, None] = {}
    for text in expectation.ends:
        question = _Only(asking, test, expectation, asking.endpoint(text, test.namespace))
        for answer, must_pass in question.answers(listed, with_assumptions=with_assumptions):
            if must_pass and Acceptance.UNSERVED_PORTS not in test.accepted:
                check_served(answer, expectation.ports)
            finding = question.finding(answer, must_pass=must_pass)
            if with_assumptions:
                assumptions |= dict.fromkeys(question.assumptions(answer, must_pass=must_pass))
            if not finding.holds:
                return Finding(False, finding.message, finding.question, tuple(assumptions))
        if expectation.future:
            finding = judge_future_pods(asking, expectation, question.own, listed, with_assumptions=with_assumptions)
            assumptions |= dict.fromkeys(finding.assumptions)
            if not finding.holds:
                return Finding(False, finding.message, assumptions=tuple(assumptions))
    return Finding(True, assumptions=tuple(assumptions))


class _Only:
    """One end of an expectation, and the questions about it and all other endpoints."""

    def __init__(self, asking: Asking, test: ReachabilityTest, expectation: OnlyThese, own: Endpoint) -> None:
        self._asking = asking
        self._state = asking.state
        self._expectation = expectation
        self._test = test
        self.own = own
        if not any(isinstance(end, Member) for end in own.ends):
            raise EndpointError(f"{own.text} is outside the cluster: only-from and only-to are about pods")

    def answers(self, listed: list[Endpoint], *, with_assumptions: bool) -> Iterator[tuple[Answer, bool]]:
        """The answers about all others, and whether what is asked must pass."""
        for number, one in enumerate(listed):
            # The first answer also says whether the port is served.
            if number == 0 or not self._is_surely_allowed(one, with_assumptions=with_assumptions):
                yield self._answer(one), True
        of_listed = {pod for one in listed for pod in self._existing(one)}
        for group in self._other_pods(of_listed, with_assumptions=with_assumptions):
            if self._can_be_asked(group):
                yield self._answer(group), False
        addresses = self._asking.outside - reduce(or_, map(_addresses, listed), LOOPBACK)
        # Addresses have no port names, so only ports that are given by number can be asked about them.
        if addresses and not self._is_about_names_only:
            own = Addresses.union_of(
                node_addresses(self._state, end) for end in self.own.ends if isinstance(end, Member)
            )
            if far := addresses - own:
                yield self._answer(Endpoint("any other address", (far,))), False
            # Each node of the end is the own node of some of its pods and not of others, so all pods would have to be
            # asked about. That takes long, so it is done only if the policies may allow something.
            if (near := addresses & own) and self._may_pass(near):
                yield self._answer(Endpoint("the nodes of others", (near,))), False

    def _is_surely_allowed(self, listed: Endpoint, *, with_assumptions: bool) -> bool:
        """Whether all policies allow the asked port between the end and a listed endpoint, so that no answer is needed.

        If assumptions count (`with_assumptions`), only if that depends on none.
        """
        # The identities that were reached say nothing about translated ports, addresses, and pods that do not exist.
        if self._all_reached is None or listed.possible is not None or listed.service is not None or listed.addresses:
            return False
        is_served = self._expectation.direction is Direction.INGRESS or Acceptance.UNSERVED_PORTS in self._test.accepted
        if not is_served or (with_assumptions and not self._is_known):
            return False
        sure = self._all_reached & (self._asking.others.known if with_assumptions else ~0)
        return all(
            isinstance(end, Member) and not end.host_network and sure >> self._state.identity(end).bit & 1
            for end in listed.ends
        )

    @cached_property
    def _all_reached(self) -> Bitset | None:
        """The identities that may connect with all pods of the end on the port; None as for `_reached`."""
        reached = self._reached_by_each
        return None if reached is None else reduce(and_, reached)

    def _may_pass(self, addresses: Addresses) -> bool:
        """Whether the policies of the end allow anything that is asked with some of the addresses."""
        ports, tiers = self._expectation.ports, self._state.tiers
        everything = ports.is_everything or self.own.service is not None
        return any(
            traffic & (ALL_TRAFFIC if everything else ports.at(pod))
            for pod in self._identities.values()
            for _, traffic in tiers.allowed_addresses(self._state.identity(pod), self._expectation.direction, addresses)
        )

    def _existing(self, listed: Endpoint) -> Iterator[Member]:
        """The existing pods that an endpoint names, or that match one for possible pods."""
        yield from (end for end in listed.ends if isinstance(end, Member))
        if listed.possible is not None and (selection := selection_of(listed)):
            yield from (pod for pod in self._state.members() if self._selects(selection, pod))

    def _selects(self, selection: PodSelection, pod: Member) -> bool:
        if selection.namespace is not None:
            return selection.namespace == pod.namespace and selection.pods.matches(pod.labels)
        spaces = selection.namespaces or EVERYTHING
        return selection.pods.matches(pod.labels) and spaces.matches(self._state.namespaces.labels(pod.namespace))

    def finding(self, answer: Answer, *, must_pass: bool) -> Finding:
        """Whether an answer is as it must be."""
        if must_pass:
            return self._allowed(answer)
        if answer.none or not any(self._is_forbidden(part) for part in answer.parts):
            return Finding(True)
        question = narrowed(answer, passing=True)
        assert question is not None
        more = "" if self._expectation.ports.is_everything else f" on {question.ports}"
        message = f"{question.source.text} may reach {question.destination.text}{more}, and is not listed"
        if self._expectation.direction is Direction.EGRESS:
            message = f"{question.source.text} may reach {question.destination.text}{more}, which is not listed"
        return Finding(False, message, question)

    def assumptions(self, answer: Answer, *, must_pass: bool) -> tuple[str, ...]:
        """The assumptions of an answer, without those about the node of a pod that may not connect in any case."""
        found = self._asking.assumptions(answer)
        if not found or must_pass or answer.any:
            return found
        needed, needless = set[str](), set[str]()
        for reason in answer.reasons:
            side = reason.ingress
            about_nodes = assumed_about_own_node(side, self._state, reason.asked)
            is_needed = side.allowed or len(about_nodes) < len(side.assumptions)
            (needed if is_needed else needless).update(reason.assumptions)
        return tuple(one for one in found if one in needed or one not in needless)

    def _allowed(self, answer: Answer) -> Finding:
        """Whether the listed endpoint is allowed all of the asked traffic or, without ports, any traffic."""
        everything = self._expectation.ports.is_everything
        # Without ports, "may connect" is meant, not "may do everything": one port that passes is enough.
        lacking = [part for part in answer.parts if (not part.passing if everything else part.refused)]
        if not lacking:
            return Finding(True)
        question = narrowed(answer, passing=False)
        assert question is not None
        what = "anything" if everything else f"on {question.ports}"
        source, destination = question.source.text, question.destination.text
        message = f"{source} is listed, and may not reach {destination} {what}"
        if self._expectation.direction is Direction.EGRESS:
            message = f"{destination} is listed, and {source} may not reach it {what}"
        return Finding(False, message, question)

    def _is_forbidden(self, part: Part) -> bool:
        """Whether traffic passes that a policy could deny."""
        return bool(part.passing) and not is_exempt(self._state, part.source, part.destination)

    @property
    def _is_about_names(self) -> bool:
        """Whether some ports are given by names, which mean the ports of each destination."""
        ports = self._expectation.ports
        return self._expectation.direction is Direction.EGRESS and bool(ports.names) and not ports.is_everything

    @property
    def _is_about_names_only(self) -> bool:
        """Whether all ports are given by names, which mean nothing outside the cluster."""
        return self._is_about_names and not self._expectation.ports.numbers

    def _can_be_asked(self, others: Endpoint) -> bool:
        """Whether the other endpoint has a port with one of the asked names, and is not just the pod itself."""
        own = set(self.own.ends)
        # Traffic of a pod to itself is always allowed, and would fail every such test.
        if len(own) == 1 and set(others.ends) <= own and not any(_is_several(end) for end in own):
            return False
        if not self._is_about_names:
            return True
        return self._expectation.ports.known_at(end for end in others.ends if isinstance(end, Member)) is not None

    def _answer(self, other: Endpoint) -> Answer:
        ports = self._expectation.ports
        if self._expectation.direction is Direction.INGRESS:
            return self._asking.answer_of(other, self.own, ports)
        if ports.names and other.service is None:
            ports = ports.known_at(end for end in other.ends if isinstance(end, Member)) or ports
        return self._asking.answer_of(self.own, other, ports)

    def _other_pods(self, listed: set[Member], *, with_assumptions: bool) -> Iterator[Endpoint]:
        """The pods that are not listed and may connect with the end: one of those that no policy can tell apart.

        Two of them, if the first is a pod of the end itself.
        """
        by_identity, of_listed = self._asking.others.by_identity, {self._state.identity(pod).bit for pod in listed}
        for bit in self._identities_asked_about(with_assumptions=with_assumptions):
            pods = by_identity[bit]
            left = [pod for pod in pods if pod not in listed] if bit in of_listed else pods
            if left and self._is_about_names:
                yield from (Endpoint(str(pod.reference), (pod,)) for pod in left)
            elif left:
                yield Endpoint(
                    str(left[0].reference), tuple(left) if self._counts_nodes else self._representatives(left)
                )
        yield from self._other_hosts(listed)

    def _identities_asked_about(self, *, with_assumptions: bool) -> Iterable[int]:
        """The identities whose pods may connect with the end or, `with_assumptions`, may be assumed to do so."""
        others, reached = self._asking.others, self._reached()
        if reached is None:
            return others.by_identity
        asked = reached & others.all
        if with_assumptions:
            # What is not reached is denied, unless that is only an assumption. Most identities are certain, and
            # skipped.
            doubtful = others.all & ~asked & ~(others.known if self._is_known else 0)
            asked |= bitsets.of(bit for bit in bitsets.members(doubtful) if self._may_assume(bit))
        return bitsets.members(asked)

    def _representatives(self, pods: Sequence[Member]) -> tuple[Member, ...]:
        # The first may be the end itself, about which there is no question. Then the second one answers for it.
        return tuple(pods[:2] if pods[0] in self.own.ends else pods[:1])

    def _other_hosts(self, listed: set[Member]) -> Iterator[Endpoint]:
        """The hostNetwork pods that are not listed, grouped by workload and what policies can tell apart."""
        hosts: dict[object, list[Member]] = {}
        for pod in self._asking.others.hosts:
            if pod not in listed:
                alike = (self._state.workload(pod), self._state.identity(pod).bit, pod.node in self._nodes)
                hosts.setdefault(pod if self._is_about_names or self._counts_nodes else alike, []).append(pod)
        yield from (Endpoint(str(pods[0].reference), self._representatives(pods)) for pods in hosts.values())

    @cached_property
    def _nodes(self) -> frozenset[str]:
        """The nodes of the end."""
        return frozenset(end.node for end in self.own.ends if isinstance(end, Member))

    @cached_property
    def _counts_nodes(self) -> bool:
        """Whether it matters on which nodes others are."""
        return any(isinstance(end, Member) and end.host_network for end in self.own.ends)

    @cached_property
    def _identities(self) -> dict[int, Member]:
        """A pod of each identity that the end has."""
        return {self._state.identity(end).bit: end for end in self.own.ends if isinstance(end, Member)}

    def _reached(self) -> Bitset | None:
        """The identities that may connect with the end on the port; None if the question is not about one port."""
        reached = self._reached_by_each
        return None if reached is None else reduce(or_, reached)

    @cached_property
    def _reached_by_each(self) -> list[Bitset] | None:
        """For each identity of the end, the identities that may connect with it on the port; None as for `_reached`."""
        single = self._expectation.ports.single
        # The fast way gives the peers for one port at once. In the other cases, each answer depends on more than that.
        if single is None or self._counts_nodes or self.own.service is not None or self.own.addresses is not None:
            return None
        direction = self._expectation.direction
        return [peers_allowed(self._state, pod, direction, *single) for pod in self._identities.values()]

    def _may_assume(self, bit: int) -> bool:
        """Whether the answer about the pods of an identity may assume something."""
        certainty = self._asking.certainty
        pods = self._asking.others.by_identity[bit]
        ends = [end for end in self.own.ends if isinstance(end, Member)]
        if self._expectation.direction is Direction.INGRESS:
            return not all(certainty.assumes_nothing(pod, end) for pod in pods for end in ends)
        return not all(certainty.assumes_nothing(end, pod) for pod in pods for end in ends)

    @cached_property
    def _is_known(self) -> bool:
        """Whether answers about the end assume nothing, for other pods about which nothing is assumed."""
        if self._state.doubts or any(policy.kind != "NetworkPolicy" for policy in self._state.tiers.policies()):
            return False
        ends = [end for end in self.own.ends if isinstance(end, Member)]
        return all(end.addresses and self._asking.certainty.is_known(end) for end in ends)


def _addresses(listed: Endpoint) -> Addresses:
    """The addresses that an endpoint names, including those of pods."""
    if listed.addresses is not None:
        return listed.addresses
    return reduce(or_, (end for end in listed.ends if isinstance(end, Addresses)), NO_ADDRESSES)


def _is_several(end: End) -> bool:
    return isinstance(end, Member) and end.is_several
