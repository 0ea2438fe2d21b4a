"""The sources that can reach an endpoint, and the destinations that it can reach.

The pods for one port are computed with bitsets of identities, never pod by pod. `analysis.lists.reach_rows` computes
the traffic and the rules of each row.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, reduce
from itertools import accumulate
from operator import and_, or_
from typing import NamedTuple

from ringfence.analysis.endpoints import families_of, similar
from ringfence.analysis.lists.reach_rows import OutsideRows, PodRows, ReachQuestion, ReachRow, outside_rows, pod_rows
from ringfence.analysis.questions import check_unchanged
from ringfence.engine.answers import End, is_exempt
from ringfence.engine.policies import PortQuestion
from ringfence.engine.population import Identity, Member, is_one_pod
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses
from ringfence.sets.bitsets import Bitset


class Pods(NamedTuple):
    """The pods of some identities, with `more` added and `less` removed."""

    identities: Bitset
    more: Iterable[Member]
    less: Iterable[Member]


class PodCollection(Collection[Member]):
    """A set of pods: all pods of some identities, with a few added and a few removed.

    Pods are enumerated only when the set is iterated, so the cost of an answer depends on identities, not on pods.
    `find` computes the pods; it is called again if identities have changed.
    """

    def __init__(self, state: State, find: Callable[[], Pods]) -> None:
        self._state = state
        self._revision = state.revision
        self._find = find
        self._read()

    def _read(self) -> None:
        self._identities, more, less = self._find()
        self._version = self._state.population.version
        # Without what is covered anyway, so that the number of pods is a sum and no pod is listed twice.
        self._more = {pod for pod in more if not self._covers(pod)}
        self._less = {pod for pod in less if self._covers(pod)}

    def __contains__(self, pod: object) -> bool:
        self._check_unchanged()
        return isinstance(pod, Member) and (pod in self._more or (self._covers(pod) and pod not in self._less))

    def __iter__(self) -> Iterator[Member]:
        self._check_unchanged()
        for identity in self._state.population.identities(self._identities):
            yield from (pod for pod in identity.pods() if pod not in self._less)
        yield from self._more

    def __len__(self) -> int:
        self._check_unchanged()
        inside = sum(map(len, self._state.population.identities(self._identities)))
        return inside + len(self._more) - len(self._less)

    def __repr__(self) -> str:
        return f"<{len(self)} pods>"

    def _check_unchanged(self) -> None:
        check_unchanged(self._state, self._revision)
        if self._version != self._state.population.version:
            # The search for an edit divides identities for a while, so the same pods may have other identities now.
            self._read()

    def _covers(self, pod: Member) -> bool:
        return bool(self._identities >> self._state.identity(pod).bit & 1)


class Reach(PodCollection):
    """The sources of an endpoint, or its destinations: a collection of pods, with the addresses outside the cluster.

    For one port, it contains the pods for which the connection with every pod of the endpoint is allowed; for several
    ports, or for all traffic, those for which some common traffic is. `rows` also has traffic that only some pods of
    the endpoint allow, and the rules that allow it. Rows take longer, so they are computed when they are first read.
    """

    def __init__(self, question: ReachQuestion) -> None:
        _check_names(question)
        self.question = question
        super().__init__(question.state, self._pods)

    def _pods(self) -> Pods:
        return _pods_by_bitsets(self.question) or _pods_by_answers(self._answers)

    @cached_property
    def rows(self) -> tuple[ReachRow, ...]:
        """The workloads, pods and addresses with allowed traffic: pods in alphabetical order, then addresses."""
        found = [row for one in self._answers for row in one.rows]
        return (*sorted(found, key=lambda row: str(row.end)), *self._outside.rows)

    @property
    def addresses(self) -> Addresses:
        """The outside addresses for which every pod of the endpoint is allowed some of the asked traffic."""
        return reduce(or_, (row.addresses for row in self._outside.rows if row.traffic), NO_ADDRESSES)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of the rows, and of the absence of others."""
        of_pods = (assumption for one in self._answers for assumption in one.answer.assumptions)
        return tuple(dict.fromkeys((*of_pods, *self._outside.assumptions)))

    def __bool__(self) -> bool:
        return len(self) > 0 or bool(self.addresses)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows)) or "nothing"

    @cached_property
    def _answers(self) -> list[PodRows]:
        check_unchanged(self._state, self._revision)
        return pod_rows(self.question)

    @cached_property
    def _outside(self) -> OutsideRows:
        check_unchanged(self._state, self._revision)
        return outside_rows(self.question)


def _check_names(question: ReachQuestion) -> None:
    """Raise EndpointError for a port name that no pod has."""
    if not question.is_named:
        return
    pods = list(question.state.members())
    for name in question.ports.names:
        if not any(name.at(pod) for pod in pods):
            known = {port.name for pod in pods for port in pod.named_ports}
            raise EndpointError(f"no pod has a port called {name}{similar(name.name, known)}")


def _pods_by_answers(answers: Iterable[PodRows]) -> Pods:
    return Pods(0, [member for one in answers if one.answer.traffic for member in one.members], ())


