"""The population: pods grouped into identities, and an inverted index from facts to identities.

An identity is the set of pods that no policy in force can tell apart: same namespace, same read facts, same address
families, same host-network flag, all with an owner or all without. Each identity has a number, its bit. Sets of
identities are integers used as bitsets, so a selector is evaluated with a few bit operations, whatever the number of
pods.

Policies report which facts they read (`start_reading`, `stop_reading`). Identities split when a fact is read for the
first time, and merge when no policy reads it any more. Pods with the same template (labels, ports, families) move
together, so a split costs as much as the number of templates that it affects, not the number of pods.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator

from ringfence.engine.population.blocks import BlockFacts, new_block_facts
from ringfence.engine.population.changes import ChangeRecord, ChangeRecords
from ringfence.engine.population.facts import Block, ReadableFact, StaticFact
from ringfence.engine.population.grouping import Grouping
from ringfence.engine.population.identities import Identity, TemplatePods, template_key
from ringfence.engine.population.pods import Member, NamedPort, PortName
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class Population:
    """The pods that take part, their identities, and the facts that policies read about them.

    Pods that are added wait until the population is next read; then all of them are placed together. Every method and
    property that reads places them first, so the delay only affects the time: policies that are added before split no
    identities, and pods with the same template are placed with two searches. Without it, adding 100,000 pods and
    10,000 policies one by one takes three to four times as long (first figure of `python -m benchmarks engine-100k`).
    """

    def __init__(self) -> None:
        self._added: dict[Hashable, TemplatePods] = {}
        """The pods that wait, by the key of their template."""
        self._last: TemplatePods | None = None
        """The one of these to which a pod was added last."""
        self._changes = ChangeRecords()
        self._grouping = Grouping(self._changes)
        self._read_facts = self._grouping.read_facts
        self._indexes = self._grouping.indexes
        self._block_readers: Counter[Block] = Counter()
        self._block_facts: dict[Block, BlockFacts] = {}

    # --- pods -------------------------------------------------------------------------------------------------------

    def add(self, member: Member) -> None:
        """Add a pod, which must not be in the population."""
        group = self._last
        if group is None or not group.template.is_shared_by(member):
            group = self._last = self._group(member)
        group.pods[member] = None
        self._grouping.group_of[member] = group

    def _group(self, member: Member) -> TemplatePods:
        """The pods that wait and have the template of a pod."""
        key = template_key(member)
        group = self._added.get(key)
        if group is None:
            group = self._added[key] = self._grouping.group_for(member, key)
        return group

    def _place_added(self) -> None:
        """Place the pods that were added since the population was last read."""
        if self._added:
            added, self._added, self._last = self._added, {}, None
            self._grouping.place(added.values())

    def discard(self, member: Member) -> None:
        """Remove a pod, if it is in the population."""
        group = self._grouping.group_of.get(member)
        if group is None:
            return
        key = group.template.key
        if self._added.get(key) is not group:
            self._grouping.discard(member)
            return
        # A pod that is added and removed between two questions is never placed.
        del self._grouping.group_of[member], group.pods[member]
        if not group.pods:
            del self._added[key]
            self._last = None

    def touch(self, members: Iterable[Member]) -> None:
        """Record pods as changed although no fact about them has: another pod may now have one of their addresses."""
        self._place_added()
        self._changes.note(pods=tuple(members))

    def identity_of(self, member: Member) -> Identity:
        """The identity of a pod that is in the population."""
        if self._added:
            self._place_added()
        return self._grouping.group_of[member].identity

    def members(self) -> Iterable[Member]:
        """All pods in the population."""
        self._place_added()
        return self._grouping.group_of

    def record_changes(self) -> ChangeRecord:
        """A record of the changes from now on. It starts with the pods that are in the population now."""
        self._place_added()
        return self._changes.start(self._grouping.group_of)

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
        return self._grouping.version

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
            return iter(self._grouping.identities.values())
        return map(self._grouping.identities.__getitem__, bitsets.members(bits))

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
        pods_with = self._grouping.pods_with
        if not self._block_readers or not pods_with[Family.IPV6]:
            return (Family.IPV4,)
        return FAMILIES if pods_with[Family.IPV4] else (Family.IPV6,)

    # --- what policies read -------------------------------------------------------------------------------------------

    def start_reading(self, facts: Iterable[ReadableFact]) -> None:
        """Add one reader to each fact: pods for which these facts differ get different identities."""
        change = self._read_facts.start_reading(facts)
        self._indexes.by_fact.start_reading(change)
        self._grouping.facts_changed(change.templates)

    def stop_reading(self, facts: Iterable[ReadableFact]) -> None:
        """Remove one reader from each fact."""
        change = self._read_facts.stop_reading(facts)
        self._indexes.by_fact.stop_reading(change)
        self._grouping.facts_changed(change.templates)

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
            self._grouping.start_blocks(started)

    def stop_reading_blocks(self, blocks: Iterable[Block]) -> None:
        """Remove one reader from each block."""
        stopped: dict[Block, BlockFacts] = {}
        for block in blocks:
            self._block_readers[block] -= 1
            if not self._block_readers[block]:
                del self._block_readers[block]
                stopped[block] = self._block_facts.pop(block)
        if stopped:
            self._grouping.stop_blocks(stopped)
