"""The sources and destinations of an endpoint row by row, with the traffic and the rules that allow it.

Each row is the answer to a separate question (`analysis.questions`), asked once for all workloads that no policy
distinguishes. So a list never contradicts the answer about one of its rows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Final

import msgspec

from ringfence.analysis.endpoints import AskedPorts, Endpoint
from ringfence.analysis.lists.grouped_pods import pod_groups
from ringfence.analysis.questions import Answer, Pair
from ringfence.engine.answers import (
    DecidingRule,
    End,
    PairReason,
    SideReason,
    allowing_rules,
    exempt_addresses,
    explain,
)
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, changed_within, combined, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

_EverySome = tuple[Traffic, Traffic]
"""The traffic that every pod of an endpoint has, and the traffic that at least one has."""

_Cells = Partition[Addresses, _EverySome]

_OUTSIDE: Final = Endpoint("any address", (ALL_ADDRESSES,))


class AllowingRule(msgspec.Struct, frozen=True):
    """A rule that allows traffic of a row; `index` is its place in the list of its direction."""

    namespace: str
    policy: str
    direction: Direction
    index: int
    place: Place | None = None

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.policy}" if self.namespace else self.policy
        return f"{name} {self.direction.field}[{self.index}]"


class Permission(msgspec.Struct, frozen=True):
    """Why one side allows the traffic of a row: by rules, because no policy isolates it, or because none applies.

    `exempt` says why no policy applies. `is_open` says that some traffic is allowed because no rule decides about it.
    """

    isolated: bool
    rules: tuple[AllowingRule, ...] = ()
    exempt: str = ""
    is_open: bool = False


class ReachRow(msgspec.Struct, frozen=True):
    """A workload, a pod, or addresses, with the traffic between it and an endpoint, and why it is allowed.

    `traffic` is allowed for every pod and address of the endpoint, `partly` for at least one of them, if that is more.
    """

    end: Reference | Addresses
    traffic: Traffic
    partly: Traffic
    egress: Permission
    ingress: Permission

    @property
    def addresses(self) -> Addresses:
        """The addresses; none, if it is about a pod or a workload."""
        return self.end if isinstance(self.end, Addresses) else NO_ADDRESSES

    def __str__(self) -> str:
        return f"{self.end}: {self.traffic_text}"

    @property
    def traffic_text(self) -> str:
        """The traffic: `TCP 80`, or `TCP 80; partly TCP 80-90` if more is allowed for a part of the endpoint."""
        every = [str(self.traffic)] if self.traffic else []
        some = [f"partly {self.partly}"] if self.partly else []
        return "; ".join([*every, *some])


class ReachQuestion(msgspec.Struct, frozen=True):
    """Which others can reach `endpoint` (`direction` is ingress) or be reached by it (egress), on given ports."""

    state: State
    endpoint: Endpoint
    direction: Direction
    ports: AskedPorts

    @property
    def opens_from_node(self) -> bool:
        """Whether the endpoint opens connections from a node's network: it reaches all pods of its node."""
        ends = self.endpoint.ends if self.direction is Direction.EGRESS else ()
        return any(isinstance(end, Member) and end.host_network for end in ends)

    @property
    def possible_pods(self) -> list[Member]:
        """The pods of the endpoint that do not exist yet."""
        return [end for end in self.endpoint.ends if isinstance(end, Member) and end.is_possible]

    @property
    def is_named(self) -> bool:
        """Whether it asks for port names of the others, each of which may give them to other numbers."""
        return self.direction is Direction.EGRESS and bool(self.ports.names)

    @property
    def has_named_targets(self) -> bool:
        """Whether pods of the endpoint that no policy distinguishes may be asked about different ports."""
        return self.endpoint.service is not None or bool(self.ports.names)

    def answer(self, other: Endpoint, endpoint: Endpoint) -> Answer | None:
        """The answer about one other end and the endpoint, or the pods of it that stand for all.

        None if the other end has none of the ports that are asked for by name.
        """
        if self.direction is Direction.INGRESS:
            return Answer(self.state, other, endpoint, self.ports)
        ports = self.ports.known_at(end for end in other.ends if isinstance(end, Member))
        return Answer(self.state, endpoint, other, ports) if ports else None


class PodRows(msgspec.Struct, frozen=True):
    """The answer about some pods, which is the same for all of them, and the rows in which they are listed."""

    members: tuple[Member, ...]
    answer: Answer
    rows: tuple[ReachRow, ...]


