"""Compiles peers that are pods into sets, which are named after the selectors and change with the pods."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from ringfence.dataplane.compile.allowances import Allowance, allowing, by_peer
from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.peer_maps import PeerMap, PeerRules
from ringfence.dataplane.compile.peers import KEYS_OF_ITS_OWN, Grant, PodSet
from ringfence.dataplane.compile.traffic_rules import numbered, traffic_conditions
from ringfence.dataplane.program import PEER, Field, Lookup, Rule, digest
from ringfence.engine.policies import Action, CompiledRule, OwnPorts, Peers, PodSelection, Stack, own_traffic
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.model.selectors import Selector
from ringfence.sets import intervals
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import PROTOCOLS, Traffic
from ringfence.steps import Steps

MOST_SHARED: Final = 8
"""The maximum number of shared sets of pods that become separate rules. Each costs a packet one or two lookups."""

MOST_PEERS: Final = 250_000
"""The maximum number of peers in a map, counted for each rule that selects them: 25 rules about 10,000 pods each."""

MOST_SELECTORS: Final = 3_000
"""The maximum number of selectors and port names of the rules of NetworkPolicies.

All of them are evaluated again whenever pods have changed, which takes 60 ms.
"""

MOST_VALUES: Final = 30_000
"""The maximum number of labels and values in these selectors. Reading so many takes 60 ms."""

_STEP: Final = 100
"""The number of selectors that are read in one step."""


class _Group(NamedTuple):
    """Pods that are allowed the same traffic, as identities, and the number of ports of this traffic."""

    peers: Peers
    bits: Bitset
    traffic: Traffic
    ports: int

    @property
    def fewest_keys(self) -> int:
        """The minimum number of keys in a set of the profile's own: each identity has at least one pod.

        A selector that selects no pod yet counts as one pod, because the set also keeps the ports of its grant.
        """
        return max(1, self.bits.bit_count()) * self.ports


def selectors_in(rules: Iterable[CompiledRule]) -> int:
    """Count the selectors and port names of these rules."""
    return sum(len(rule.peers.selections) + len(rule.port_names) for rule in rules)


def check_selectors(rules: Sequence[CompiledRule]) -> None:
    """Raise TooComplex if rules have so many or such long selectors that changes of other namespaces would wait."""
    if selectors_in(rules) > MOST_SELECTORS:
        raise TooComplex(f"they have more than {MOST_SELECTORS:,} selectors and port names")
    values = 0
    for rule in rules:
        values += sum(_length(one.pods) + _length(one.namespaces) for one in rule.peers.selections)
        if values > MOST_VALUES:
            raise TooComplex(f"their selectors have more than {MOST_VALUES:,} labels and values")


def _length(selector: Selector | None) -> int:
    return sum(1 + len(term.values) for term in selector.terms) if selector else 0


def for_pods(
    state: State, stack: Stack, own: OwnPorts, family: Family, behind: tuple[Rule, ...] = ()
) -> Steps[list[Allowance]]:
    """Return the rules for the peers of a stack that are pods. All rules of the stack must allow. Raises TooComplex.

    Packets may not return from the chains of the last rule, so these chains end with the rules `behind`. The pods that
    exist decide only the form of the rules, not what they allow, so pods may change between two steps.
    """
    rules = [rule for profile in stack for rule in profile.rules if rule.peers.selections or rule.port_names]
    yield
    allowed = yield from _allowed_pods(rules, own)
    direction = stack[0].direction
    groups = [_group(state, family, peers, traffic) for peers, traffic in allowed]
    wholly, large_wholly = _divided(state, [group for group in groups if group.traffic.other])
    partly, large_partly = _divided(state, [group for group in groups if not group.traffic.other])
    grants = frozenset(map(_grant, partly)) | _grants_by_name(direction, rules)
    # The largest groups first. Digests decide between equal ones, so that each process has the same order.
    large = sorted([*large_wholly, *large_partly], key=lambda group: (-group.bits.bit_count(), digest(group.peers)))
    shared, mapped = large[:MOST_SHARED], large[MOST_SHARED:]
    found = [*_in_own_sets(wholly, grants, direction, family), *_in_shared_sets(shared, direction, family)]
    if mapped:
        found.append(_mapped(mapped, direction, family, behind))
    return found


def _in_own_sets(
    wholly: Sequence[_Group], grants: frozenset[Grant], direction: Direction, family: Family
) -> Iterator[Allowance]:
    """Yield the rules that look into sets of the profile's own: of pods `wholly` allowed, and of pods with ports."""
    peer = PEER[direction][family]
    if wholly:
        yield _among((peer,), PodSet(family, False, frozenset(Grant(group.peers) for group in wholly)))
    if grants:
        yield _among((peer, Field.PROTOCOL, Field.PORT), PodSet(family, True, grants))


