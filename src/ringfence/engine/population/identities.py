"""Identities and templates: two ways to group pods.

Pods with the same template have the same namespace, labels, ports and address families. They differ at most in name and
address, so they share an identity unless some policy reads their addresses. An identity groups all pods of a namespace
that no policy in force can tell apart, usually those of several templates.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from functools import lru_cache

from ringfence.engine.population.marks import NO_FACTS, Mark
from ringfence.engine.population.pods import Member, NamedPort, PodAddresses, PortName
from ringfence.model.metadata import NO_LABELS
from ringfence.sets.addresses import FAMILIES, Family

Bounds = dict[Family, tuple[int, int]]
"""The lowest and the highest address of some pods, by family."""


def bounds_of(members: Collection[Member]) -> Bounds:
    """The bounds of pods with the same template, which have addresses of the same families."""
    # Most pods that come and go are single ones; the general way builds columns.
    if len(members) == 1:
        return {family: (number, number) for member in members for family, number in member.addresses}
    columns = zip(*[member.addresses for member in members], strict=True)
    return {low[0]: (low[1], max(column)[1]) for column in columns if (low := min(column))}


class Template:
    """What many pods have in common.

    `mark` is that of the read facts about labels and ports which hold for its pods. `identities` are those of its pods,
    by the mark of the address blocks that they are in.
    """

    __slots__ = (
        "families",
        "host_network",
        "identities",
        "key",
        "labels",
        "mark",
        "named_ports",
        "namespace",
        "ports",
        "standalone",
    )

    def __init__(self, key: Hashable, member: Member) -> None:
        self.key = key
        self.host_network = member.host_network
        self.standalone = member.standalone
        self.families = member.families if member.addresses else ()
        # No selector matches a hostNetwork pod, so neither its namespace nor its labels distinguish it from others.
        self.namespace = "" if member.host_network else member.namespace
        self.labels = NO_LABELS if member.host_network else member.labels
        self.named_ports: frozenset[NamedPort] = frozenset() if member.host_network else member.named_ports
        self.mark: Mark = NO_FACTS
        self.identities: dict[Mark, Identity] = {}
        self.ports = _numbers_by_name(self.named_ports)
        """The numbers that its pods give to each port name."""

    def is_shared_by(self, member: Member) -> bool:
        """Whether a pod evidently has this template: it shares the objects with the labels and the ports.

        That is so for most pods that follow another one of their workload, and takes less time than their key.
        """
        return (
            member.labels is self.labels
            and member.named_ports is self.named_ports
            and member.reference.namespace == self.namespace
            and member.standalone is self.standalone
            and not member.host_network
            and (member.families if member.addresses else ()) == self.families
        )


@lru_cache(maxsize=1 << 14)
def _numbers_by_name(named_ports: frozenset[NamedPort]) -> Mapping[PortName, list[int]]:
    """The numbers of named ports by name. The pods of a StatefulSet have templates of their own, but equal ports."""
    numbers: dict[PortName, list[int]] = {}
    for port in named_ports:
        numbers.setdefault((port.name, port.protocol), []).append(port.port)
    return numbers


def template_key(member: Member) -> Hashable:
    """The key of a pod's template: pods with equal keys have the same template."""
    families = member.families if member.addresses else ()
    if member.host_network:
        return families
    labels = member.labels
    # One flat tuple: with a tuple for each label, the keys of 240,000 templates would take 180 MB more.
    return (member.reference.namespace, *labels, *labels.values(), member.named_ports, families, member.standalone)


class TemplatePods:
    """The pods of one template that are in one identity, which is not known before they are placed."""

    __slots__ = ("identity", "pods", "template")

    identity: "Identity"

    def __init__(self, template: Template) -> None:
        self.template = template
        self.pods: dict[Member, None] = {}


class Identity:
    """Pods that no policy can tell apart. `mark` and `blocks` are the marks of the read facts that hold for them.

    `blocks` is about the address blocks that they are in, `mark` about all else. `template` is one of their templates.
    `cache` holds what other modules derive from an identity. It is emptied when the identity's facts change.
    """

    __slots__ = ("bit", "blocks", "bounds", "cache", "groups", "mark", "template")

    def __init__(self, bit: int, template: Template, blocks: Mark) -> None:
        self.bit = bit
        self.template = template
        self.mark = template.mark
        self.blocks = blocks
        self.groups: dict[Template, TemplatePods] = {}
        self.cache: dict[Hashable, object] = {}
        self.bounds: Bounds = {}
        """Addresses between which those of all its pods lie; each bound is in the same blocks as they are."""

    @property
    def key(self) -> "IdentityKey":
        """What distinguishes this identity from all others."""
        return identity_key(self.template, self.mark, self.blocks)

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

    @property
    def addresses(self) -> PodAddresses:
        """Addresses that are in the same of the blocks which are read as those of all its pods; none, if not known."""
        return tuple((family, low) for family, (low, _) in self.bounds.items())

    def pods(self) -> Iterator[Member]:
        """Its pods."""
        for group in self.groups.values():
            yield from group.pods

    def __len__(self) -> int:
        return sum(len(group.pods) for group in self.groups.values())

    def ports_named(self, name: str, protocol: str) -> Iterable[int]:
        """The port numbers that its pods give to a port name. The name must be read by some policy."""
        return self.template.ports.get((name, protocol), ())

    @property
    def port_names(self) -> Mapping[PortName, Iterable[int]]:
        """The port numbers by port name: for names that are read, those of all its pods."""
        return self.template.ports

    def widen(self, bounds: Bounds) -> None:
        """Note the bounds of pods that joined."""
        for family, (low, high) in bounds.items():
            known_low, known_high = self.bounds.get(family, (low, high))
            if low < known_low or high > known_high or family not in self.bounds:
                self.bounds[family] = (min(low, known_low), max(high, known_high))


IdentityKey = tuple[str, bool, bool, tuple[Family, ...], Mark, Mark]


def identity_key(template: Template, mark: Mark, blocks: Mark) -> IdentityKey:
    """The key of the identity of a template's pods for which these facts hold."""
    return (template.namespace, template.host_network, template.standalone, template.families, mark, blocks)
