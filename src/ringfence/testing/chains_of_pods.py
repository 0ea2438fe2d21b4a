"""Chains of connections: whether one end can be reached from another through other pods (`through-pods`).

A pod that is reached is assumed to connect to everything that it may. Pods that no policy can tell apart are one step.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import connectivity_rows
from ringfence.engine.policies import End
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic


def chain_of_pods(state: State, source: Endpoint, destination: Endpoint, asked: Traffic) -> tuple[str, ...] | None:
    """The shortest chain from one end to another, as names of pods; the last connection is some of the traffic `asked`.

    None if there is none. The first and the last are the ends.
    """
    return _Chains(state, destination, asked).shortest(source)


class _Chains:
    def __init__(self, state: State, destination: Endpoint, asked: Traffic) -> None:
        self._state = state
        self._asked = asked
        self._identities = {identity.bit: identity for identity in state.population.identities()}
        # All rows at once share most of their work, and a chain may lead through any pod.
        rows = connectivity_rows(state, self._identities.values())
        self._rows = {identity.bit: row for identity, row in rows}
        self._ends = _bits(state, destination.ends)
        self._outside = _addresses(destination.ends)
        self._destination = destination

    def shortest(self, source: Endpoint) -> tuple[str, ...] | None:
        """The shortest chain, found level by level."""
        # The search is over identities, not pods: a cluster has far fewer of them.
        start = _bits(self._state, source.ends)
        # It holds for each identity the one before it in the chain, and also says which were visited.
        before: dict[int, int | None] = dict.fromkeys(bitsets.members(start))
        entered = self._entered(_addresses(source.ends)) & ~start
        queue = deque(before)
        # From addresses the first step is into the cluster.
        before |= dict.fromkeys(bitsets.members(entered))
        queue.extend(bitsets.members(entered))
        while queue:
            bit = queue.popleft()
            # The last step alone is about the asked traffic. Any traffic is enough to get from pod to pod before it.
            if self._arrives(bit):
                return self._names(source, before, bit)
            for following in bitsets.members(self._reached(bit)):
                if following not in before:
                    before[following] = bit
                    queue.append(following)
        return None

    def _entered(self, addresses: Addresses) -> Bitset:
        """The pods that accept anything from some addresses."""
        found = 0
        for bit, identity in self._identities.items():
            if addresses and self._allows(identity, Direction.INGRESS, addresses, None):
                found |= 1 << bit
        return found

    def _reached(self, bit: int) -> Bitset:
        found = 0
        for peers, traffic in self._rows[bit]:
            if traffic:
                found |= peers
        return found

    def _arrives(self, bit: int) -> bool:
        """Whether a pod may open what is asked to one of the ends."""
        if any(peers & self._ends and traffic & self._asked for peers, traffic in self._rows[bit]):
            return True
        identity = self._identities[bit]
        return bool(self._outside) and self._allows(identity, Direction.EGRESS, self._outside, self._asked)

    def _allows(self, identity: Identity, direction: Direction, addresses: Addresses, asked: Traffic | None) -> bool:
        cells = self._state.tiers.allowed_addresses(identity, direction, addresses)
        return any(bool(traffic if asked is None else traffic & asked) for within, traffic in cells if within)

    def _names(self, source: Endpoint, before: dict[int, int | None], last: int) -> tuple[str, ...]:
        bits: list[int] = []
        at: int | None = last
        while at is not None:
            bits.append(at)
            at = before[at]
        names = [str(self._state.workload(next(iter(self._identities[bit].pods())))) for bit in reversed(bits)]
        starts_outside = not _bits(self._state, source.ends) >> bits[-1] & 1
        return (*([source.text] if starts_outside else []), *names, self._destination.text)


def _bits(state: State, ends: Iterable[End]) -> Bitset:
    found = 0
    for end in ends:
        if isinstance(end, Member):
            found |= 1 << state.identity(end).bit
    return found


def _addresses(ends: Iterable[End]) -> Addresses:
    return Addresses.union_of(_only_addresses(ends)) or NO_ADDRESSES


def _only_addresses(ends: Iterable[End]) -> Iterator[Addresses]:
    return (end for end in ends if isinstance(end, Addresses))
