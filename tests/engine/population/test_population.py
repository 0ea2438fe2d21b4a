"""Pods share an identity exactly if no policy in force can tell them apart, whatever was read before."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from ipaddress import ip_address, ip_network
from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule
from tests import strategies
from tests.engine.members import member, member_from
from tests.example_counts import examples

from ringfence.engine.population.facts import Block, HasLabel, LabelIn, ReadableFact, StaticFact
from ringfence.engine.population.marks import NO_FACTS
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.engine.population.population import Population
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Addresses, Family, address_text


def label_is(key: str, *values: str) -> LabelIn:
    return LabelIn(key, frozenset(values))


READABLE: list[ReadableFact] = [
    HasLabel("app"),
    HasLabel("tier"),
    label_is("app", "1"),
    label_is("app", "2"),
    label_is("app", ""),
    label_is("app", "1", "2", "3"),
    label_is("tier", "1"),
    *((name, protocol) for name in strategies.PORT_NAMES for protocol in ("TCP", "UDP")),
]


def block(*cidrs: str, less: tuple[str, ...] = ()) -> Block:
    networks = [ip_network(cidr) for cidr in cidrs]
    addresses = Addresses.of(*networks) - Addresses.of(*map(ip_network, less))
    return Block(addresses, covers_family=any(network.prefixlen == 0 for network in networks))


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

_shared: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}


def with_shared_labels(one: Member) -> Member:
    """The pod, with the object that all pods with its labels share, as pods of a workload that are read in turn do."""
    labels = _shared.setdefault(tuple(sorted(one.labels.items())), one.labels)
    return msgspec.structs.replace(one, labels=labels)


members = strategies.pods().map(member_from).map(with_shared_labels)


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


def groups(population: Population) -> set[frozenset[Member]]:
    return {frozenset(identity.pods()) for identity in population.identities()}


def key_of(port: NamedPort) -> tuple[str, str]:
    return port.name, port.protocol


TestPopulations = Populations.TestCase
TestPopulations.settings = settings(max_examples=examples(50), stateful_step_count=25)


# --- examples ------------------------------------------------------------------------------------------


def population_of(*pods: Member) -> Population:
    population = Population()
    for one in pods:
        population.add(one)
    return population


def together(population: Population, a: Member, b: Member) -> bool:
    return population.identity_of(a) is population.identity_of(b)


def test_labels_that_no_policy_reads_do_not_split_an_identity() -> None:
    a, b = member("x/a", {"app": "1"}), member("x/b", {"app": "2", "release": "7"})
    population = population_of(a, b)
    assert together(population, a, b)
    population.start_reading([HasLabel("app")])
    assert together(population, a, b), "both have the label"
    population.start_reading([label_is("app", "1")])
    assert not together(population, a, b)
    population.stop_reading([label_is("app", "1")])
    assert together(population, a, b)


def test_a_fact_is_read_until_its_last_reader_stops() -> None:
    a, b = member("x/a", {"app": "1"}), member("x/b", {"app": "2"})
    population = population_of(a, b)
    population.start_reading([label_is("app", "1"), label_is("app", "1")])
    population.stop_reading([label_is("app", "1")])
    assert not together(population, a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(member("x/a"), member("y/a"), id="namespaces"),
        pytest.param(member("x/a"), member("x/a", hostNetwork=True), id="host network"),
        pytest.param(member("x/a", addresses=["10.0.0.1"]), member("x/b", addresses=["fd00::1"]), id="families"),
        pytest.param(member("x/a", addresses=["10.0.0.1"]), member("x/b"), id="an address that is not known"),
    ],
)
def test_what_splits_identities_although_no_policy_reads_anything(a: Member, b: Member) -> None:
    assert not together(population_of(a, b), a, b)


def test_host_network_pods_of_all_namespaces_share_an_identity() -> None:
    a, b = member("x/a", {"app": "1"}, hostNetwork=True), member("y/b", {"app": "2"}, hostNetwork=True)
    population = population_of(a, b)
    population.start_reading([label_is("app", "1")])
    assert together(population, a, b), "no selector sees their labels"
    assert population.selectable == 0


def test_a_block_of_a_whole_family_contains_pods_without_a_known_address() -> None:
    unknown, known = member("x/a"), member("x/b", addresses=["10.0.0.1"])
    population = population_of(unknown, known)
    everything, some = block("::/0"), block("10.0.0.0/24")
    population.start_reading_blocks([everything, some])
    unknown_bit, known_bit = (1 << population.identity_of(one).bit for one in (unknown, known))
    assert [population.in_block(everything, family) for family in FAMILIES] == [unknown_bit, unknown_bit]
    assert [population.in_block(some, family) for family in FAMILIES] == [known_bit, 0]


def test_whatever_changes_identities_changes_the_version() -> None:
    a, b = member("x/a", {"app": "1"}), member("x/b", {"app": "2"})
    population = population_of(a)
    versions = [population.version]
    steps: list[Callable[[], None]] = [
        lambda: population.add(b),
        lambda: population.start_reading([label_is("app", "1")]),
        lambda: population.discard(b),
        lambda: population.start_reading_blocks([block("0.0.0.0/0", "::/0")]),
        lambda: population.stop_reading([label_is("app", "1")]),
    ]
    population.start_reading([label_is("app", "2")])
    for step in steps:
        before = groups(population), {one.bit: one.key for one in population.identities()}
        version = population.version
        step()
        after = groups(population), {one.bit: one.key for one in population.identities()}
        assert before == after or population.version > version
        versions.append(population.version)
    assert versions == sorted(versions)


@given(st.lists(members, min_size=1, max_size=6))
def test_a_population_whose_pods_are_all_removed_is_empty(some: list[Member]) -> None:
    population = population_of(*some)
    population.start_reading(READABLE)
    for one in some:
        population.discard(one)
    assert population.everyone == population.selectable == 0
    assert not list(population.identities())
    assert not list(population.members())


READERS: dict[str, Callable[[Population], object]] = {
    "identities": lambda population: len(list(population.identities())),
    "everyone": lambda population: population.everyone.bit_count(),
    "selectable": lambda population: population.selectable.bit_count(),
    "members": lambda population: len(list(population.members())),
    "in_namespace": lambda population: population.in_namespace("x").bit_count(),
    "in_family": lambda population: population.in_family(Family.IPV6).bit_count(),
    "holding": lambda population: population.holding(label_is("app", "2")).bit_count(),
    "ports_named": lambda population: len(list(population.ports_named(("http", "TCP")))),
    "record_changes": lambda population: len(population.record_changes().take()[0]),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_pod_that_is_added_is_seen_whatever_is_read_first(reader: Callable[[Population], object]) -> None:
    port = {"name": "http", "containerPort": 80}
    population = Population()
    population.start_reading([label_is("app", "2"), ("http", "TCP")])
    assert reader(population) == 0
    population.add(member("x/a", {"app": "2"}, ports=[port], addresses=["fd00::1"]))
    assert reader(population) == 1


def test_an_added_pod_has_an_identity_a_new_version_and_families_of_its_own_at_once() -> None:
    pod = member("x/a", addresses=["fd00::1"])
    population = Population()
    population.start_reading_blocks([block("fd00::/8")])
    assert population.decisive_families() == (Family.IPV4,)
    population.add(pod)
    assert population.decisive_families() == (Family.IPV6,)
    second, version = member("y/b"), population.version
    population.add(second)
    assert population.version > version
    third = member("z/c")
    population.add(third)
    assert list(population.identity_of(third).pods()) == [third]


def test_a_copy_of_a_pod_is_another_pod() -> None:
    """Answers about labels that are not known yet are found with copies that have other labels."""
    population, pod = Population(), member("shop/web", {"app": "web"})
    population.add(pod)
    identity = population.identity_of(pod)
    copy = msgspec.structs.replace(pod, labels={"app": "db"})
    with pytest.raises(KeyError):
        population.identity_of(copy)
    population.discard(copy)
    assert population.identity_of(pod) is identity
    population.start_reading([label_is("app", "db")])
    population.add(copy)
    assert population.identity_of(copy) is not population.identity_of(pod)
    population.discard(copy)
    assert list(population.members()) == [pod]


def test_a_pod_may_be_in_two_populations() -> None:
    """One question about a pod that does not exist yet may be asked of two clusters."""
    here, there, pod = Population(), Population(), member("shop/web", {"app": "web"})
    for population in (here, there):
        population.add(pod)
        population.add(member("shop/db", {"app": "db"}))
    here.start_reading([label_is("app", "web")])
    assert list(here.identity_of(pod).pods()) == [pod]
    assert len(there.identity_of(pod)) == 2
    here.discard(pod)
    with pytest.raises(KeyError):
        here.identity_of(pod)
    assert len(there.identity_of(pod)) == 2


def test_nothing_that_was_derived_from_an_identity_outlives_a_change_of_its_facts() -> None:
    pod = member("x/a", {"app": "1"})
    population = population_of(pod)
    identity = population.identity_of(pod)
    identity.cache["derived"] = "from facts"
    population.start_reading([label_is("app", "1")])
    assert population.identity_of(pod) is identity
    assert not identity.cache


def test_bits_of_identities_that_have_gone_are_used_again() -> None:
    population = population_of(member("x/a"), member("y/b"))
    for _ in range(3):
        passing = member("z/c")
        population.add(passing)
        assert population.everyone.bit_length() == 3
        population.discard(passing)


class TestBlocksThatDividePods:
    """Pods with the same template are placed one by one if a block contains some of them and not others."""

    INSIDE = member("x/inside", addresses=["10.0.0.4"])
    OUTSIDE = member("x/outside", addresses=["10.0.0.3"])
    BLOCK = block("10.0.0.4/30")

    def check(self, population: Population) -> None:
        assert population.in_block(self.BLOCK, Family.IPV4) == 1 << population.identity_of(self.INSIDE).bit
        assert groups(population) == {frozenset({self.INSIDE}), frozenset({self.OUTSIDE})}

    def test_the_block_is_read_when_the_pods_are_there(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        assert together(population, self.INSIDE, self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        self.check(population)

    def test_the_block_is_read_when_the_pod_outside_has_gone(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        assert together(population, self.INSIDE, self.OUTSIDE)
        population.discard(self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        assert population.in_block(self.BLOCK, Family.IPV4) == population.everyone != 0

    def test_the_block_is_read_when_the_pod_outside_has_another_identity(self) -> None:
        outside = member("x/outside", {"app": "1"}, addresses=["10.0.0.3"])
        population = population_of(self.INSIDE, outside)
        assert together(population, self.INSIDE, outside)
        population.start_reading([label_is("app", "1")])
        population.start_reading_blocks([self.BLOCK])
        assert population.in_block(self.BLOCK, Family.IPV4) == 1 << population.identity_of(self.INSIDE).bit

    @given(
        st.sets(st.integers(0, 7), min_size=2),
        st.lists(
            st.integers(0, 7) | st.sampled_from([f"10.0.0.{i}/{n}" for n in (31, 30) for i in range(0, 8, 1 << 32 - n)])
        ),
    )
    def test_a_block_contains_the_same_pods_whichever_went_before(
        self, present: set[int], steps: list[int | str]
    ) -> None:
        """Each step adds or removes the pod with this number, or starts or stops reading a block."""
        pods = {number: member(f"x/pod-{number}", addresses=[f"10.0.0.{number}"]) for number in range(8)}
        population = population_of(*(pods[number] for number in present))
        read: set[str] = set()
        for step in steps:
            assert population.everyone
            if isinstance(step, str) and step in read:
                read.remove(step)
                population.stop_reading_blocks([block(step)])
            elif isinstance(step, str):
                read.add(step)
                population.start_reading_blocks([block(step)])
            elif step not in present:
                present.add(step)
                population.add(pods[step])
            elif len(present) > 1:
                present.remove(step)
                population.discard(pods[step])
            for cidr in read:
                inside = [pods[one] for one in present if ip_address(f"10.0.0.{one}") in ip_network(cidr)]
                expected = bitsets.of({population.identity_of(one).bit for one in inside})
                assert population.in_block(block(cidr), Family.IPV4) == expected

    def test_the_pods_are_added_when_the_block_is_read(self) -> None:
        population = Population()
        population.start_reading_blocks([self.BLOCK])
        population.add(self.OUTSIDE)
        population.add(self.INSIDE)
        self.check(population)

    def test_the_pods_share_an_identity_again_when_the_block_is_not_read_any_more(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        population.start_reading_blocks([self.BLOCK])
        population.stop_reading_blocks([self.BLOCK])
        self.check(population)
        population.stop_reading_blocks([self.BLOCK])
        assert together(population, self.INSIDE, self.OUTSIDE)
        assert population.identity_of(self.INSIDE).blocks == NO_FACTS
