"""The side effects of a change of policies: every connection that it opens or closes besides the asked ones.

The result is exact, over all pods, all addresses outside the cluster and all ports. Only identities that the changed
policies select are looked at; identities with the same policies are computed once; and a peer is looked at only where
the side of the selected pods changes. So the work depends on the size of the change, not on the square of the cluster.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.analysis.lists import Connection
from ringfence.analysis.questions import Pair
from ringfence.engine.answers import Moment, changed_addresses, changed_peers, exempt_addresses, is_exempt, stacks_of
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import Identity, Member, Reference
from ringfence.engine.state import State
from ringfence.model.kinds import kind_of
from ringfence.model.objects import Policy
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, FAMILIES, NO_ADDRESSES, Addresses
from ringfence.sets.boxes import Step, no_limit
from ringfence.sets.partitions import Partition, changed_within
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic


class SideEffects(msgspec.Struct, frozen=True):
    """The connections that a change opens and closes besides the asked ones."""

    opens: tuple[Connection, ...] = ()
    closes: tuple[Connection, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opens or self.closes)


def weight(state: State, policies: Iterable[Policy], pairs: Sequence[Pair], limit: int | None) -> int | None:
    """How many other questions have another answer with these policies in force; None if more than `limit`.

    A question is one source, one destination, one protocol and one port; all protocols without ports count as one.
    `pairs` are the asked ones, which do not count.
    """
    found = 0
    with _comparing(state, policies, pairs) as changes:
        for change in changes:
            # The sum only grows, so the rest need not be computed once the limit is exceeded. Most candidates end here
            # early.
            found += change.weight()
            if limit is not None and found > limit:
                return None
    return found


class Omissions:
    """Decides whether leaving out parts of policies changes anything, without changing the policies in force.

    While it is used, pods must be told apart by all policies that are asked about (`State.telling_apart`).
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._before = Moment(state, {})
        self._version = -1

    def change_nothing(self, policy: Policy, less: Policy | None, step: Step = no_limit) -> bool:
        """Whether every answer stays the same with the policy `less` in place of `policy`, or with none if it is None.

        `step` is called with the number of steps done: looked-at pairs of pods, or stacks of policies. It may raise
        Undecided.
        """
        old = self._state.policies.present(policy)
        assert old is not None
        new = None if less is None else self._state.policies.compiled(less)
        # Without one of its exceptions a block is another one, by which addresses must be told apart, too.
        blocks = set(new.blocks).difference(old.blocks) if new else ()
        with self._state.policies.telling_apart([less] if less is not None and blocks else ()):
            return not any(change.weight() for change in self._changes(old, new, step))

    def _changes(self, old: CompiledPolicy[Any], new: CompiledPolicy[Any] | None, step: Step) -> Iterator["_Change"]:
        state = self._state
        if self._version != state.population.version:
            # The known results are about identities that no longer exist.
            self._version, self._before = state.population.version, Moment(state, {})
        # Only the pods that the policy selects can change, because leaving out parts never makes it select others.
        subjects = list(state.population.identities(state.selected(old.subject)))
        stacks = {
            (subject.bit, direction): state.tiers.stack_replacing(subject, direction, old, new)
            for subject in subjects
            for direction in old.rules
        }
        step(len(stacks))
        return _changes(subjects, self._before, Moment(state, stacks, self._before), _Asked(state, ()), step)


def side_effects(
    state: State, policies: Iterable[Policy], pairs: Sequence[Pair] = (), removed: Iterable[Policy] = ()
) -> SideEffects:
    """The connections that these policies open and close once they are in force, by workload where all its pods agree.

    The asked `pairs` are left out. `removed` are policies that are in force now and are taken out.
    """
    sizes: Counter[Reference] = Counter()
    opens: list[Connection] = []
    closes: list[Connection] = []
    with _comparing(state, policies, pairs, removed) as changes:
        for change in changes:
            sizes = sizes or _sizes(state)  # it takes a pass over all pods, so only if something changes
            for ends in change.ends(state, sizes):
                if change.opens:
                    opens.append(Connection(*ends, change.opens))
                if change.closes:
                    closes.append(Connection(*ends, change.closes))
    return SideEffects(_joined(opens), _joined(closes))