def pod_rows(question: ReachQuestion) -> list[PodRows]:
    """The answers about all other pods, each with its rows; without rows if no traffic is allowed."""
    groups = _groups(question.state)
    with question.state.supposing_pods(question.possible_pods, question.endpoint.spaces):
        own = _own_pods(question)
        return [found for one in _asked_at_once(question, own, groups) if (found := _pod_rows(question, own, one))]


class OutsideRows(msgspec.Struct, frozen=True):
    """The rows of addresses outside the cluster, and the assumptions of these rows and of the absence of others."""

    rows: tuple[ReachRow, ...] = ()
    assumptions: tuple[str, ...] = ()


def outside_rows(question: ReachQuestion) -> OutsideRows:
    """The rows of addresses outside the cluster; none for an endpoint that is outside itself."""
    if not any(isinstance(end, Member) for end in question.endpoint.ends):
        return OutsideRows()
    with question.state.supposing_pods(question.possible_pods, question.endpoint.spaces):
        answer = question.answer(_OUTSIDE, question.endpoint)
        if answer is None:
            return OutsideRows()
        rows = [_outside_row(question, answer.pairs, cell) for cell in _cells(question, answer.pairs) if cell[2]]
        return OutsideRows(tuple(rows), answer.assumptions)


class _ListedPods(msgspec.Struct, frozen=True):
    """Pods that are one entry of a list."""

    reference: Reference
    members: tuple[Member, ...]

    @property
    def uses_node_network(self) -> bool:
        return self.members[0].host_network


def _groups(state: State) -> list[_ListedPods]:
    """The workloads and pods of a cluster, as lists name them, in alphabetical order."""
    members: defaultdict[Reference, list[Member]] = defaultdict(list)
    for member in state.members():
        members[state.workload(member)].append(member)
    return [
        _ListedPods(group.reference, (group.pod,) if group.pod else tuple(members[group.reference]))
        for group in pod_groups(state)
    ]


class _OwnPods(msgspec.Struct, frozen=True):
    """The pods of the endpoint, how many of them each identity has, and an endpoint of few pods that stands for all."""

    pods: frozenset[End]
    of_identity: Counter[int]
    few: Endpoint


def _own_pods(question: ReachQuestion) -> _OwnPods:
    """Two pods of each identity stand for all of its pods; two, because they may also be on the other side of a
    question.

    Behind a Service, and if a port is named, every pod is kept: pods of one identity may give the name to other
    numbers.
    """
    endpoint = question.endpoint
    of_identity: Counter[int] = Counter()
    kept: list[End] = []
    for end in endpoint.ends:
        if isinstance(end, Member):
            bit = question.state.identity(end).bit
            of_identity[bit] += 1
            if of_identity[bit] > 2:
                continue
        kept.append(end)
    few = endpoint if question.has_named_targets else msgspec.structs.replace(endpoint, ends=tuple(kept))
    return _OwnPods(frozenset(endpoint.ends), of_identity, few)


def _asked_at_once(
    question: ReachQuestion, own: _OwnPods, groups: Iterable[_ListedPods]
) -> Iterator[list[_ListedPods]]:
    """The groups, those with the same answer together.

    A group is asked about alone if its answer may differ: a hostNetwork pod may have more traffic with the pods of its
    node; the only pod of its identity in the endpoint is not asked about itself; and pods that no policy distinguishes
    may give a port name to other numbers.
    """
    together: defaultdict[int, list[_ListedPods]] = defaultdict(list)
    for group in groups:
        bit = question.state.identity(group.members[0]).bit
        is_own = not own.pods.isdisjoint(group.members)
        is_special = is_own and (question.has_named_targets or own.of_identity[bit] < 2)
        if question.is_named or _depends_on_nodes(question, group) or is_special:
            yield [group]
        else:
            together[bit].append(group)
    yield from together.values()


def _depends_on_nodes(question: ReachQuestion, group: _ListedPods) -> bool:
    """Whether the answer depends on which pods are on which nodes."""
    return question.opens_from_node or (question.direction is Direction.INGRESS and group.uses_node_network)


def _pod_rows(question: ReachQuestion, own: _OwnPods, groups: list[_ListedPods]) -> PodRows | None:
    """The answer about groups, and a row for each; None if there is nothing to ask, as for a pod and itself."""
    first = groups[0]
    if question.is_named or _depends_on_nodes(question, first):
        asked, endpoint = first.members, question.endpoint
    else:
        asked, endpoint = first.members[: 1 if own.pods.isdisjoint(first.members) else 2], own.few
    answer = question.answer(Endpoint(str(first.reference), asked, first.reference), endpoint)
    if answer is None or all(pair.is_one_pod for pair in answer.pairs):
        return None
    # What passes to some of the endpoint's pods, in contrast to `answer.traffic`, which passes to all of them.
    passing = reduce(or_, (part.passing for part in answer.parts), NO_TRAFFIC)
    traffic = answer.traffic
    rows: tuple[ReachRow, ...] = ()
    if passing:
        permissions = _permissions(answer.reasons)
        partly = passing if passing != traffic else NO_TRAFFIC
        rows = tuple(ReachRow(group.reference, traffic, partly, *permissions) for group in groups)
    return PodRows(tuple(member for group in groups for member in group.members), answer, rows)


