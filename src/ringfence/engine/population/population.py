"""The population: pods grouped into identities, and an inverted index from facts to identities.

An identity is the set of pods that no policy in force can tell apart: same namespace, same read facts, same address
families, same host-network flag. Each identity has a number, its bit. Sets of identities are integers used as bitsets,
so a selector is evaluated with a few bit operations, whatever the number of pods.

Policies report which facts they read (`start_reading`, `stop_reading`). Identities split when a fact is read for the
first time, and merge when no policy reads it any more. Pods with the same template (labels, ports, families) move
together, so a split costs as much as the number of templates that it affects, not the number of pods.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator

from ringfence.engine.population.blocks import BlockFacts, BlockIndex
from ringfence.engine.population.changes import ChangeRecord, ChangeRecords
from ringfence.engine.population.facts import Block, Fact, InBlock, StaticFact
from ringfence.engine.population.identities import Bounds, Identity, IdentityKey, Template, bounds_of, template_key
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.engine.population.read_facts import PortName, ReadableFact, ReadFacts
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class Population:
    """The pods that take part, their identities, and the facts that policies read about them.

    Pods that are added wait until the population is next read; then all of them are placed together. Every method and
    property that reads places them first, so the delay shows in the time only: policies that are added meanwhile split
    no identities, and pods with the same template are placed with two searches. Without it, adding 100,000 pods and
    10,000 policies one by one takes three to four times as long (first figure of `python -m benchmarks engine-100k`).
    """

    def __init__(self) -> None:
        self._version = 0
        self._everyone: Bitset = 0
        self._selectable: Bitset = 0
        self._added: dict[Member, None] = {}
        self._identities: dict[int, Identity] = {}
        self._by_key: dict[IdentityKey, Identity] = {}
        # Bits of removed identities are used again. Otherwise a cluster whose pods come and go would make every bitset
        # longer, and each operation on it slower.
        self._free_bits: list[int] = []
        self._placed: dict[Member, tuple[Template, Identity]] = {}
        self._templates: dict[Hashable, Template] = {}
        self._read_facts = ReadFacts(self._templates)
        self._holding: defaultdict[Fact, Bitset] = defaultdict(int)
        self._numbers: defaultdict[PortName, set[NamedPort]] = defaultdict(set)
        self._in_namespace: defaultdict[str, Bitset] = defaultdict(int)
        self._in_family: dict[Family, Bitset] = dict.fromkeys(FAMILIES, 0)
        self._block_readers: Counter[Block] = Counter()
        self._blocks = BlockIndex()
        self._pods_with: Counter[Family] = Counter()
        self._changes = ChangeRecords()

    # --- pods -------------------------------------------------------------------------------------------------------

    def add(self, member: Member) -> None:
        """Add a pod, which must not be in the population."""
        self._added[member] = None

    def _place_added(self) -> None:
        """Place the pods that were added since the population was last read."""
        if self._added:
            added, self._added = self._added, {}
            with_template: defaultdict[Hashable, list[Member]] = defaultdict(list)
            for member in added:
                with_template[template_key(member)].append(member)
            for key, group in with_template.items():
                self._place_with_template(self._template(key, group[0]), group)

    def _place_with_template(self, template: Template, members: list[Member]) -> None:
        for family in template.families:
            self._pods_with[family] += len(members)
        bounds = bounds_of(members)
        # Pods of one template usually have addresses of one node's range, which no block divides. Two searches then
        # place all of them; otherwise each pod needs a search of its own.
        blocks = self._blocks.facts_within(bounds)
        if blocks is not None:
            self._place(members, template, blocks, bounds)
            return
        for blocks, group in self._by_blocks(members).items():
            self._place(group, template, blocks, bounds_of(group))

    def discard(self, member: Member) -> None:
        """Remove a pod, if it is in the population."""
        if member in self._added:
            del self._added[member]
            return
        placed = self._placed.pop(member, None)
        if placed is not None:
            self._changes.note(pods=(member,))
            template, identity = placed
            group = identity.groups[template]
            del group[member]
            for family, _ in member.addresses:
                self._pods_with[family] -= 1
            if not group:
                self._drop_group(template, identity)
                if not template.identities:
                    self._forget(template)

    def touch(self, members: Iterable[Member]) -> None:
        """Record pods as changed, although nothing changed that policies read: who has one of their addresses did."""
        self._place_added()
        self._changes.note(pods=tuple(members))

    def identity_of(self, member: Member) -> Identity:
        """The identity of a pod that is in the population."""
        if self._added:
            self._place_added()
        return self._placed[member][1]

    def members(self) -> Iterable[Member]:
        """All pods in the population."""
        self._place_added()
        return self._placed.keys()

    def record_changes(self) -> ChangeRecord:
        """A record of the changes from now on. It starts with the pods that are in the population now."""
        self._place_added()
        return self._changes.start(self._placed)

    def take_changes(self, record: ChangeRecord) -> tuple[set[Member], set[Identity]]:
        """Empty a record: the pods and the identities that have changed since it was last emptied."""
        self._place_added()
        return record.take()

    # --- identities -------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Grows when an identity is added or removed, or its facts change.

        Bitsets computed before are then out of date: a bit may stand for another identity.
        """
        if self._added:
            self._place_added()
        return self._version

    @property
    def everyone(self) -> Bitset:
        """All identities."""
        self._place_added()
        return self._everyone

    @property
    def selectable(self) -> Bitset:
        """The identities that a selector can select: all but those of hostNetwork pods."""
        self._place_added()
        return self._selectable

    def identities(self, bits: Bitset | None = None) -> Iterator[Identity]:
        """The identities in a set; all identities if no set is given."""
        self._place_added()
        if bits is None:
            return iter(self._identities.values())
        return map(self._identities.__getitem__, bitsets.members(bits))

    def holding(self, fact: Fact) -> Bitset:
        """The identities for which a fact holds. The fact must be read by some policy."""
        self._place_added()
        return self._holding.get(fact, 0)

    def in_namespace(self, namespace: str) -> Bitset:
        """The identities of a namespace, without those of hostNetwork pods."""
        self._place_added()
        return self._in_namespace.get(namespace, 0)

    def in_family(self, family: Family) -> Bitset:
        """The identities whose pods have, or may have, an address of a family."""
        self._place_added()
        return self._in_family[family]

    def ports_named(self, name: PortName) -> Iterable[NamedPort]:
        """The different numbers that pods give to a port name. The name must be read by some policy."""
        self._place_added()
        return self._numbers.get(name, ())

    def values_read(self, key: str) -> Collection[str]:
        """The values of a label that selectors of the policies in force name."""
        return self._read_facts.values_read(key)

    def decisive_families(self) -> tuple[Family, ...]:
        """The address families over which verdicts can differ; one family, if all give the same verdicts.

        Verdicts differ only if some policy reads addresses and some pod is known to have an IPv6 address: a pod without
        a known address is in a block over both families or over none.
        """
        self._place_added()
        if not self._block_readers or not self._pods_with[Family.IPV6]:
            return (Family.IPV4,)
        return FAMILIES if self._pods_with[Family.IPV4] else (Family.IPV6,)

    # --- what policies read -------------------------------------------------------------------------------------------

    def start_reading(self, facts: Iterable[ReadableFact]) -> None:
        """Add one reader to each fact: pods for which these facts differ get different identities."""
        for fact in facts:
            self._move_templates(self._read_facts.start_reading(fact))

    def stop_reading(self, facts: Iterable[ReadableFact]) -> None:
        """Remove one reader from each fact."""
        for fact in facts:
            self._move_templates(self._read_facts.stop_reading(fact))

    def start_reading_block(self, block: Block) -> None:
        """Add one reader to a block: pods inside and pods outside get different identities."""
        self._block_readers[block] += 1
        if self._block_readers[block] == 1:
            self._blocks.add(block)
            for identity in list(self._identities.values()):
                facts = identity.facts_about(block)
                if facts is None:
                    self._move_pods(identity)
                elif facts:
                    self._move_groups(identity, identity.blocks | facts)

    def stop_reading_block(self, block: Block) -> None:
        """Remove one reader from a block."""
        self._block_readers[block] -= 1
        if not self._block_readers[block]:
            del self._block_readers[block]
            self._blocks.remove(block)
            facts = frozenset(InBlock(block, family) for family in FAMILIES)
            for identity in list(self._identities.values()):
                if not facts.isdisjoint(identity.facts):
                    self._move_groups(identity, identity.blocks - facts)

    # --- placing: from a pod to its template to its identity --------------------------------------------------------

    def _template(self, key: Hashable, member: Member) -> Template:
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(key, member)
            self._read_facts.add(template)
        return template

    def _identity(self, template: Template, facts: frozenset[Fact]) -> Identity:
        key = (template.namespace, template.host_network, template.families, facts)
        identity = self._by_key.get(key)
        if identity is None:
            bit = self._free_bits.pop() if self._free_bits else len(self._identities)
            identity = self._by_key[key] = self._identities[bit] = Identity(bit, template, facts)
            self._index(identity)
        return identity

    def _place(self, members: Collection[Member], template: Template, blocks: BlockFacts, bounds: Bounds) -> None:
        identity = template.identities.get(blocks)
        if identity is None:
            identity = template.identities[blocks] = self._identity(template, template.read_facts | blocks)
        if template in identity.groups:
            identity.groups[template].update(dict.fromkeys(members))
        else:
            identity.groups[template] = dict.fromkeys(members)
        self._placed.update(dict.fromkeys(members, (template, identity)))
        identity.widen(bounds)
        self._changes.note(pods=members)

    def _drop_group(self, template: Template, identity: Identity) -> None:
        del identity.groups[template]
        del template.identities[identity.blocks]
        if not identity.groups:
            self._remove(identity)

    def _forget(self, template: Template) -> None:
        """Remove a template that has no pods any more."""
        del self._templates[template.key]
        self._read_facts.remove(template)

    # --- splitting and merging ----------------------------------------------------------------------------------------

    def _move_templates(self, templates: Collection[Template]) -> None:
        """Move the pods of templates whose read facts have changed to the identities where they belong now."""
        for identity in {identity for template in templates for identity in template.identities.values()}:
            self._move_groups(identity, identity.blocks)

    def _move_groups(self, identity: Identity, blocks: BlockFacts) -> None:
        """Move the pods of an identity, which are all in `blocks` now, a whole group at a time.

        The facts that most of its templates share become the identity's own facts, so that these need not move.
        """
        by_facts: defaultdict[frozenset[StaticFact], list[Template]] = defaultdict(list)
        for template in identity.groups:
            by_facts[template.read_facts].append(template)
        staying = max(by_facts, key=lambda facts: len(by_facts[facts]))
        old_blocks, taken = identity.blocks, self._is_taken(identity, staying | blocks)
        moved = {
            template: identity.groups.pop(template)
            for facts, templates in by_facts.items()
            if facts != staying or taken
            for template in templates
        }
        for template in moved:
            del template.identities[old_blocks]
        if taken:
            self._remove(identity)
        else:
            self._change_facts(identity, staying | blocks, blocks)
            if blocks != old_blocks:
                for template in identity.groups:
                    template.identities[blocks] = template.identities.pop(old_blocks)
        for template, group in moved.items():
            self._place(group, template, blocks, bounds_of(group))

    def _move_pods(self, identity: Identity) -> None:
        """Move the pods of an identity one by one, by their addresses."""
        groups = list(identity.groups.items())
        for template, _ in groups:
            self._drop_group(template, identity)
        for template, group in groups:
            for blocks, members in self._by_blocks(group).items():
                self._place(members, template, blocks, bounds_of(members))

    def _by_blocks(self, members: Iterable[Member]) -> dict[BlockFacts, list[Member]]:
        """Pods by the blocks that their addresses lie in."""
        found: defaultdict[BlockFacts, list[Member]] = defaultdict(list)
        for member in members:
            found[self._blocks.facts(member.addresses)].append(member)
        return found

    def _is_taken(self, identity: Identity, facts: frozenset[Fact]) -> bool:
        """Whether another identity of the same kind already has these facts."""
        key = (identity.namespace, identity.host_network, identity.template.families, facts)
        return self._by_key.get(key, identity) is not identity

    def _change_facts(self, identity: Identity, facts: frozenset[Fact], blocks: BlockFacts) -> None:
        before = identity.facts
        if facts == before:
            return
        del self._by_key[identity.key]
        identity.facts, identity.blocks = facts, blocks
        identity.cache.clear()
        self._changes.note(identities=(identity,))
        self._by_key[identity.key] = identity
        self._version += 1
        self._unindex_facts(identity, before - facts)
        self._index_facts(identity, facts - before)

    def _remove(self, identity: Identity) -> None:
        self._unindex(identity)
        del self._identities[identity.bit], self._by_key[identity.key]
        self._free_bits.append(identity.bit)

    # --- the inverted index -------------------------------------------------------------------------------------------

    def _index(self, identity: Identity) -> None:
        bit = 1 << identity.bit
        self._version += 1
        self._everyone |= bit
        for family in identity.families:
            self._in_family[family] |= bit
        if not identity.host_network:
            self._selectable |= bit
            self._in_namespace[identity.namespace] |= bit
        self._index_facts(identity, identity.facts)

    def _unindex(self, identity: Identity) -> None:
        keep = ~(1 << identity.bit)
        self._version += 1
        self._everyone &= keep
        for family in identity.families:
            self._in_family[family] &= keep
        if not identity.host_network:
            self._selectable &= keep
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
