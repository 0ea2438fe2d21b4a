"""The population: pods folded into identities, and an inverted index from facts to identities.

An identity is the set of pods that no policy in force can tell apart (design.md, section 1): same namespace, same read
facts, same address families, same host-network flag. Each identity has a number, its bit; sets of identities are
integers used as bitsets, so a selector is evaluated by a few bit operations whatever the number of pods.

Policies say what they read (`read`, `unread`); identities split when something is read for the first time and merge
again when nothing reads it any more. Pods of one template (same labels, same ports) move together, so a split costs
the number of templates that it touches, not the number of pods.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator

from ringfence.engine.population.aspects import Aspect, PortName, Reading
from ringfence.engine.population.blocks import BlockIndex
from ringfence.engine.population.changes import Movements, Record
from ringfence.engine.population.facts import Block, Fact, InBlock, StaticFact
from ringfence.engine.population.identities import Bounds, Identity, IdentityKey, Template, bounds_of, template_key
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


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
        self._reading = Reading(self._templates)
        self._holding: defaultdict[Fact, Bitset] = defaultdict(int)
        self._numbers: defaultdict[PortName, set[NamedPort]] = defaultdict(set)
        self._in_namespace: defaultdict[str, Bitset] = defaultdict(int)
        self._in_family: dict[Family, Bitset] = dict.fromkeys(FAMILIES, 0)
        self._block_readers: Counter[Block] = Counter()
        self._blocks = BlockIndex()
        self._pods_with: Counter[Family] = Counter()
        self._movements = Movements()

    # --- pods -------------------------------------------------------------------------------------------------------

    def add(self, members: Iterable[Member]) -> None:
        """Take pods in, none of which may be in already. Many at once cost less than one by one."""
        alike: defaultdict[Hashable, list[Member]] = defaultdict(list)
        for member in members:
            alike[template_key(member)].append(member)
        for key, group in alike.items():
            self._add_alike(self._template(key, group[0]), group)

    def _add_alike(self, template: Template, members: list[Member]) -> None:
        """Take in pods of one template: they differ in their addresses at most."""
        for family in template.families:
            self._pods_with[family] += len(members)
        bounds = bounds_of(members)
        blocks = self._blocks.facts_within(bounds)
        if blocks is not None:
            self._settle(members, template, blocks, bounds)
            return
        for blocks, group in self._by_blocks(members).items():
            self._settle(group, template, blocks, bounds_of(group))

    def discard(self, member: Member) -> None:
        """Let a pod go, if it is in."""
        home = self._home.pop(member, None)
        if home is not None:
            self._movements.note(pods=(member,))
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

    def record(self) -> Record:
        """A record of all movements, which begins with the pods that there are."""
        return self._movements.record(self._home)

    def take(self, record: Record) -> tuple[set[Member], set[Identity]]:
        """The pods and the identities that moved since a record was last taken."""
        return record.take()

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
            self._resettle(self._reading.begin(aspect))

    def unread(self, aspects: Iterable[Aspect]) -> None:
        """One reader of each of these aspects is gone."""
        for aspect in aspects:
            self._resettle(self._reading.end(aspect))

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

    def _template(self, key: Hashable, member: Member) -> Template:
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(key, member)
            self._reading.add(template)
        return template

    def _identity(self, template: Template, facts: frozenset[Fact]) -> Identity:
        key = (template.namespace, template.host_network, template.families, facts)
        identity = self._by_key.get(key)
        if identity is None:
            bit = self._free_bits.pop() if self._free_bits else len(self._identities)
            identity = self._by_key[key] = self._identities[bit] = Identity(bit, template, facts)
            self._index(identity)
        return identity

    def _settle(
        self, members: Collection[Member], template: Template, blocks: frozenset[InBlock], bounds: Bounds
    ) -> None:
        identity = template.homes.get(blocks)
        if identity is None:
            identity = template.homes[blocks] = self._identity(template, template.read_facts | blocks)
        if template in identity.groups:
            identity.groups[template].update(dict.fromkeys(members))
        else:
            identity.groups[template] = dict.fromkeys(members)
        self._home.update(dict.fromkeys(members, (template, identity)))
        identity.widen(bounds)
        self._movements.note(pods=members)

    def _drop_group(self, template: Template, identity: Identity) -> None:
        del identity.groups[template]
        del template.homes[identity.blocks]
        if not identity.groups:
            self._remove(identity)

    def _forget(self, template: Template) -> None:
        """Let go of a template that has no pods any more."""
        del self._templates[template.key]
        self._reading.remove(template)

    # --- splitting and merging ----------------------------------------------------------------------------------------

    def _resettle(self, templates: Collection[Template]) -> None:
        """What is read about these templates has changed: move their pods to the identities where they belong now."""
        for identity in {identity for template in templates for identity in template.homes.values()}:
            self._move_groups(identity, identity.blocks)

    def _move_groups(self, identity: Identity, blocks: frozenset[InBlock]) -> None:
        """File all pods of an identity anew, whole groups at a time; those in the largest need not move."""
        belonging: defaultdict[frozenset[StaticFact], list[Template]] = defaultdict(list)
        for template in identity.groups:
            belonging[template.read_facts].append(template)
        staying = max(belonging, key=lambda facts: len(belonging[facts]))
        old_blocks, taken = identity.blocks, self._is_taken(identity, staying | blocks)
        moved = {
            template: identity.groups.pop(template)
            for facts, templates in belonging.items()
            if facts != staying or taken
            for template in templates
        }
        for template in moved:
            del template.homes[old_blocks]
        if taken:
            self._remove(identity)
        else:
            self._rename(identity, staying | blocks, blocks)
            if blocks != old_blocks:
                for template in identity.groups:
                    template.homes[blocks] = template.homes.pop(old_blocks)
        for template, group in moved.items():
            self._settle(group, template, blocks, bounds_of(group))

    def _move_pods(self, identity: Identity) -> None:
        """File all pods of an identity anew one by one, by their addresses."""
        groups = list(identity.groups.items())
        for template, _ in groups:
            self._drop_group(template, identity)
        for template, group in groups:
            for blocks, members in self._by_blocks(group).items():
                self._settle(members, template, blocks, bounds_of(members))

    def _by_blocks(self, members: Iterable[Member]) -> dict[frozenset[InBlock], list[Member]]:
        """Pods by the blocks that their addresses lie in."""
        found: defaultdict[frozenset[InBlock], list[Member]] = defaultdict(list)
        for member in members:
            found[self._blocks.facts(member.addresses)].append(member)
        return found

    def _is_taken(self, identity: Identity, facts: frozenset[Fact]) -> bool:
        """Whether another identity is already the one with these facts."""
        key = (identity.namespace, identity.host_network, identity.template.families, facts)
        return self._by_key.get(key, identity) is not identity

    def _rename(self, identity: Identity, facts: frozenset[Fact], blocks: frozenset[InBlock]) -> None:
        before = identity.facts
        if facts == before:
            return
        del self._by_key[identity.key]
        identity.facts, identity.blocks = facts, blocks
        identity.cache.clear()
        self._movements.note(identities=(identity,))
        self._by_key[identity.key] = identity
        self.version += 1
        self._unindex_facts(identity, before - facts)
        self._index_facts(identity, facts - before)

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
        self._index_facts(identity, identity.facts)

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
        self._unindex_facts(identity, identity.facts)

    def _index_facts(self, identity: Identity, facts: Iterable[Fact]) -> None:
        bit = 1 << identity.bit
        for fact in facts:
            self._holding[fact] |= bit
            if type(fact) is NamedPort:
                self._numbers[fact.name, fact.protocol].add(fact)

    def _unindex_facts(self, identity: Identity, facts: Iterable[Fact]) -> None:
        keep = ~(1 << identity.bit)
        for fact in facts:
            self._holding[fact] &= keep
            if not self._holding[fact]:
                del self._holding[fact]
                if type(fact) is NamedPort:
                    self._numbers[fact.name, fact.protocol].discard(fact)
