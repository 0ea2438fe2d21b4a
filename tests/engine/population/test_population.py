"""Pods share an identity exactly if no policy in force can tell them apart, whatever was read before."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from ipaddress import ip_address, ip_network
from itertools import product

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule
from tests import strategies
from tests.engine.population.populations import READABLE, block, groups, members
from tests.example_counts import examples

from ringfence.engine.population.facts import Block, HasLabel, LabelIn, ReadableFact, StaticFact
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.engine.population.population import Population
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family, address_text

BLOCKS = [
    block("10.0.0.0/24"),
    block("10.0.0.1/32"),
    block("10.0.0.0/31", "fd00::/112"),
    block("0.0.0.0/0", less=("10.0.1.0/24",)),
    block("::/0"),
    block("0.0.0.0/0", "::/0"),
    block("192.168.0.0/30"),
    block("fd00::1/128", "10.0.2.0/24"),
]

readable_facts = st.lists(st.sampled_from(READABLE), min_size=1, max_size=3)
blocks = st.sampled_from(BLOCKS)


InBlock = tuple[Block, Family]
"""The fact that the pod's address of one family lies in the block, or may lie in it."""


def facts_that_hold(
    one: Member, read: set[ReadableFact], read_blocks: set[Block]
) -> tuple[frozenset[StaticFact], frozenset[InBlock]]:
    """By definition: each fact that is read, evaluated for the pod."""
    facts: set[StaticFact] = set()
    if not one.host_network:
        facts |= {fact for fact in read if isinstance(fact, HasLabel) and fact.key in one.labels}
        facts |= {fact for fact in read if isinstance(fact, LabelIn) and one.labels.get(fact.key) in fact.values}
        facts |= {port for port in one.named_ports if (port.name, port.protocol) in read}
    within: set[InBlock] = set()
    for read_block in read_blocks:
        networks = [ip_network(cidr) for cidr in read_block.addresses.cidrs()]
        addresses = [ip_address(address_text(family, number)) for family, number in one.addresses]
        within |= {
            (read_block, Family(address.version))
            for address in addresses
            if any(address in network for network in networks)
        }
        if not addresses and read_block.covers_family:
            within |= {(read_block, family) for family in FAMILIES}
    return frozenset(facts), frozenset(within)


