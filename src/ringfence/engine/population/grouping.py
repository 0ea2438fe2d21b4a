"""Where pods belong: from a pod to its template to its identity, and how identities split and merge.

A pod is placed once. It moves to another identity only if the facts that are read about it change: with all pods of its
template if these are about labels and ports, with the pods that lie in the same blocks if they are about addresses.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping

from ringfence.engine.population.blocks import BlockFacts, BlockMarks
from ringfence.engine.population.changes import ChangeRecords
from ringfence.engine.population.facts import Block
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
from ringfence.engine.population.pods import Member
from ringfence.engine.population.read_facts import ReadFacts
from ringfence.sets.addresses import Family


class Grouping:
    """The templates and the identities of pods. Each change is noted in `changes`."""

    def __init__(self, changes: ChangeRecords) -> None:
        self.version = 0
        """Grows when an identity is added or removed, or its facts change."""
        self.identities: dict[int, Identity] = {}
        """All identities, by their bit."""
        self._by_key: dict[IdentityKey, Identity] = {}
        # Bits of removed identities are used again. Otherwise a cluster whose pods come and go would make every bitset
        # longer, and each operation on it slower.
        self._free_bits: list[int] = []
        self.placed: dict[Member, tuple[Template, Identity]] = {}
        """The template and the identity of each pod."""
        self._templates: dict[Hashable, Template] = {}
        self.read_facts = ReadFacts(self._templates)
        self.indexes = Indexes(self.read_facts)
        self._blocks = BlockMarks()
        self.pods_with: Counter[Family] = Counter()
        """How many pods have an address of a family, by family."""
        self._changes = changes

    # --- pods in and out --------------------------------------------------------------------------------------------

    def place(self, members: Iterable[Member]) -> None:
        """Place pods that are not placed yet."""
        with_template: defaultdict[Hashable, list[Member]] = defaultdict(list)
        for member in members:
            with_template[template_key(member)].append(member)
        for key, group in with_template.items():
            self._place_with_template(self._template(key, group[0]), group)

    def discard(self, member: Member) -> None:
        """Remove a pod, if it is placed."""
        placed = self.placed.pop(member, None)
        if placed is None:
            return
        self._changes.note(pods=(member,))
        template, identity = placed
        group = identity.groups[template]
        del group[member]
        for family, _ in member.addresses:
            self.pods_with[family] -= 1
        if not group:
            self._drop_group(template, identity)
            if not template.identities:
                self._forget(template)

    # --- changes of the facts that are read -------------------------------------------------------------------------

    def facts_changed(self, templates: Collection[Template]) -> None:
        """Move the pods of templates whose read facts have changed to the identities where they belong now."""
        for identity in {identity for template in templates for identity in template.identities.values()}:
            self._move_groups(identity, identity.blocks)

    def start_blocks(self, blocks: Mapping[Block, BlockFacts]) -> None:
        """Split identities by blocks that were not read before."""
        change = self._blocks.toggle(blocks)
        for identity in list(self.identities.values()):
            mark = change.within(identity.bounds)
            if mark is None:
                self._divide(identity, change)
            elif mark:
                self._move_groups(identity, identity.blocks ^ mark)

    def stop_blocks(self, blocks: Mapping[Block, BlockFacts]) -> None:
        """Merge the identities that only differed in blocks which are no longer read."""
        change = self._blocks.toggle(blocks)
        # All are looked up before any is moved: the pods of one can join those of another, which stay.
        marks = [(identity, change.at(identity.addresses)) for identity in self.identities.values()]
        for identity, mark in marks:
            if mark:
                self._move_groups(identity, identity.blocks ^ mark)

    # --- placing: from a pod to its template to its identity --------------------------------------------------------

    def _place_with_template(self, template: Template, members: list[Member]) -> None:
        for family in template.families:
            self.pods_with[family] += len(members)
        bounds = bounds_of(members)
        # Pods of one template usually have addresses of one node's range, which no block divides. Two searches then
        # place all of them; otherwise each pod needs a search of its own.
        blocks = self._blocks.within(bounds)
        if blocks is not None:
            self._place(members, template, blocks, bounds)
            return
        for blocks, group in self._by_blocks(members).items():
            self._place(group, template, blocks, bounds_of(group))

    def _template(self, key: Hashable, member: Member) -> Template:
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(key, member)
            self.read_facts.add(template)
        return template

    def _identity(self, template: Template, blocks: Mark, bounds: Bounds) -> Identity:
        key = identity_key(template, template.mark, blocks)
        identity = self._by_key.get(key)
        if identity is None:
            bit = self._free_bits.pop() if self._free_bits else len(self.identities)
            identity = self._by_key[key] = self.identities[bit] = Identity(bit, template, blocks)
            identity.widen(bounds)
            self.indexes.add(identity)
            self.version += 1
        return identity

    def _place(self, members: Collection[Member], template: Template, blocks: Mark, bounds: Bounds) -> None:
        identity = template.identities.get(blocks)
        if identity is None:
            identity = template.identities[blocks] = self._identity(template, blocks, bounds)
        if template in identity.groups:
            identity.groups[template].update(dict.fromkeys(members))
        else:
            identity.groups[template] = dict.fromkeys(members)
        self.placed.update(dict.fromkeys(members, (template, identity)))
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
        self.indexes.by_fact.remove(identity)
        identity.template = next(iter(identity.groups))
        self.indexes.by_fact.add(identity)

    def _forget(self, template: Template) -> None:
        """Remove a template that has no pods any more."""
        del self._templates[template.key]
        self.read_facts.remove(template)

    # --- splitting and merging ----------------------------------------------------------------------------------------

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

        The largest group stays: of thousands of pods, a block may contain one.
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
        self.indexes.by_address.remove(identity)
        identity.bounds = bounds_of(list(identity.pods()))
        self.indexes.by_address.add(identity)
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
        # What others derived (profiles, stacks) was about the former facts.
        identity.cache.clear()
        self._changes.note(identities=(identity,))
        self._by_key[identity.key] = identity
        self.version += 1

    def _remove(self, identity: Identity) -> None:
        self.indexes.remove(identity)
        self.version += 1
        del self.identities[identity.bit], self._by_key[identity.key]
        self._free_bits.append(identity.bit)
