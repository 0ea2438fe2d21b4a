"""Which pods can reach an endpoint, and which pods it can reach: from bitsets of identities, never pod by pod."""

from collections.abc import Collection, Iterable, Iterator
from functools import reduce
from operator import and_, or_

from ringfence.analysis.endpoints import Endpoint
from ringfence.analysis.questions import check_port, check_unchanged
from ringfence.engine.answers import End, end_text, is_exempt
from ringfence.engine.policies import PortQuestion
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class PodCollection(Collection[Member]):
    """A set of pods: all pods of some identities, a few more and a few less.

    Pods are listed only when the set is iterated, so the cost of an answer depends on identities, not on pods.
    """

    def __init__(
        self, state: State, identities: Bitset, more: Iterable[Member] = (), less: Iterable[Member] = ()
    ) -> None:
        self._state = state
        self._revision = state.revision
        self._identities = identities
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

    def _covers(self, pod: Member) -> bool:
        return bool(self._identities >> self._state.identity(pod).bit & 1)


def sources(state: State, destination: Endpoint, protocol: str, port: int) -> PodCollection:
    """The pods that may open a connection to a port of every pod of `destination`, without these pods themselves."""
    check_port(protocol, port)
    backends = destination.backends(state, protocol, port)
    reached = _pods(destination, (backend.end for backend in backends))
    numbers = [backend.port or port for backend in backends]
    bits = [
        _allowed_peers(state, pod, Direction.INGRESS, protocol, number)
        for pod, number in zip(reached, numbers, strict=True)
    ]
    hosts = [pod for pod in state.host_network_members() if all(is_exempt(state, pod, one) for one in reached)]
    return PodCollection(state, reduce(and_, bits), more=hosts, less=reached)


def destinations(state: State, source: Endpoint, protocol: str, port: int) -> PodCollection:
    """The pods to whose port every pod of `source` may open a connection, without the pods of `source` themselves."""
    check_port(protocol, port)
    opening = _pods(source, source.ends)
    bits = [_allowed_peers(state, pod, Direction.EGRESS, protocol, port) for pod in opening]
    exempt: list[Member] = []
    if all(pod.host_network for pod in opening):
        exempt = [pod for pod in state.members() if all(is_exempt(state, one, pod) for one in opening)]
    return PodCollection(state, reduce(and_, bits), more=exempt, less=opening)


def _pods(endpoint: Endpoint, ends: Iterable[End]) -> list[Member]:
    pods: list[Member] = []
    for end in ends:
        if not isinstance(end, Member):
            what = f"leads to {end_text(end)}, which is" if endpoint.service else "is"
            raise EndpointError(f"{endpoint.text} {what} outside the cluster: name a pod, a workload or a Service")
        pods.append(end)
    return pods


def _allowed_peers(state: State, pod: Member, direction: Direction, protocol: str, port: int) -> Bitset:
    """The identities with which `pod` may connect in `direction`: its own side and theirs allow the port."""
    population, identity = state.population, state.identity(pod)
    families = [family for family in population.decisive_families() if family in identity.families]
    if len(families) < 2:
        over = _allowed_peers_over(state, identity, direction, (families or FAMILIES)[0], protocol, port)
        return over & reduce(or_, map(population.in_family, identity.families))
    bits = population.everyone
    for family in families:
        # Two pods must be allowed over every family that both have. An identity without the family has no say over it.
        bits &= _allowed_peers_over(state, identity, direction, family, protocol, port) | ~population.in_family(family)
    return bits


def _allowed_peers_over(
    state: State, identity: Identity, direction: Direction, family: Family, protocol: str, port: int
) -> Bitset:
    question = PortQuestion(family, protocol, port)
    opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
    own = state.tiers.peers_allowed(identity, direction, question)
    return own & state.tiers.subjects_allowing(identity, opposite, question)
