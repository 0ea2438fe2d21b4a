"""Every possible connection of a small universe, and which of them policies allow, by direct evaluation.

An end is a pod with any labels, in a namespace with any name and labels, at any address; or an outside address, which
may be that of a node. As a source, a node may have several addresses. The labels are those of `possible_pods`: three
keys, each with three values or absent. Policies name two of the values. Two sets of policies that allow the same
connections of this universe therefore allow the same connections in every cluster.

Nothing here is computed with boxes. The naive evaluator checks every requirement of every policy against every end, one
by one. Ends with the same results for all requirements are then treated as one, because there are millions of pairs.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, reduce
from itertools import chain, combinations, product
from operator import or_
from typing import Any, Final, NamedTuple

from tests.possible_pods import EXISTING, KEYS, TO_COME, label_sets
from tests.semantics import naive, naive_cluster_policies, naive_world
from tests.semantics.objects import Object, container_port, key_of, namespace, node, pod

Bits = int
"""A set of numbers: of ends, or of ports."""


class End(NamedTuple):
    """The properties of an end without its address: a pod in a namespace, or an outside address, maybe of a node."""

    pod: Object | None
    namespace: Object | None
    node_labels: dict[str, str] | None = None

    @property
    def space(self) -> str:
        """The name of its namespace. It is empty outside the cluster."""
        return self.pod["metadata"]["namespace"] if self.pod else ""

    def world(self, *addresses: str) -> tuple[Object, ...]:
        """Its objects, apart from the pod. If it is a node, the Node object has these addresses."""
        if self.node_labels is None:
            return (self.namespace,) if self.namespace else ()
        made = node("node", *addresses)
        return ({**made, "metadata": {"name": "node", "labels": self.node_labels}},)


class Port(NamedTuple):
    """A port, and its name at the destination. Without a protocol, it represents connections without ports."""

    protocol: str
    number: int
    name: str = ""


PORTS: Final = (
    *(Port("TCP", number) for number in (80, 81, 85, 443)),
    *(Port("TCP", number, "http") for number in (80, 81, 443)),
    *(Port("UDP", number, name) for name in ("", "http") for number in (80, 443)),
    Port("SCTP", 80),
    Port("SCTP", 80, "http"),
    Port("", 0),
)
"""A port of each kind that the policies can tell apart."""
_UNNAMED: Final = sum(1 << number for number, port in enumerate(PORTS) if not port.name)
_EVERY_PORT: Final = (1 << len(PORTS)) - 1
DIRECTIONS: Final = (naive.INGRESS, naive.EGRESS)

DESTINATIONS: Final = ("10.0.0.2", "10.1.0.2", "203.0.113.2", "2001:db8::2")
"""An address of a destination of each kind that the policies can tell apart."""
_IPV4_SOURCES: Final = ("10.0.0.1", "10.1.0.1", "203.0.113.1")
SOURCES: Final = (
    *(host for size in (1, 2, 3) for host in combinations(_IPV4_SOURCES, size)),
    ("2001:db8::1",),
)
"""All addresses that a source can have, of such kinds."""
_MEETING: Final = tuple(
    (of, to)
    for (of, source), (to, destination) in product(enumerate(SOURCES), enumerate(DESTINATIONS))
    if (":" in source[0]) is (":" in destination)
)
"""The addresses of two ends that meet: those of one family."""

_SPACES: Final = tuple(
    (name, labels) for name in (*EXISTING, TO_COME, f"{TO_COME}-2") for labels in label_sets(KEYS[:1])
)


def _ends() -> Iterator[End]:
    for (name, space), labels in product(_SPACES, list(label_sets())):
        yield End(pod(f"{name}/one", labels), namespace(name, **space))
    yield End(None, None)
    for labels in label_sets(KEYS[:1]):
        yield End(None, None, labels)


ENDS: Final = tuple(_ends())
_EVERYONE: Final = (1 << len(ENDS)) - 1
_OUTSIDE: Final = sum(1 << number for number, end in enumerate(ENDS) if end.pod is None)
_NODES: Final = sum(1 << number for number, end in enumerate(ENDS) if end.node_labels is not None)
_IN_SPACE: Final = tuple(
    sum(1 << number for number, end in enumerate(ENDS) if end.namespace == namespace(name, **labels))
    for name, labels in _SPACES
)


# --- what single requirements say, by the letter ----------------------------------------------------------------------


@cache
def _subjects(written: str) -> Bits:
    """The ends that a policy selects. The rules of the policy do not matter."""
    policy = json.loads(written)
    return sum(1 << number for number, end in enumerate(ENDS) if end.pod is not None and _is_subject(policy, end))


def _is_subject(policy: Object, end: End) -> bool:
    assert end.pod is not None
    if policy["kind"] != "NetworkPolicy":
        return naive_cluster_policies.selects(list(end.world()), policy, end.pod)
    # The directions of a policy do not depend on the pod.
    return any(naive.isolates(policy, end.pod, direction) for direction in DIRECTIONS)


@cache
def _peers(written: str, space: str, addresses: tuple[str, ...], direction: str) -> Bits:
    """The ends that a peer matches if they have these addresses. `space` is the namespace of its policy, if any."""
    peer, own = json.loads(written), {"metadata": {"namespace": space}}
    used = naive_world.ip_address(addresses[0])
    other = naive_world.Party(None, set())
    found = 0
    for number, end in enumerate(ENDS):
        party = naive_world.Party(end.pod, {used})
        ends = (party, other) if direction == naive.INGRESS else (other, party)
        connection = naive.Connection(list(end.world(*addresses)), *ends, "", 0, used.version)
        if space:
            is_matched = naive.peer_matches(connection, own, peer, party)
        else:
            is_matched = naive_cluster_policies.peer_matches(connection, peer, party)
        found |= is_matched << number
    return found


@cache
def _ports(written: str, is_namespaced: bool) -> Bits:
    """The ports that an entry matches at a pod."""
    entry, matches = json.loads(written), naive.port_matches if is_namespaced else naive_cluster_policies.port_matches
    found = 0
    for number, port in enumerate(PORTS):
        named = [container_port(port.name, port.number, port.protocol)] if port.name else []
        party = naive_world.Party(pod("x/one", ports=named), set())
        found |= matches(naive.Connection([], party, party, port.protocol, port.number, 4), entry) << number
    return found


# --- what policies say ------------------------------------------------------------------------------------------------


class _Rule(NamedTuple):
    """The ends that a rule matches, for each set of addresses that they can have; its ports; and its action."""

    action: str
    peers: tuple[Bits, ...]
    ports: Bits


class _Policy(NamedTuple):
    """A policy for one direction."""

    subjects: Bits
    rules: tuple[_Rule, ...]


class _Side(NamedTuple):
    """All policies for one direction. Those of administrators are in their order."""

    admin: tuple[_Policy, ...]
    isolating: tuple[_Policy, ...]
    baseline: tuple[_Policy, ...]

    def allowed(self, subject: Bits, peer: Bits, address: int) -> Bits:
        """The ports on which this side lets one end open a connection to another end that has these addresses."""
        allowed, passed = _ordered(self.admin, subject, peer, address, _EVERY_PORT)
        isolating = [policy for policy in self.isolating if policy.subjects & subject]
        if isolating:
            rules = (rule for policy in isolating for rule in policy.rules if rule.peers[address] & peer)
            return allowed | passed & _union(rule.ports for rule in rules)
        more, passed = _ordered(self.baseline, subject, peer, address, passed)
        return allowed | more | passed


def _ordered(policies: Iterable[_Policy], subject: Bits, peer: Bits, address: int, left: Bits) -> tuple[Bits, Bits]:
    """Of the remaining ports: which ones an administrator tier accepts, and which ones it passes to the next tier."""
    accepted = passed = 0
    for policy in policies:
        for rule in policy.rules if policy.subjects & subject else ():
            matched = left & rule.ports if rule.peers[address] & peer else 0
            left &= ~matched
            if rule.action in ("Accept", "Allow"):
                accepted |= matched
            elif rule.action == "Pass":
                passed |= matched
    return accepted, left | passed


def _side(policies: Sequence[Object], direction: str) -> _Side:
    admin, baseline = (
        sorted(naive_cluster_policies.of_tier(list(policies), tier), key=naive_cluster_policies.place)
        for tier in ("Admin", "Baseline")
    )
    isolating = [one for one in policies if one["kind"] == "NetworkPolicy" and _is_about(one, direction)]
    return _Side(*(tuple(_policy(one, direction) for one in some) for some in (admin, isolating, baseline)))


def _is_about(policy: Object, direction: str) -> bool:
    """Whether a NetworkPolicy applies to a direction, for a pod that it selects."""
    return naive.isolates({**policy, "spec": {**policy["spec"], "podSelector": {}}}, policy, direction)


def _policy(policy: naive_world.Object, direction: str) -> _Policy:
    space = policy["metadata"].get("namespace", "")
    rules = policy["spec"].get(direction.lower()) or ()
    subject = {**policy, "spec": {**policy["spec"], "ingress": [], "egress": [], "policyTypes": ["Ingress"]}}
    return _Policy(_subjects(_text(subject)), tuple(_rule(rule, space, direction) for rule in rules))


def _rule(rule: Object, space: str, direction: str) -> _Rule:
    peers = rule.get("from" if direction == naive.INGRESS else "to")
    entries = rule.get("ports") or rule.get("protocols")
    hosts = SOURCES if direction == naive.INGRESS else [(address,) for address in DESTINATIONS]
    matched = [
        _union(_peers(_text(peer), space, host, direction) for peer in peers) if peers else _EVERYONE for host in hosts
    ]
    ports = _union(_ports(_text(entry), bool(space)) for entry in entries) if entries else _EVERY_PORT
    return _Rule(rule.get("action", ""), tuple(matched), ports)


def _text(written: Any) -> str:
    return json.dumps(written, sort_keys=True)


def _union(sets: Iterable[Bits]) -> Bits:
    return reduce(or_, sets, 0)


# --- all connections --------------------------------------------------------------------------------------------------

Table = list[Bits]
"""Of each pair of ends, the ports on which the first may talk to the second."""


class Universe:
    """All connections of the universe, as far as some policies and any parts of them can distinguish them.

    The subjects of egress and the peers of ingress distinguish sources. The subjects of ingress and the peers of egress
    distinguish destinations. If both distinguished every end, there would be up to a thousand times as many pairs.
    """

    def __init__(self, policies: Sequence[Object]) -> None:
        told_apart = {direction: [_told_apart(one, direction) for one in policies] for direction in DIRECTIONS}
        ingress, egress = told_apart[naive.INGRESS], told_apart[naive.EGRESS]
        sources = _cells(chain([subjects for subjects, _ in egress], *(peers for _, peers in ingress)))
        destinations = _cells(chain([subjects for subjects, _ in ingress], *(peers for _, peers in egress)))
        self._pairs = [
            (source, destination, *addresses)
            for source, destination in product(sources, destinations)
            if _can_meet(source, destination)
            for addresses in _MEETING
            # Only nodes have several addresses.
            if source & _NODES or len(SOURCES[addresses[0]]) == 1
        ]

    def table(self, policies: Sequence[Object]) -> Table:
        """The connections that some of the policies, or parts of them, allow."""
        egress, ingress = (_side(policies, direction) for direction in (naive.EGRESS, naive.INGRESS))
        return [
            (_EVERY_PORT if source & _OUTSIDE else egress.allowed(source, destination, to))
            & (_UNNAMED if destination & _OUTSIDE else ingress.allowed(destination, source, of))
            for source, destination, of, to in self._pairs
        ]

    def smallest_difference(self, first: Table, second: Table) -> int:
        """The smallest connection on which two tables differ: the one with the least text to read."""
        return min(
            size + len(SOURCES[of]) - 1 + (not (mine ^ theirs) & _UNNAMED)
            for mine, theirs, (sources, destinations, of, _) in zip(first, second, self._pairs, strict=True)
            if mine != theirs and (size := _smallest_pair(sources, destinations)) is not None
        )

    def __len__(self) -> int:
        """The number of pairs of ends."""
        return len(self._pairs)

    def world(self, pair: int, port: Port) -> tuple[list[Object], str, str]:
        """The objects of a world that contains a connection of a pair, and the names of its two ends in a question."""
        sources, destinations, of, to = self._pairs[pair]
        ends = next(pair for pair in product(_members(sources), _members(destinations)) if _is_pair(*pair))
        return _world(*ends, of, to, port)


def _told_apart(policy: Object, direction: str) -> tuple[Bits, list[Bits]]:
    """The ends that a policy selects, and the ends that each of its peers in a direction matches, at each address."""
    field = "from" if direction == naive.INGRESS else "to"
    rules = policy["spec"].get(direction.lower()) or ()
    alone = [{**rule, field: [peer]} for rule in rules for peer in rule.get(field) or ()]
    one = _policy({**policy, "spec": {**policy["spec"], direction.lower(): alone}}, direction)
    return one.subjects, [bits for rule in one.rules for bits in rule.peers]


def _cells(told_apart: Iterable[Bits]) -> list[Bits]:
    """All ends, partitioned into sets that nothing distinguishes."""
    cells = [_NODES, _OUTSIDE & ~_NODES, _EVERYONE & ~_OUTSIDE]
    for bits in dict.fromkeys(told_apart):
        cells = [part for cell in cells for part in (cell & bits, cell & ~bits) if part]
    return cells


def allows(ports: Bits, port: Port) -> bool:
    """Whether a port is among those of an entry of a table."""
    return bool(ports >> PORTS.index(port) & 1)


def _size(end: End) -> int:
    """The number of labels of an end, without the name of its namespace.

    For a node with labels, being a node counts as well.
    """
    if end.pod is None or end.namespace is None:
        return 1 + len(end.node_labels) if end.node_labels else 0
    return len(end.pod["metadata"]["labels"]) + len(end.namespace["metadata"]["labels"])


@cache
def _smallest_pair(sources: Bits, destinations: Bits) -> int | None:
    """The size of the two smallest ends of two cells that can form a pair, or None if no two can."""
    smallest: int | None = None
    others = sorted(_members(destinations), key=_size)
    for source in sorted(_members(sources), key=_size):
        size = next((_size(source) + _size(other) for other in others if _is_pair(source, other)), None)
        if size is not None and (smallest is None or size < smallest):
            smallest = size
    return smallest


def _members(bits: Bits) -> Iterator[End]:
    return (end for number, end in enumerate(ENDS) if bits >> number & 1)


def _can_meet(sources: Bits, destinations: Bits) -> bool:
    """Whether some end of one cell and some end of the other can be the two ends of a connection."""
    if sources & _OUTSIDE or destinations & _OUTSIDE:
        return not (sources & _OUTSIDE and destinations & _OUTSIDE)
    spaces = [[number for number, bits in enumerate(_IN_SPACE) if bits & cell] for cell in (sources, destinations)]
    return any(_SPACES[one][0] != _SPACES[other][0] or one == other for one, other in product(*spaces))


def _is_pair(source: End, destination: End) -> bool:
    """Whether two pods of one namespace agree on the labels of that namespace."""
    return source.space != destination.space or source.namespace == destination.namespace


def _world(source: End, destination: End, of: int, to: int, port: Port) -> tuple[list[Object], str, str]:
    hosts = SOURCES[of], (DESTINATIONS[to],)
    objects = {key_of(one): one for one in (*source.world(*hosts[0]), *destination.world(*hosts[1]))}
    names = []
    for role, (end, (address, *_)) in enumerate(zip((source, destination), hosts, strict=True)):
        if end.pod is None:
            names.append(address)
            continue
        named = [container_port(port.name, port.number, port.protocol)] if role and port.name else []
        made = pod(f"{end.space}/{'ab'[role]}", end.pod["metadata"]["labels"], ports=named, addresses=[address])
        objects[key_of(made)] = made
        names.append(f"{end.space}/{'ab'[role]}")
    return list(objects.values()), names[0], names[1]
