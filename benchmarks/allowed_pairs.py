"""The number of pairs of pods that may connect on a port, counted from bitsets of identities, not pair by pair.

Identities whose own policies allow the same peers are grouped, for egress and for ingress. The number of allowed pairs
between a group of sources and a group of destinations is a product: the pods of the destinations that the sources'
egress allows, times the pods of the sources that the destinations' ingress allows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import product
from operator import and_, or_

from ringfence.engine.answers import is_exempt
from ringfence.engine.policies import PortQuestion
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset


def allowed_pairs(state: State, protocol: str, port: int) -> int:
    """The number of pairs of different pods of which the first may open a connection to this port of the second."""
    weights = _Weights(state.population.identities())
    egress = _rows(state, Direction.EGRESS, protocol, port)
    ingress = _rows(state, Direction.INGRESS, protocol, port)
    pairs = _pairs(_grouped(egress), _grouped(ingress), ingress, weights)
    for identity in state.population.identities():
        bit = identity.bit
        allows_itself = egress[bit] >> bit & ingress[bit] >> bit & 1
        if allows_itself:
            pairs -= len(identity)  # a pod with itself is not a pair of different pods
    return pairs + sum(1 for _ in _exempt_pairs(state, egress, ingress))


Rows = dict[int, Bitset]
"""For each identity, by its bit: the peers that its own policies allow."""

Groups = dict[Bitset, Bitset]
"""The identities of equal rows, by their row."""


def _rows(state: State, direction: Direction, protocol: str, port: int) -> Rows:
    return {one.bit: _row(state, one, direction, protocol, port) for one in state.population.identities()}


def _row(state: State, identity: Identity, direction: Direction, protocol: str, port: int) -> Bitset:
    """The peers that are allowed over each family that they share with the identity, of which there must be one."""
    population = state.population
    having = {family: population.in_family(family) for family in identity.families}
    telling = population.decisive_families()
    families = [family for family in telling if family in having] or telling[:1]
    over = (
        state.tiers.peers_allowed(identity, direction, PortQuestion(family, protocol, port))
        | (~having[family] if len(families) > 1 else 0)
        for family in families
    )
    return reduce(and_, over) & reduce(or_, having.values())


def _grouped(rows: Rows) -> Groups:
    groups: defaultdict[Bitset, Bitset] = defaultdict(int)
    for bit, row in rows.items():
        groups[row] |= 1 << bit
    return groups


def _pairs(sources: Groups, destinations: Groups, ingress: Rows, weights: "_Weights") -> int:
    pairs = 0
    for egress_row, opening in sources.items():
        for ingress_row, opened in _met(egress_row, destinations, ingress):
            if incoming := weights.of(ingress_row & opening):
                pairs += incoming * weights.of(egress_row & opened)
    return pairs


def _met(egress_row: Bitset, destinations: Groups, ingress: Rows) -> Iterable[tuple[Bitset, Bitset]]:
    """The groups of destinations that a row meets: found by its members where they are few, else all there are."""
    if bitsets.size(egress_row) > len(destinations):
        return destinations.items()
    rows = {ingress[bit] for bit in bitsets.members(egress_row)}
    return ((row, destinations[row]) for row in rows)


class _Weights:
    """The number of pods of a set of identities: each binary digit of the numbers of pods is a set of identities."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        digits: defaultdict[int, Bitset] = defaultdict(int)
        for identity in identities:
            for digit in bitsets.members(len(identity)):
                digits[digit] |= 1 << identity.bit
        self._digits = list(digits.items())

    def of(self, bits: Bitset) -> int:
        """The number of pods of all identities in a set."""
        return sum((bits & having).bit_count() << digit for digit, having in self._digits) if bits else 0


def _exempt_pairs(state: State, egress: Rows, ingress: Rows) -> Iterator[tuple[Member, Member]]:
    """The pairs of a hostNetwork pod and a pod on its node between which something passes only because of that."""
    hosts: defaultdict[str, list[Member]] = defaultdict(list)
    for host in state.host_network_members():
        hosts[host.node].append(host)
    if not hosts:
        return
    neighbours: defaultdict[str, list[Member]] = defaultdict(list)
    for member in state.members():
        if member.node in hosts:
            neighbours[member.node].append(member)
    for node, opening in hosts.items():
        for host, pod in product(opening, neighbours[node]):
            source, destination = state.identity(host).bit, state.identity(pod).bit
            passes = egress[source] >> destination & ingress[destination] >> source & 1
            if host is not pod and not passes and is_exempt(state, host, pod):
                yield host, pod