def _pods_by_bitsets(question: ReachQuestion) -> Pods | None:
    """The pods for one port, without a loop over pods; None for other questions: without a port, or about addresses."""
    possible = question.possible_pods
    if not possible:
        return _allowed_on_port(question)
    with question.state.supposing_pods(possible, question.endpoint.spaces):
        pods = _allowed_on_port(question)
    # A possible pod is not part of the collection, and neither is an identity that only it had.
    if pods is None:
        return None
    more, less = ([pod for pod in some if not pod.is_possible] for some in (pods.more, pods.less))
    return Pods(pods.identities & question.state.population.everyone, more, less)


def _allowed_on_port(question: ReachQuestion) -> Pods | None:
    state, single = question.state, question.ports.single
    if single is None or _is_of_one_family(question):
        return None
    ends = _numbered_ends(question, *single)
    own = [end for end, _ in ends if isinstance(end, Member)]
    # Addresses have no identity, so bitsets cannot answer for them.
    if len(own) < len(ends):
        return None
    bits = [
        peers_allowed(state, pod, question.direction, single[0], number)
        for pod, (_, number) in zip(own, ends, strict=True)
    ]
    inside = _with_all_others(state, own, bits)
    more = [*_exempt(question, own), *(pod for pod in own if pod in inside)]
    return Pods(reduce(and_, bits), more, [pod for pod in own if pod not in inside])


def _is_of_one_family(question: ReachQuestion) -> bool:
    """Whether the question is about one of two families with different answers: the bitsets are about both families."""
    over = question.endpoint.families
    if question.endpoint.service is not None and question.direction is Direction.INGRESS and over is FAMILIES:
        over = families_of(question.endpoint.service)
    # `is`, not `==`: "both families" is always this one constant.
    return over is not FAMILIES and len(question.state.population.decisive_families()) > 1


def _with_all_others(state: State, pods: Sequence[Member], bits: Sequence[Bitset]) -> set[Member]:
    """The `pods` that may connect with all others of them; `bits` are the identities with which each may connect.

    A template for several pods is its own peer, too. The running intersections from both ends make this linear.
    """
    everyone = state.population.everyone
    before = list(accumulate(bits, and_, initial=everyone))
    after = list(accumulate(reversed(bits), and_, initial=everyone))[::-1]
    found = set()
    for at, pod in enumerate(pods):
        with_others = before[at] & after[at + 1] & (bits[at] if pod.is_several else everyone)
        if (len(pods) > 1 or pod.is_several) and with_others >> state.identity(pod).bit & 1:
            found.add(pod)
    return found


def _numbered_ends(question: ReachQuestion, protocol: str, port: int) -> list[tuple[End, int]]:
    """The ends of the endpoint, each with the port of the question: behind a Service, the target port."""
    if question.direction is Direction.EGRESS:
        return [(end, port) for end in question.endpoint.openers()]
    backends = question.endpoint.backends(question.state, protocol, port)
    return [(backend.end, backend.port or port) for backend in backends]


def _exempt(question: ReachQuestion, own: Sequence[Member]) -> list[Member]:
    """The pods whose connections policies cannot forbid, because one of the two ends is the other's node."""
    state = question.state
    is_open = state.traits.own_node is OwnNode.ALWAYS
    if question.direction is Direction.INGRESS:
        pods = state.members() if is_open else state.host_network_members()
        return [pod for pod in _others(pods, own) if all(is_exempt(state, pod, one) for one in own)]
    if not is_open and not all(pod.host_network for pod in own):
        return []
    return [pod for pod in _others(state.members(), own) if all(is_exempt(state, one, pod) for one in own)]


def _others(pods: Iterable[Member], own: Sequence[Member]) -> Iterator[Member]:
    """The pods without those that are `own` pods of the endpoint: a pod always reaches itself."""
    return (pod for pod in pods if not any(is_one_pod(pod, one) for one in own))


def peers_allowed(state: State, pod: Member, direction: Direction, protocol: str, port: int) -> Bitset:
    """The identities with which `pod` may connect in `direction`: its own side and theirs allow the port."""
    population, identity = state.population, state.identity(pod)
    families = [family for family in population.decisive_families() if family in identity.families]
    if len(families) < 2:
        question = PortQuestion((families or FAMILIES)[0], protocol, port)
        over = _peers_allowed_over(state, identity, direction, question)
        return over & reduce(or_, map(population.in_family, identity.families))
    bits = population.everyone
    for family in families:
        # Two pods must be allowed over every family that both have. A family that an identity lacks is ignored.
        question = PortQuestion(family, protocol, port)
        bits &= _peers_allowed_over(state, identity, direction, question) | ~population.in_family(family)
    return bits


def _peers_allowed_over(state: State, identity: Identity, direction: Direction, question: PortQuestion) -> Bitset:
    opposite = direction.opposite
    own = state.tiers.peers_allowed(identity, direction, question)
    return own & state.tiers.subjects_allowing(identity, opposite, question)