class Populations(RuleBasedStateMachine):
    """Pods are added and removed, facts and blocks start and stop being read, in any order."""

    pods = Bundle("pods")
    readings = Bundle("readings")
    block_readings = Bundle("block_readings")

    def __init__(self) -> None:
        super().__init__()
        self.population = Population()
        self.present: list[Member] = []
        self.read_count: Counter[ReadableFact] = Counter()
        self.block_count: Counter[Block] = Counter()

    @rule(target=pods, more=st.lists(members, min_size=1, max_size=4))
    def add(self, more: list[Member]) -> MultipleResults[Member]:
        for one in more:
            self.population.add(one)
        self.present += more
        return multiple(*more)

    @rule(one=consumes(pods))
    def discard(self, one: Member) -> None:
        self.population.discard(one)
        self.present.remove(one)

    @rule(stranger=members)
    def discard_an_unknown_pod(self, stranger: Member) -> None:
        self.population.discard(stranger)

    @rule(target=readings, some=readable_facts)
    def read(self, some: list[ReadableFact]) -> list[ReadableFact]:
        self.population.start_reading(some)
        self.read_count.update(some)
        return some

    @rule(some=consumes(readings))
    def unread(self, some: list[ReadableFact]) -> None:
        self.population.stop_reading(some)
        self.read_count.subtract(some)

    @rule(target=block_readings, some=st.lists(blocks, min_size=1, max_size=3))
    def read_blocks(self, some: list[Block]) -> list[Block]:
        self.population.start_reading_blocks(some)
        self.block_count.update(some)
        return some

    @rule(some=consumes(block_readings))
    def unread_blocks(self, some: list[Block]) -> None:
        self.population.stop_reading_blocks(some)
        self.block_count.subtract(some)

    @property
    def read_now(self) -> set[ReadableFact]:
        return set(+self.read_count)

    @property
    def blocks_now(self) -> set[Block]:
        return set(+self.block_count)

    @invariant()
    def pods_share_an_identity_exactly_if_the_same_read_facts_hold_for_them(self) -> None:
        by_definition: defaultdict[Hashable, set[Member]] = defaultdict(set)
        for one in self.present:
            facts = facts_that_hold(one, self.read_now, self.blocks_now)
            namespace = "" if one.host_network else one.namespace
            families = one.families if one.addresses else ()
            by_definition[namespace, one.host_network, one.standalone, families, facts].add(one)
        assert groups(self.population) == {frozenset(group) for group in by_definition.values()}
        assert set(self.population.members()) == set(self.present)

    @invariant()
    def every_set_of_identities_is_as_defined(self) -> None:
        population = self.population
        identities = list(population.identities())
        assert len({identity.bit for identity in identities}) == len(identities)
        assert population.everyone == bitsets.of(identity.bit for identity in identities)
        assert list(population.identities(population.everyone)) == sorted(identities, key=lambda one: one.bit)
        assert population.selectable == bitsets.of(one.bit for one in identities if not one.host_network)
        for namespace in strategies.NAMESPACES:
            assert population.in_namespace(namespace) == bitsets.of(
                one.bit for one in identities if one.namespace == namespace
            )
        for family in FAMILIES:
            assert population.in_family(family) == bitsets.of(
                one.bit for one in identities if all(family in pod.families for pod in one.pods())
            )
        facts = {one: facts_that_hold(next(one.pods()), self.read_now, self.blocks_now) for one in identities}
        read = {fact for fact in self.read_now if not isinstance(fact, tuple)} | {
            fact for holding, _ in facts.values() for fact in holding
        }
        for fact in read:
            assert population.holding(fact) == bitsets.of(one.bit for one in identities if fact in facts[one][0])
        for block_now, family in product(self.blocks_now, FAMILIES):
            assert population.in_block(block_now, family) == bitsets.of(
                one.bit for one in identities if (block_now, family) in facts[one][1]
            )
        for name in (fact for fact in self.read_now if isinstance(fact, tuple)):
            assert set(population.ports_named(name)) == {
                port for one in self.present if not one.host_network for port in one.named_ports if name == key_of(port)
            }

    @invariant()
    def the_properties_of_an_identity_hold_for_each_of_its_pods(self) -> None:
        for identity in self.population.identities():
            pods = list(identity.pods())
            assert len(identity) == len(pods) > 0
            for pod in pods:
                assert identity.host_network is pod.host_network
                assert identity.families == pod.families
                assert identity.host_network or identity.namespace == pod.namespace
                assert self.population.identity_of(pod) is identity
                for name, protocol in ((name, protocol) for name in ("http", "dns") for protocol in ("TCP", "UDP")):
                    if (name, protocol) in self.read_now and not pod.host_network:
                        assert sorted(identity.ports_named(name, protocol)) == sorted(
                            port.port for port in pod.named_ports if key_of(port) == (name, protocol)
                        )

    @invariant()
    def a_family_that_is_not_decisive_has_the_same_identities_in_every_block(self) -> None:
        population = self.population
        decisive = population.decisive_families()
        assert decisive
        for family in set(FAMILIES) - set(decisive):
            both = population.in_family(family) & population.in_family(decisive[0])
            for one in self.blocks_now:
                assert population.in_block(one, family) & both == population.in_block(one, decisive[0]) & both
            assert not self.blocks_now or not population.in_family(family) & ~both, "all can be looked at"

    def teardown(self) -> None:
        fresh = Population()
        for one in self.present:
            fresh.add(one)
        fresh.start_reading(self.read_now)
        fresh.start_reading_blocks(self.blocks_now)
        assert groups(self.population) == groups(fresh)
        assert self.population.decisive_families() == fresh.decisive_families()


def key_of(port: NamedPort) -> tuple[str, str]:
    return port.name, port.protocol


TestPopulations = Populations.TestCase
TestPopulations.settings = settings(max_examples=examples(50), stateful_step_count=25)
