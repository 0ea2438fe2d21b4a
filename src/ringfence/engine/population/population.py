"""The population: pods grouped into identities, and an inverted index from facts to identities.

An identity is the set of pods that no policy in force can tell apart: same namespace, same read facts, same address
families, same host-network flag, all with an owner or all without. Each identity has a number, its bit. Sets of
identities are integers used as bitsets, so a selector is evaluated with a few bit operations, whatever the number of
pods.

Policies report which facts they read (`start_reading`, `stop_reading`). Identities split when a fact is read for the
first time, and merge when no policy reads it any more. Pods with the same template (labels, ports, families) move
together, so a split costs as much as the number of templates that it affects, not the number of pods.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator

from ringfence.engine.population.blocks import BlockFacts, BlockMarks, new_block_facts
from ringfence.engine.population.changes import ChangeRecord, ChangeRecords
from ringfence.engine.population.facts import Block, ReadableFact, StaticFact
from ringfence.engine.population.identities import (
    Bounds,
    Identity,
    IdentityKey,
    Template,
    bounds_of,
    identity_key,
    template_key,
)
from ringfence.engine.population.indexes import Indexes
from ringfence.engine.population.marks import Mark
from ringfence.engine.population.pods import Member, NamedPort, PortName
from ringfence.engine.population.read_facts import ReadFacts
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
        self._added: dict[Member, None] = {}
        self._identities: dict[int, Identity] = {}
        self._by_key: dict[IdentityKey, Identity] = {}
        # Bits of removed identities are used again. Otherwise a cluster whose pods come and go would make every bitset
        # longer, and each operation on it slower.
        self._free_bits: list[int] = []
        self._placed: dict[Member, tuple[Template, Identity]] = {}
        self._templates: dict[Hashable, Template] = {}
        self._read_facts = ReadFacts(self._templates)
        self._indexes = Indexes(self._read_facts)
        self._block_readers: Counter[Block] = Counter()
        self._block_facts: dict[Block, BlockFacts] = {}
        self._blocks = BlockMarks()
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
        blocks = self._blocks.within(bounds)
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
        return self._indexes.everyone

    @property
    def selectable(self) -> Bitset:
        """The identities that a selector can select: all but those of hostNetwork pods."""
        self._place_added()
        return self._indexes.selectable

    @property
    def standalone(self) -> Bitset:
        """The identities of pods without ownerReferences."""
        self._place_added()
        return self._indexes.standalone

    def identities(self, bits: Bitset | None = None) -> Iterator[Identity]:
        """The identities in a set; all identities if no set is given."""
        self._place_added()
        if bits is None:
            return iter(self._identities.values())
        return map(self._identities.__getitem__, bitsets.members(bits))

    def holding(self, fact: StaticFact) -> Bitset:
        """The identities for which a fact holds. The fact must be read by some policy."""
        self._place_added()
        return self._indexes.by_fact.holding(fact)

    def in_block(self, block: Block, family: Family) -> Bitset:
        """The identities whose pods' address of a family lies in a block, or may lie in it.

        The block must be read by some policy.
        """
        self._place_added()
        return self._indexes.by_address.within(block, family)

    def in_namespace(self, namespace: str) -> Bitset:
        """The identities of a namespace, without those of hostNetwork pods."""
        self._place_added()
        return self._indexes.in_namespace.get(namespace, 0)

    def in_family(self, family: Family) -> Bitset:
        """The identities whose pods have, or may have, an address of a family."""
        self._place_added()
        return self._indexes.in_family[family]

    def ports_named(self, name: PortName) -> Iterable[NamedPort]:
        """The different numbers that pods give to a port name. The name must be read by some policy."""
        self._place_added()
        return self._indexes.by_fact.ports_named(name)

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
        change = self._read_facts.start_reading(facts)
        self._indexes.by_fact.start_reading(change)
        self._move_templates(change.templates)

    def stop_reading(self, facts: Iterable[ReadableFact]) -> None:
        """Remove one reader from each fact."""
        change = self._read_facts.stop_reading(facts)
        self._indexes.by_fact.stop_reading(change)
        self._move_templates(change.templates)

    def start_reading_blocks(self, blocks: Iterable[Block]) -> None:
        """Add one reader to each block: pods inside and pods outside get different identities.

        The blocks are looked up together: a search for each identity, however many rules a policy has.
        """
        started: dict[Block, BlockFacts] = {}
        for block in blocks:
            self._block_readers[block] += 1
            if self._block_readers[block] == 1:
                started[block] = self._block_facts[block] = new_block_facts(block)
        if started:
            change = self._blocks.toggle(started)
            for identity in list(self._identities.values()):
                mark = change.within(identity.bounds)
                if mark is None:
                    self._divide(identity, change)
                elif mark:
                    self._move_groups(identity, identity.blocks ^ mark)

    def stop_reading_blocks(self, blocks: Iterable[Block]) -> None:
        """Remove one reader from each block."""
        stopped: dict[Block, BlockFacts] = {}
        for block in blocks:
            self._block_readers[block] -= 1
            if not self._block_readers[block]:
                del self._block_readers[block]
                stopped[block] = self._block_facts.pop(block)
        if stopped:
            change = self._blocks.toggle(stopped)
            # All are looked up before any is moved: the pods of one can join those of another, which stay.
            marks = [(identity, change.at(identity.addresses)) for identity in self._identities.values()]
            for identity, mark in marks:
                if mark:
                    self._move_groups(identity, identity.blocks ^ mark)

    # --- placing: from a pod to its template to its identity --------------------------------------------------------

    def _template(self, key: Hashable, member: Member) -> Template:
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(key, member)
            self._read_facts.add(template)
        return template

    def _identity(self, template: Template, blocks: Mark, bounds: Bounds) -> Identity:
        key = identity_key(template, template.mark, blocks)
        identity = self._by_key.get(key)
        if identity is None:
            bit = self._free_bits.pop() if self._free_bits else len(self._identities)
            identity = self._by_key[key] = self._identities[bit] = Identity(bit, template, blocks)
            identity.widen(bounds)
            self._indexes.add(identity)
            self._version += 1
        return identity

    def _place(self, members: Collection[Member], template: Template, blocks: Mark, bounds: Bounds) -> None:
        identity = template.identities.get(blocks)
        if identity is None:
            identity = template.identities[blocks] = self._identity(template, blocks, bounds)
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
        elif identity.template is template:
            self._represent(identity)

    def _represent(self, identity: Identity) -> None:
        """Index an identity by another of its templates, because it does not have the present one any more."""
        self._indexes.by_fact.remove(identity)
        identity.template = next(iter(identity.groups))
        self._indexes.by_fact.add(identity)

    def _forget(self, template: Template) -> None:
        """Remove a template that has no pods any more."""
        del self._templates[template.key]
        self._read_facts.remove(template)

    # --- splitting and merging ----------------------------------------------------------------------------------------

    def _move_templates(self, templates: Collection[Template]) -> None:
        """Move the pods of templates whose read facts have changed to the identities where they belong now."""
        for identity in {identity for template in templates for identity in template.identities.values()}:
            self._move_groups(identity, identity.blocks)

    def _move_groups(self, identity: Identity, blocks: Mark) -> None:
        """Move the pods of an identity, which are all in `blocks` now, a whole group at a time.

        The facts that most of its templates share become the identity's own facts, so that these need not move.
        """
        by_mark: defaultdict[Mark, list[Template]] = defaultdict(list)
        for template in identity.groups:
            by_mark[template.mark].append(template)
        staying = max(by_mark, key=lambda mark: len(by_mark[mark]))
        old_blocks, taken = identity.blocks, self._is_taken(identity, staying, blocks)
        moved = {
            template: identity.groups.pop(template)
            for mark, templates in by_mark.items()
            if mark != staying or taken
            for template in templates
        }
        for template in moved:
            del template.identities[old_blocks]
        if taken:
            self._remove(identity)
        else:
            self._change_facts(identity, staying, blocks)
            if identity.template in moved:
                self._represent(identity)
            if blocks != old_blocks:
                for template in identity.groups:
                    template.identities[blocks] = template.identities.pop(old_blocks)
        for template, group in moved.items():
            self._place(group, template, blocks, bounds_of(group))

    def _divide(self, identity: Identity, change: BlockMarks) -> None:
        """Move the pods of an identity, which may differ in which of the changed blocks they are in.

        Those stay together that most pods are like: of thousands of pods, a block may contain one.
        """
        blocks = identity.blocks
        parts: defaultdict[Mark, defaultdict[Template, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for template, group in identity.groups.items():
            for member in group:
                parts[change.at(member.addresses)][template].append(member)
        staying = max(parts, key=lambda mark: sum(map(len, parts[mark].values())))
        del parts[staying]
        for template, members in (moving for part in parts.values() for moving in part.items()):
            for member in members:
                del identity.groups[template][member]
            if not identity.groups[template]:
                self._drop_group(template, identity)
        # The bounds may be addresses of pods that have moved or gone, and must be in the blocks of those that stay.
        self._indexes.by_address.remove(identity)
        identity.bounds = bounds_of(list(identity.pods()))
        self._indexes.by_address.add(identity)
        if staying:
            self._move_groups(identity, blocks ^ staying)
        for mark, part in parts.items():
            for template, members in part.items():
                self._place(members, template, blocks ^ mark, bounds_of(members))

    def _by_blocks(self, members: Iterable[Member]) -> dict[Mark, list[Member]]:
        """Pods by the blocks that their addresses lie in."""
        found: defaultdict[Mark, list[Member]] = defaultdict(list)
        for member in members:
            found[self._blocks.at(member.addresses)].append(member)
        return found

    def _is_taken(self, identity: Identity, mark: Mark, blocks: Mark) -> bool:
        """Whether another identity of the same kind already has these facts."""
        return self._by_key.get(identity_key(identity.template, mark, blocks), identity) is not identity

    def _change_facts(self, identity: Identity, mark: Mark, blocks: Mark) -> None:
        if (mark, blocks) == (identity.mark, identity.blocks):
            return
        del self._by_key[identity.key]
        identity.mark, identity.blocks = mark, blocks
        identity.cache.clear()
        self._changes.note(identities=(identity,))
        self._by_key[identity.key] = identity
        self._version += 1

    def _remove(self, identity: Identity) -> None:
        self._indexes.remove(identity)
        self._version += 1
        del self._identities[identity.bit], self._by_key[identity.key]
        self._free_bits.append(identity.bit)
