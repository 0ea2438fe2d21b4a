"""Which pods share an identity, and what of it is read again after a change, by example."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member
from tests.engine.population.populations import READABLE, block, groups, label_is, members, population_of, together

from ringfence.engine.population.facts import HasLabel
from ringfence.engine.population.pods import Member
from ringfence.engine.population.population import Population
from ringfence.sets.addresses import FAMILIES, Family


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
