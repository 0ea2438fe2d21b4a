"""The population: pods folded into identities, and an inverted index from facts to identities.

An identity is the set of pods that no policy in force can tell apart (design.md, section 1): same namespace, same read
facts, same address families, same host-network flag. Each identity has a number, its bit; sets of identities are
integers used as bitsets, so a selector is evaluated by a few bit operations whatever the number of pods.

Policies say what they read (`read`, `unread`); identities split when something is read for the first time and merge
again when nothing reads it any more. Pods of one template (same labels, same ports) move together, so a split costs
the number of templates that it touches, not the number of pods.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator

from ringfence.engine.blocks import BlockIndex
from ringfence.engine.facts import Block, Fact, InBlock, StaticFact, facts_of
from ringfence.engine.pods import Member, NamedPort
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import position_of

PortName = tuple[str, str]
"""A named port as a rule writes it: name and protocol. The number is the destination pod's business."""

Aspect = StaticFact | PortName
"""What can be read: a fact about labels, or what number a pod gives to a port name."""


class Template:
    """What many pods have in common; they differ only in name and address.

    `homes` are the identities its pods live in, by the address blocks that they are in.
    """

    __slots__ = ("families", "homes", "host_network", "key", "namespace", "read_facts", "static_facts")

    def __init__(self, key: Hashable, member: Member) -> None:
        self.key = key
        self.namespace = "" if member.host_network else member.namespace
        self.host_network = member.host_network
        self.families = member.families if member.addresses else ()
        self.static_facts = frozenset(facts_of(member))
        self.read_facts: frozenset[StaticFact] = frozenset()
        self.homes: dict[frozenset[InBlock], Identity] = {}


class Identity:
    """Pods that no policy can tell apart. `facts` are the read facts that hold for them.

    `cache` is for what others derive from an identity and want to keep as long as its facts stay the same.
    """

    __slots__ = ("_bounds", "bit", "cache", "facts", "groups", "template")

    def __init__(self, bit: int, template: Template, facts: frozenset[Fact]) -> None:
        self.bit = bit
        self.template = template
        self.facts = facts
        self.groups: dict[Template, dict[Member, None]] = {}
        self.cache: dict[Hashable, object] = {}
        self._bounds: dict[Family, tuple[int, int]] = {}

    @property
    def key(self) -> "IdentityKey":
        """What makes it one identity and not another."""
        return (self.namespace, self.host_network, self.template.families, self.facts)

    @property
    def namespace(self) -> str:
        """The namespace of all its pods; empty for hostNetwork pods, which belong to none."""
        return self.template.namespace

    @property
    def host_network(self) -> bool:
        """Whether its pods use their node's network: no policy selects them."""
        return self.template.host_network

    @property
    def families(self) -> tuple[Family, ...]:
        """The address families of its pods; both, where the addresses are not known."""
        return self.template.families or FAMILIES

    @property
    def blocks(self) -> frozenset[InBlock]:
        """Those of its facts that are about addresses."""
        return frozenset(fact for fact in self.facts if type(fact) is InBlock)

    def pods(self) -> Iterator[Member]:
        """Its pods."""
        for group in self.groups.values():
            yield from group

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def ports_named(self, name: str, protocol: str) -> Iterator[int]:
        """The numbers its pods give to a port name that some rule reads."""
        for fact in self.facts:
            if type(fact) is NamedPort and fact.name == name and fact.protocol == protocol:
                yield fact.port

    def widen(self, addresses: tuple[tuple[Family, int], ...]) -> None:
        """Note that one of its pods has these addresses."""
        for family, number in addresses:
            low, high = self._bounds.get(family, (number, number))
            self._bounds[family] = (min(low, number), max(high, number))

    def lies_in(self, block: Block) -> frozenset[InBlock] | None:
        """What holds of all its pods' addresses and `block`; None where the pods (may) differ."""
        if not self.template.families:
            return frozenset(InBlock(block, family) for family in FAMILIES if block.covers_family)
        facts = set()
        for family, (low, high) in self._bounds.items():
            ranges = block.addresses.ranges(family)
            position = position_of(low, ranges)
            if position != position_of(high, ranges):
                return None
            if position % 2:
                facts.add(InBlock(block, family))
        return frozenset(facts)


IdentityKey = tuple[str, bool, tuple[Family, ...], frozenset[Fact]]