class _Change(NamedTuple):
    """Pods or addresses whose traffic changes. The traffic of a pod to itself never changes.

    The pairs are those of the list of connections: a template for several pods stands for traffic between two of them.
    """

    sources: Collection[Member] | Addresses
    destinations: Collection[Member] | Addresses
    opens: Traffic
    closes: Traffic

    def weight(self) -> int:
        pairs = _number(self.sources) * _number(self.destinations)
        if not isinstance(self.sources, Addresses) and not isinstance(self.destinations, Addresses):
            # A single pod and itself are no pair. A template for several pods is one, of two different replicas.
            pairs -= sum(not member.is_several for member in set(self.sources) & set(self.destinations))
        return pairs * _ports(self.opens | self.closes)

    def ends(
        self, state: State, sizes: Counter[Reference]
    ) -> Iterator[tuple[Reference | Addresses, Reference | Addresses]]:
        """The names of both ends: the workload if all its pods are among them, else the pods."""
        for source in _named(state, self.sources, sizes):
            for destination in _named(state, self.destinations, sizes):
                if source != destination or sizes[source] > 1:  # type: ignore[index]  # addresses are on one side only
                    yield source, destination


def _number(ends: Collection[Member] | Addresses) -> int:
    if isinstance(ends, Addresses):
        return sum(intervals.size(ends.ranges(family)) for family in FAMILIES)
    return len(ends)


def _ports(traffic: Traffic) -> int:
    return sum(intervals.size(traffic.ports(protocol)) for protocol in PROTOCOLS) + traffic.other


def _named(
    state: State, ends: Collection[Member] | Addresses, sizes: Counter[Reference]
) -> list[Reference] | list[Addresses]:
    if isinstance(ends, Addresses):
        return [ends]
    of_workload: defaultdict[Reference, list[Member]] = defaultdict(list)
    for member in ends:
        of_workload[state.workload(member)].append(member)
    named: list[Reference] = []
    for workload, members in of_workload.items():
        # A workload is named only if all its pods change, since the name would otherwise claim too much.
        is_all = sum(map(_size, members)) == sizes[workload]
        named += [workload] if is_all else [member.reference for member in members]
    return named


def _sizes(state: State) -> Counter[Reference]:
    """How many pods each workload has."""
    sizes: Counter[Reference] = Counter()
    for member in state.members():
        sizes[state.workload(member)] += _size(member)
    return sizes


def _size(member: Member) -> int:
    """How many pods a member stands for; 2 for any number of several."""
    return 2 if member.is_several else 1


def _joined(connections: Iterable[Connection]) -> tuple[Connection, ...]:
    """The connections with the traffic of the same two ends joined, and addresses with the same traffic joined."""
    traffics: dict[tuple[Reference | Addresses, Reference | Addresses], Traffic] = {}
    for one in connections:
        ends = one.source, one.destination
        known = traffics.get(ends)
        traffics[ends] = one.traffic if known is None else known | one.traffic
    outside: dict[tuple[bool, Reference | Addresses, Traffic], Addresses] = {}
    inside: list[Connection] = []
    for (source, destination), traffic in traffics.items():
        if isinstance(source, Addresses):
            key = (True, destination, traffic)
            outside[key] = outside.get(key, NO_ADDRESSES) | source
        elif isinstance(destination, Addresses):
            key = (False, source, traffic)
            outside[key] = outside.get(key, NO_ADDRESSES) | destination
        else:
            inside.append(Connection(source, destination, traffic))
    inside.sort(key=lambda one: (one.source, one.destination))
    from_outside = [Connection(addresses, end, traffic) for (into, end, traffic), addresses in outside.items() if into]
    to_outside = [
        Connection(end, addresses, traffic) for (into, end, traffic), addresses in outside.items() if not into
    ]
    return (
        *inside,
        *sorted(to_outside, key=lambda one: (one.source, str(one.traffic))),
        *sorted(from_outside, key=lambda one: (one.destination, str(one.traffic))),
    )


# --- before and after -------------------------------------------------------------------------------------------------


@contextmanager
def _comparing(
    state: State, policies: Iterable[Policy], pairs: Sequence[Pair], removed: Iterable[Policy] = ()
) -> Iterator[Iterator[_Change]]:
    # Several edits may be of one policy. Each contains the earlier ones, so only the last of a policy counts.
    last = {(kind_of(policy), policy.metadata.namespace, policy.metadata.name): policy for policy in policies}
    gone = list(removed)
    # Before and after must have the same identities, or the two could not be compared with each other.
    with state.policies.telling_apart([*last.values(), *gone]) as subjects:
        # The stacks are taken now, because the policies in force are others as soon as something is supposed.
        before = Moment(state, stacks_of(state, subjects))
        with state.policies.supposing() as suppose:
            for policy in gone:
                suppose.without(policy)
            for policy in last.values():
                suppose(policy)
            yield _changes(subjects, before, Moment(state, {}), _Asked(state, pairs))


