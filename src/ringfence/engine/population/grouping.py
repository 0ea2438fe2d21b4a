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
    TemplatePods,
    bounds_of,
    identity_key,
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
        self.group_of: dict[Member, TemplatePods] = {}
        """The group of each pod, whether it is placed or waits."""
        self._templates: dict[Hashable, Template] = {}
        self.read_facts = ReadFacts(self._templates)
        self.indexes = Indexes(self.read_facts)
        self._blocks = BlockMarks()
        self.pods_with: Counter[Family] = Counter()
        """How many pods have an address of a family, by family."""
        self._changes = changes

    # --- pods in and out --------------------------------------------------------------------------------------------

    def group_for(self, member: Member, key: Hashable) -> TemplatePods:
        """An empty group for pods like this one, which has this key, until they are placed."""
        return TemplatePods(self._templates.get(key) or Template(key, member))

    def place(self, groups: Iterable[TemplatePods]) -> None:
        """Place the pods of groups that are not placed yet, each of another template."""
        for group in groups:
            template = group.template
            if template.key not in self._templates:
                self._templates[template.key] = template
                self.read_facts.add(template)
            for family in template.families:
                self.pods_with[family] += len(group.pods)
            self._place(group)

    def discard(self, member: Member) -> None:
        """Remove a pod that is placed."""
        group = self.group_of.pop(member)
        self._changes.note(pods=(member,))
        del group.pods[member]
        for family, _ in member.addresses:
            self.pods_with[family] -= 1
        if not group.pods:
            self._drop_group(group)
            if not group.template.identities:
                self._forget(group.template)

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

    def _place(self, group: TemplatePods) -> None:
        bounds = bounds_of(group.pods)
        # Pods of one template usually have addresses of one node's range, which no block divides. Two searches then
        # place all of them; otherwise each pod needs a search of its own.
        blocks = self._blocks.within(bounds)
        if blocks is not None:
            self._join(group, blocks, bounds)
            return
        for blocks, members in self._by_blocks(group.pods).items():
            self._join_alone(members, group.template, blocks)

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

    def _join(self, group: TemplatePods, blocks: Mark, bounds: Bounds) -> None:
        """Put a group into the identity where it belongs, if its pods are in `blocks`."""
        template = group.template
        identity = template.identities.get(blocks)
        if identity is None:
            identity = template.identities[blocks] = self._identity(template, blocks, bounds)
        present = identity.groups.get(template)
        if present is None:
            identity.groups[template] = group
            group.identity = identity
        else:
            self._fill(present, group.pods)
        identity.widen(bounds)
        self._changes.note(pods=group.pods)

    def _join_alone(self, members: Collection[Member], template: Template, blocks: Mark) -> None:
        """Put some pods of a template into the identity where they belong, as a group of their own."""
        group = TemplatePods(template)
        self._fill(group, members)
        self._join(group, blocks, bounds_of(members))

    def _fill(self, group: TemplatePods, members: Iterable[Member]) -> None:
        members = dict.fromkeys(members)
        group.pods.update(members)
        self.group_of.update(dict.fromkeys(members, group))

    def _drop_group(self, group: TemplatePods) -> None:
        template, identity = group.template, group.identity
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
        for group in moved.values():
            self._join(group, blocks, bounds_of(group.pods))

    def _divide(self, identity: Identity, change: BlockMarks) -> None:
        """Move the pods of an identity, which may differ in which of the changed blocks they are in.

        The largest group stays: of thousands of pods, a block may contain one.
        """
        blocks = identity.blocks
        parts: defaultdict[Mark, defaultdict[Template, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for template, group in identity.groups.items():
            for member in group.pods:
                parts[change.at(member.addresses)][template].append(member)
        staying = max(parts, key=lambda mark: sum(map(len, parts[mark].values())))
        del parts[staying]
        for template, members in (moving for part in parts.values() for moving in part.items()):
            group = identity.groups[template]
            for member in members:
                del group.pods[member]
            if not group.pods:
                self._drop_group(group)
        # The bounds may be addresses of pods that have moved or gone, and must be in the blocks of those that stay.
        self.indexes.by_address.remove(identity)
        identity.bounds = bounds_of(list(identity.pods()))
        self.indexes.by_address.add(identity)
        if staying:
            self._move_groups(identity, blocks ^ staying)
        for mark, part in parts.items():
            for template, members in part.items():
                self._join_alone(members, template, blocks ^ mark)

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