def _cells(question: ReachQuestion, pairs: Iterable[Pair]) -> list[tuple[Addresses, Traffic, Traffic]]:
    """The outside addresses by the traffic with every pod of the endpoint, and with at least one of its pods."""
    by_port: defaultdict[tuple[str | None, int | None], list[_Cells]] = defaultdict(list)
    for pair in pairs:
        if isinstance(pod := _own_end(question, pair), Member):
            by_port[pair.protocol, pair.service_port].append(_cells_of_pod(question, pod, pair))
    # A connection to a port of a Service may reach any of its pods. Different ports are independent.
    of_ports = [reduce(lambda a, b: combined(a, b, _both), cells) for cells in by_port.values()]
    cells = reduce(lambda a, b: combined(a, b, _either), of_ports)
    return [(addresses, every, some) for addresses, (every, some) in merged(cells)]


def _both(a: _EverySome, b: _EverySome) -> _EverySome:
    return a[0] & b[0], a[1] | b[1]


def _either(a: _EverySome, b: _EverySome) -> _EverySome:
    return a[0] | b[0], a[1] | b[1]


def _cells_of_pod(question: ReachQuestion, pod: Member, pair: Pair) -> _Cells:
    """All addresses by the part of the asked traffic that one pod has with them; its own node may send everything."""
    state, direction = question.state, question.direction
    node = exempt_addresses(state, pod, direction)
    allowed = state.tiers.allowed_addresses(state.identity(pod), direction)
    # The pod's own node is exempt, whatever its policies allow with this address.
    cells = changed_within(allowed, node, lambda _: ALL_TRAFFIC)
    found = []
    for addresses, traffic in cells:
        passing = pair.as_asked(traffic & (pair.asked or ALL_TRAFFIC))
        found.append((addresses, (passing, passing)))
    return found


def _own_end(question: ReachQuestion, pair: Pair) -> End:
    return pair.destination if question.direction is Direction.INGRESS else pair.source


def _outside_row(question: ReachQuestion, pairs: Iterable[Pair], cell: tuple[Addresses, Traffic, Traffic]) -> ReachRow:
    addresses, every, some = cell
    reasons = []
    for pair in pairs:
        if question.direction is Direction.INGRESS:
            reasons.append(explain(question.state, addresses, pair.destination, pair.asked))
        else:
            reasons.append(explain(question.state, pair.source, addresses, pair.asked))
    return ReachRow(addresses, every, some if some != every else NO_TRAFFIC, *_permissions(reasons))


def _permissions(reasons: Iterable[PairReason]) -> tuple[Permission, Permission]:
    """Why each side, egress and ingress, allows the traffic of the pairs that have any."""
    passing = [(reason, found) for reason in reasons if (found := _passing(reason))]
    return (
        _permission([(reason.egress, found) for reason, found in passing]),
        _permission([(reason.ingress, found) for reason, found in passing]),
    )


def _passing(reason: PairReason) -> Traffic:
    return reason.egress.traffic & reason.ingress.traffic & (reason.asked or ALL_TRAFFIC)


def _permission(sides: list[tuple[SideReason, Traffic]]) -> Permission:
    rules: set[AllowingRule] = set()
    is_open = False
    for side, passing in sides:
        found, undecided = allowing_rules(side, passing)
        rules |= {_allowing_rule(side.direction, one) for one in found}
        # If a policy isolates the side, what no rule decides is denied. Otherwise it is allowed without any rule.
        is_open = is_open or (bool(undecided) and not side.isolated)
    exempt = next((side.exempt for side, _ in sides if side.exempt), "")
    ordered = sorted(rules, key=lambda rule: (rule.namespace, rule.policy, rule.index))
    return Permission(any(side.isolated for side, _ in sides), tuple(ordered), exempt, is_open)


def _allowing_rule(direction: Direction, one: DecidingRule) -> AllowingRule:
    policy, rule = one.policy.policy, one.rule
    return AllowingRule(policy.namespace, policy.name, direction, rule.index, rule.place)