def _changes(
    subjects: Iterable[Identity], before: Moment, after: Moment, asked: "_Asked", step: Step = no_limit
) -> Iterator[_Change]:
    seen: set[tuple[int, int]] = set()
    # Sorted, so that the same input always gives the same order of changes.
    for subject in sorted(subjects, key=lambda one: one.bit):
        for direction in Direction:
            # The same policies allow the same traffic. This skips most identities and directions without any
            # arithmetic.
            if before.policies(subject, direction) == after.policies(subject, direction):
                continue
            peers = changed_peers(subject, direction, before, after, step)
            for peer in after.state.population.identities(peers):
                step(1)
                source, destination = (subject, peer) if direction is Direction.EGRESS else (peer, subject)
                # A pair may be found twice: once from each of its sides, if the change selects both.
                if (source.bit, destination.bit) not in seen:
                    seen.add((source.bit, destination.bit))
                    was, now = before.traffic(source, destination), after.traffic(source, destination)
                    if was != now:
                        yield from asked.less_pods(source, destination, now - was, was - now)
            for extent, was, now in changed_addresses(subject, direction, before, after, step):
                yield from asked.less_addresses(subject, direction, extent, now - was, was - now)


# --- without the asked pairs ------------------------------------------------------------------------------------------


class _Asked:
    """The asked pairs, by identity."""

    def __init__(self, state: State, pairs: Iterable[Pair]) -> None:
        self._state = state
        self._pods: defaultdict[tuple[int, int], dict[tuple[Member, Member], Traffic]] = defaultdict(dict)
        self._outside: dict[tuple[Member, Direction], Partition[Addresses, Traffic]] = {}
        for pair in pairs:
            source, destination = pair.source, pair.destination
            traffic = ALL_TRAFFIC if pair.asked is None else pair.asked
            if isinstance(source, Member) and isinstance(destination, Member):
                known = self._pods[state.identity(source).bit, state.identity(destination).bit]
                known[source, destination] = known.get((source, destination), NO_TRAFFIC) | traffic
            elif isinstance(source, Member) and isinstance(destination, Addresses):
                self._add_outside((source, Direction.EGRESS), destination, traffic)
            elif isinstance(destination, Member) and isinstance(source, Addresses):
                self._add_outside((destination, Direction.INGRESS), source, traffic)

    def _add_outside(self, side: tuple[Member, Direction], addresses: Addresses, traffic: Traffic) -> None:
        known = self._outside.get(side, _NOTHING_ASKED)
        self._outside[side] = changed_within(known, addresses, traffic.__or__)

    def less_pods(self, source: Identity, destination: Identity, opens: Traffic, closes: Traffic) -> Iterator[_Change]:
        asked = self._pods.get((source.bit, destination.bit), {})
        sources, destinations = list(source.pods()), list(destination.pods())
        # These need a look at each pod: those asked about, and in the host network all, because of exempt pairs on a
        # node.
        special = sources if source.host_network else list(dict.fromkeys(one for one, _ in asked))
        others = [one for one in sources if one not in set(special)] if special else sources
        if others:
            yield _Change(others, destinations, opens, closes)
        for one in special:
            rest = []
            for other in destinations:
                if is_exempt(self._state, one, other):
                    continue
                if (traffic := asked.get((one, other))) is not None:
                    yield _Change([one], [other], opens - traffic, closes - traffic)
                else:
                    rest.append(other)
            if rest:
                yield _Change([one], rest, opens, closes)

    def less_addresses(
        self, subject: Identity, direction: Direction, extent: Addresses, opens: Traffic, closes: Traffic
    ) -> Iterator[_Change]:
        by_node: defaultdict[Addresses, list[Member]] = defaultdict(list)
        for member in subject.pods():
            # A node always reaches the pods that run on it.
            node = exempt_addresses(self._state, member, direction)
            if (member, direction) not in self._outside:
                by_node[node].append(member)
                continue
            # The parts together are all addresses; those that were not asked about have no traffic to leave out.
            for addresses, traffic in self._outside[member, direction]:
                if within := (extent & addresses) - node:
                    yield _between(direction, [member], within, opens - traffic, closes - traffic)
        for node, members in by_node.items():
            if others := extent - node:
                yield _between(direction, members, others, opens, closes)


_NOTHING_ASKED: Final[Partition[Addresses, Traffic]] = [(ALL_ADDRESSES, NO_TRAFFIC)]


def _between(
    direction: Direction, members: list[Member], addresses: Addresses, opens: Traffic, closes: Traffic
) -> _Change:
    if direction is Direction.EGRESS:
        return _Change(members, addresses, opens, closes)
    return _Change(addresses, members, opens, closes)