class Population:
    """All pods that take part, their identities, and what is read about them.

    `version` grows whenever an identity comes, goes or changes its pods' facts: bitsets computed before are then stale.
    """

    def __init__(self) -> None:
        self.version = 0
        self.everyone: Bitset = 0
        self.selectable: Bitset = 0
        self._identities: dict[int, Identity] = {}
        self._by_key: dict[IdentityKey, Identity] = {}
        self._free_bits: list[int] = []
        self._home: dict[Member, tuple[Template, Identity]] = {}
        self._templates: dict[Hashable, Template] = {}
        self._templates_with: defaultdict[Aspect, set[Template]] = defaultdict(set)
        self._holding: defaultdict[Fact, Bitset] = defaultdict(int)
        self._numbers: defaultdict[PortName, set[NamedPort]] = defaultdict(set)
        self._in_namespace: defaultdict[str, Bitset] = defaultdict(int)
        self._in_family: dict[Family, Bitset] = dict.fromkeys(FAMILIES, 0)
        self._readers: Counter[Aspect] = Counter()
        self._block_readers: Counter[Block] = Counter()
        self._blocks = BlockIndex()
        self._pods_with: Counter[Family] = Counter()

    # --- pods -------------------------------------------------------------------------------------------------------

    def add(self, member: Member) -> None:
        """Take a pod in. It must not be in already."""
        self._settle((member,), self._template(member), self._blocks.facts(member.addresses))
        for family, _ in member.addresses:
            self._pods_with[family] += 1

    def discard(self, member: Member) -> None:
        """Let a pod go, if it is in."""
        home = self._home.pop(member, None)
        if home is not None:
            template, identity = home
            group = identity.groups[template]
            del group[member]
            for family, _ in member.addresses:
                self._pods_with[family] -= 1
            if not group:
                self._drop_group(template, identity)
                if not template.homes:
                    self._forget(template)

    def identity_of(self, member: Member) -> Identity:
        """The identity of a pod that is in."""
        return self._home[member][1]

    def members(self) -> Iterable[Member]:
        """All pods that take part."""
        return self._home.keys()

    # --- identities -------------------------------------------------------------------------------------------------

    def identities(self, bits: Bitset | None = None) -> Iterator[Identity]:
        """The identities in a set; all of them without one."""
        if bits is None:
            return iter(self._identities.values())
        return map(self._identities.__getitem__, bitsets.members(bits))

    def holding(self, fact: Fact) -> Bitset:
        """The identities for which a fact, which must be read, holds."""
        return self._holding.get(fact, 0)

    def in_namespace(self, namespace: str) -> Bitset:
        """The identities of a namespace, those of hostNetwork pods excepted."""
        return self._in_namespace.get(namespace, 0)

    def in_family(self, family: Family) -> Bitset:
        """The identities whose pods have, or may have, an address of a family."""
        return self._in_family[family]

    def ports_named(self, name: PortName) -> Iterable[NamedPort]:
        """The different numbers that pods give to a port name that is read."""
        return self._numbers.get(name, ())

    def telling_families(self) -> tuple[Family, ...]:
        """The address families that must be looked at one by one; for all others the first says the same.

        Families differ only where some policy asks for addresses and some pod is known to have one of the second
        family: pods without a known address are in a block over both families or over none.
        """
        if not self._block_readers or not self._pods_with[Family.IPV6]:
            return (Family.IPV4,)
        return FAMILIES if self._pods_with[Family.IPV4] else (Family.IPV6,)

    # --- what is read -----------------------------------------------------------------------------------------------

    def read(self, aspects: Iterable[Aspect]) -> None:
        """Somebody reads these aspects from now on: pods that differ in them become different identities."""
        for aspect in aspects:
            self._readers[aspect] += 1
            if self._readers[aspect] == 1:
                self._resettle_templates(self._templates_with.get(aspect, ()))

    def unread(self, aspects: Iterable[Aspect]) -> None:
        """One reader of each of these aspects is gone."""
        for aspect in aspects:
            self._readers[aspect] -= 1
            if not self._readers[aspect]:
                del self._readers[aspect]
                self._resettle_templates(self._templates_with.get(aspect, ()))

    def read_block(self, block: Block) -> None:
        """Somebody reads from now on whether addresses lie in `block`."""
        self._block_readers[block] += 1
        if self._block_readers[block] == 1:
            self._blocks.add(block)
            for identity in list(self._identities.values()):
                facts = identity.lies_in(block)
                if facts is None:
                    self._move_pods(identity)
                elif facts:
                    self._move_groups(identity, identity.blocks | facts)

    def unread_block(self, block: Block) -> None:
        """One reader of `block` is gone."""
        self._block_readers[block] -= 1
        if not self._block_readers[block]:
            del self._block_readers[block]
            self._blocks.remove(block)
            facts = frozenset(InBlock(block, family) for family in FAMILIES)
            for identity in list(self._identities.values()):
                if not facts.isdisjoint(identity.facts):
                    self._move_groups(identity, identity.blocks - facts)

    # --- filing: from a pod to its template to its identity -----------------------------------------------

    def _template(self, member: Member) -> Template:
        key = _template_key(member)
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(key, member)
            for fact in template.static_facts:
                self._templates_with[_aspect(fact)].add(template)
            template.read_facts = self._read_facts(template)
        return template

    def _read_facts(self, template: Template) -> frozenset[StaticFact]:
        readers = self._readers
        return frozenset(fact for fact in template.static_facts if _aspect(fact) in readers)

    def _identity(self, template: Template, facts: frozenset[Fact]) -> Identity:
        key = (template.namespace, template.host_network, template.families, facts)
        identity = self._by_key.get(key)
        if identity is None:
            bit = self._free_bits.pop() if self._free_bits else len(self._identities)
            identity = self._by_key[key] = self._identities[bit] = Identity(bit, template, facts)
            self._index(identity)
        return identity

    def _settle(self, members: Iterable[Member], template: Template, blocks: frozenset[InBlock]) -> None:
        identity = template.homes.get(blocks)
        if identity is None:
            identity = template.homes[blocks] = self._identity(template, template.read_facts | blocks)
        group = identity.groups.setdefault(template, {})
        for member in members:
            group[member] = None
            self._home[member] = (template, identity)
            identity.widen(member.addresses)

    def _drop_group(self, template: Template, identity: Identity) -> None:
        del identity.groups[template]
        del template.homes[identity.blocks]
        if not identity.groups:
            self._remove(identity)

    def _forget(self, template: Template) -> None:
        """Let go of a template that has no pods any more."""
        del self._templates[template.key]
        for fact in template.static_facts:
            aspect = _aspect(fact)
            self._templates_with[aspect].discard(template)
            if not self._templates_with[aspect]:
                del self._templates_with[aspect]

    # --- splitting and merging ----------------------------------------------------------------------------------------

    def _resettle_templates(self, templates: Iterable[Template]) -> None:
        """What is read about these templates has changed: move their pods to the identities where they belong now."""
        identities = {identity for template in templates for identity in template.homes.values()}
        for template in templates:
            template.read_facts = self._read_facts(template)
        for identity in identities:
            self._move_groups(identity, identity.blocks)

    def _move_groups(self, identity: Identity, blocks: frozenset[InBlock]) -> None:
        """File all pods of an identity anew, whole groups at a time; those in the largest need not move."""
        belonging: defaultdict[frozenset[StaticFact], list[Template]] = defaultdict(list)
        for template in identity.groups:
            belonging[template.read_facts].append(template)
        staying = max(belonging, key=lambda facts: len(belonging[facts]))
        old_blocks = identity.blocks
        moved = {
            template: identity.groups.pop(template)
            for facts, templates in belonging.items()
            if facts != staying or self._is_taken(identity, staying | blocks)
            for template in templates
        }
        for template in [*moved, *identity.groups]:
            del template.homes[old_blocks]
        if identity.groups:
            self._rename(identity, staying | blocks)
            for template in identity.groups:
                template.homes[blocks] = identity
        else:
            self._remove(identity)
        for template, group in moved.items():
            self._settle(group, template, blocks)

    def _move_pods(self, identity: Identity) -> None:
        """File all pods of an identity anew one by one, by their addresses."""
        groups = list(identity.groups.items())
        for template, _ in groups:
            self._drop_group(template, identity)
        for template, group in groups:
            by_blocks: defaultdict[frozenset[InBlock], list[Member]] = defaultdict(list)
            for member in group:
                by_blocks[self._blocks.facts(member.addresses)].append(member)
            for blocks, members in by_blocks.items():
                self._settle(members, template, blocks)

    def _is_taken(self, identity: Identity, facts: frozenset[Fact]) -> bool:
        """Whether another identity is already the one with these facts."""
        key = (identity.namespace, identity.host_network, identity.template.families, facts)
        return self._by_key.get(key, identity) is not identity

    def _rename(self, identity: Identity, facts: frozenset[Fact]) -> None:
        self._unindex(identity)
        del self._by_key[identity.key]
        identity.facts = facts
        identity.cache.clear()
        self._by_key[identity.key] = identity
        self._index(identity)

    def _remove(self, identity: Identity) -> None:
        self._unindex(identity)
        del self._identities[identity.bit], self._by_key[identity.key]
        self._free_bits.append(identity.bit)

    # --- the inverted index -------------------------------------------------------------------------------------------

    def _index(self, identity: Identity) -> None:
        bit = 1 << identity.bit
        self.version += 1
        self.everyone |= bit
        for family in identity.families:
            self._in_family[family] |= bit
        if not identity.host_network:
            self.selectable |= bit
            self._in_namespace[identity.namespace] |= bit
        for fact in identity.facts:
            self._holding[fact] |= bit
            if type(fact) is NamedPort:
                self._numbers[fact.name, fact.protocol].add(fact)

    def _unindex(self, identity: Identity) -> None:
        keep = ~(1 << identity.bit)
        self.version += 1
        self.everyone &= keep
        for family in identity.families:
            self._in_family[family] &= keep
        if not identity.host_network:
            self.selectable &= keep
            self._in_namespace[identity.namespace] &= keep
            if not self._in_namespace[identity.namespace]:
                del self._in_namespace[identity.namespace]
        for fact in identity.facts:
            self._holding[fact] &= keep
            if not self._holding[fact]:
                del self._holding[fact]
                if type(fact) is NamedPort:
                    self._numbers[fact.name, fact.protocol].discard(fact)


def _template_key(member: Member) -> Hashable:
    families = member.families if member.addresses else ()
    if member.host_network:
        return families
    return (member.namespace, tuple(member.labels.items()), member.named_ports, families)


def _aspect(fact: StaticFact) -> Aspect:
    return (fact.name, fact.protocol) if type(fact) is NamedPort else fact
