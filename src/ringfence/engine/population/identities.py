"""Identities and templates: two ways to group pods.

Pods with the same template have the same namespace, labels, ports and address families. They differ at most in name and
address, so they share an identity unless some policy reads their addresses. An identity groups all pods of a namespace
that no policy in force can tell apart, usually those of several templates.
"""

from collections.abc import Hashable, Iterable, Iterator

from ringfence.engine.population.facts import Block, Fact, InBlock, StaticFact
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.model.objects import NO_LABELS
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.intervals import position_of

Bounds = dict[Family, tuple[int, int]]
"""The lowest and the highest address of some pods, by family."""


def bounds_of(members: Iterable[Member]) -> Bounds:
    """The bounds of pods with the same template, which have addresses of the same families."""
    columns = zip(*[member.addresses for member in members], strict=True)
    return {low[0]: (low[1], max(column)[1]) for column in columns if (low := min(column))}


class Template:
    """What many pods have in common. `identities` are those of its pods, by the address blocks that they are in."""

    __slots__ = ("families", "host_network", "identities", "key", "labels", "named_ports", "namespace", "read_facts")

    def __init__(self, key: Hashable, member: Member) -> None:
        self.key = key
        self.host_network = member.host_network
        self.families = member.families if member.addresses else ()
        # No selector matches a hostNetwork pod, so neither its namespace nor its labels distinguish it from others.
        self.namespace = "" if member.host_network else member.namespace
        self.labels = NO_LABELS if member.host_network else member.labels
        self.named_ports: frozenset[NamedPort] = frozenset() if member.host_network else member.named_ports
        self.read_facts: frozenset[StaticFact] = frozenset()
        self.identities: dict[frozenset[InBlock], Identity] = {}


def template_key(member: Member) -> Hashable:
    """The key of a pod's template: pods with equal keys have the same template."""
    families = member.families if member.addresses else ()
    if member.host_network:
        return families
    return (member.reference.namespace, tuple(member.labels.items()), member.named_ports, families)


class Identity:
    """Pods that no policy can tell apart. `facts` are the read facts that hold for them.

    `cache` holds what other modules derive from an identity. It is emptied when the identity's facts change.
    """

    __slots__ = ("_bounds", "bit", "blocks", "cache", "facts", "groups", "template")

    def __init__(self, bit: int, template: Template, facts: frozenset[Fact]) -> None:
        self.bit = bit
        self.template = template
        self.facts = facts
        self.blocks = frozenset(fact for fact in facts if type(fact) is InBlock)
        """The facts about addresses, among `facts`."""
        self.groups: dict[Template, dict[Member, None]] = {}
        self.cache: dict[Hashable, object] = {}
        self._bounds: Bounds = {}

    @property
    def key(self) -> "IdentityKey":
        """What distinguishes this identity from all others."""
        return (self.namespace, self.host_network, self.template.families, self.facts)

    @property
    def namespace(self) -> str:
        """The namespace of its pods; empty for hostNetwork pods, whose namespace no policy reads."""
        return self.template.namespace

    @property
    def host_network(self) -> bool:
        """Whether its pods use their node's network: no policy selects them."""
        return self.template.host_network

    @property
    def families(self) -> tuple[Family, ...]:
        """The address families of its pods; both, if the addresses are not known."""
        return self.template.families or FAMILIES

    def pods(self) -> Iterator[Member]:
        """Its pods."""
        for group in self.groups.values():
            yield from group

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def ports_named(self, name: str, protocol: str) -> Iterator[int]:
        """The port numbers that its pods give to a port name. The name must be read by some policy."""
        for fact in self.facts:
            if type(fact) is NamedPort and fact.name == name and fact.protocol == protocol:
                yield fact.port

    def widen(self, more: Bounds) -> None:
        """Extend the bounds of its pods' addresses. They never shrink: bounds that are too wide only cost time."""
        bounds = self._bounds
        for family, (low, high) in more.items():
            if family in bounds:
                low, high = min(low, bounds[family][0]), max(high, bounds[family][1])
            bounds[family] = (low, high)

    def facts_about(self, block: Block) -> frozenset[InBlock] | None:
        """The facts about `block` that hold for all its pods; None if the pods differ, or may differ."""
        if not self.template.families:
            return frozenset(InBlock(block, family) for family in FAMILIES if block.covers_family)
        facts = set()
        for family, (low, high) in self._bounds.items():
            ranges = block.addresses.ranges(family)
            position = position_of(low, ranges)  # odd inside a range, even between two
            if position != position_of(high, ranges):
                return None
            if position % 2:
                facts.add(InBlock(block, family))
        return frozenset(facts)


IdentityKey = tuple[str, bool, tuple[Family, ...], frozenset[Fact]]