def _in_shared_sets(groups: Iterable[_Group], direction: Direction, family: Family) -> Iterator[Allowance]:
    """Yield the rules that look into a set of pods for each group, which other profiles may use as well."""
    for group in groups:
        of_pods = _among((PEER[direction][family],), PodSet(family, False, frozenset({Grant(group.peers)})))
        yield from _narrowed(of_pods, group.traffic)


def _allowed_pods(rules: Iterable[CompiledRule], own: OwnPorts) -> Steps[list[tuple[Peers, Traffic]]]:
    """Return the traffic that rules allow by port number, or by the subject's own port names, for each set of peers."""
    allowed: defaultdict[frozenset[PodSelection], list[Traffic]] = defaultdict(list)
    for rule in rules:
        if rule.peers.selections and (traffic := own_traffic(rule, own)):
            allowed[frozenset(rule.peers.selections)].append(traffic)
    found: list[tuple[Peers, Traffic]] = []
    count = 0
    for selections, traffics in allowed.items():
        digests: dict[PodSelection, str] = {}
        for selection in selections:
            digests[selection] = digest(selection)
            count += 1
            if count % _STEP == 0:
                yield
        peers = Peers(everyone=False, selections=tuple(sorted(selections, key=digests.__getitem__)))
        digest(peers)  # computed here because it is cached: groups are sorted by it later
        found.append((peers, Traffic.union_of(traffics)))
    return found


def _group(state: State, family: Family, peers: Peers, traffic: Traffic) -> _Group:
    # Only a rule without ports allows other protocols. It allows everything, so a pod needs one key.
    ports = 1 if traffic.other else sum(intervals.size(traffic.ports(protocol)) for protocol in PROTOCOLS)
    return _Group(peers, state.tiers.peers(peers, family), traffic, ports)


def _divided(state: State, groups: Sequence[_Group]) -> tuple[list[_Group], list[_Group]]:
    """Return the smallest groups that fit into one set of the profile's own, and the other groups."""
    # Counting pods takes time, so only groups that can be small enough are counted.
    ascending = sorted(groups, key=lambda group: (group.fewest_keys, digest(group.peers)))
    possible = _number_within(KEYS_OF_ITS_OWN, (group.fewest_keys for group in ascending))
    keys = {group: group.ports * max(1, _number_of_pods(state, group.bits)) for group in ascending[:possible]}
    ordered = sorted(keys, key=lambda group: (keys[group], digest(group.peers)))
    fitting = _number_within(KEYS_OF_ITS_OWN, map(keys.__getitem__, ordered))
    return ordered[:fitting], [*ordered[fitting:], *ascending[possible:]]


def _number_within(limit: int, sizes: Iterable[int]) -> int:
    """Count the first sizes whose sum is within the limit."""
    return sum(1 for size in accumulate(sizes) if size <= limit)


def _number_of_pods(state: State, bits: Bitset) -> int:
    return sum(len(identity) for identity in state.population.identities(bits))


def _grant(group: _Group) -> Grant:
    # Every port of a range is a key of its own. `_divided` has limited the number of keys.
    ports = (
        (protocol, port)
        for protocol in PROTOCOLS
        for first, last in group.traffic.ports(protocol)
        for port in range(first, last + 1)
    )
    return Grant(group.peers, frozenset(ports))


def _mapped(groups: Sequence[_Group], direction: Direction, family: Family, behind: tuple[Rule, ...]) -> Allowance:
    """Return the rule that looks up one map for all groups."""
    peers = sum(group.bits.bit_count() for group in groups)
    if peers > MOST_PEERS:
        raise TooComplex(f"their rules select {peers:,} kinds of pods, counted for each rule, more than {MOST_PEERS:,}")
    # The name of the map depends on this order, so the order must not depend on the number of selected pods.
    ordered = sorted(groups, key=lambda group: digest((digest(group.peers), group.traffic)))
    rules = tuple(CompiledRule(0, group.peers, group.traffic) for group in ordered)
    return by_peer(PeerMap((PeerRules(family, direction, rules, Action.DENY),), behind))


def _grants_by_name(direction: Direction, rules: Iterable[CompiledRule]) -> frozenset[Grant]:
    """Return the grants of egress rules by port name. The destination pods define the port numbers.

    The destinations are all pods that the rule's peers match: by selector, by address, or because there are no peers.
    """
    if direction is Direction.INGRESS:
        return frozenset()
    return frozenset(Grant(rule.peers, names=frozenset(rule.port_names)) for rule in rules if rule.port_names)


def _among(fields: tuple[Field, ...], pods: PodSet) -> Allowance:
    name = pods.name
    return Allowance(allowing(Lookup(fields, name)), pods={name: pods})


def _narrowed(among: Allowance, traffic: Traffic) -> Iterator[Allowance]:
    """Yield the rule for the same pods, limited to this traffic."""
    if traffic.other:
        yield among
        return
    for conditions, fixed in traffic_conditions(numbered(traffic)):
        yield Allowance(allowing(*among.rule.conditions, *conditions), fixed, among.pods)
