"""Selections: the inverted index finds exactly the pods that a selector matches one by one."""

from ipaddress import ip_network

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import member, member_from
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.engine.policies.selection import IdentitySelections, PodSelection, Selections
from ringfence.engine.population.facts import Block, facts_read_by
from ringfence.engine.population.namespaces import Namespaces
from ringfence.engine.population.pods import Member
from ringfence.engine.population.population import Population
from ringfence.model.metadata import LabelSelector
from ringfence.model.selector_text import parse_selector
from ringfence.model.selectors import EVERYTHING, Selector, compile_selector
from ringfence.sets.addresses import FAMILIES, Addresses
from ringfence.sets.bitsets import Bitset


def selector_of(written: Object) -> Selector:
    """A selector that need not have all its fields, or has them null."""
    return compile_selector(
        msgspec.convert({field: value for field, value in written.items() if value is not None}, LabelSelector)
    )


selectors = st.sampled_from(strategies.SELECTORS).map(selector_of)
namespace_selectors = st.sampled_from(strategies.NAMESPACE_SELECTORS).map(selector_of)
selections = st.builds(PodSelection, selectors, st.sampled_from(strategies.NAMESPACES)) | st.builds(
    PodSelection, selectors, st.none(), namespace_selectors
)
pods = st.lists(strategies.pods().map(member_from), max_size=8)
namespaces = st.dictionaries(st.sampled_from(strategies.NAMESPACES), st.sampled_from(strategies.LABELS))


class World:
    """Pods, the labels of their namespaces, and the selections that are in use."""

    def __init__(self, pods: list[Member], labels: dict[str, dict[str, str]]) -> None:
        self.population = Population()
        self.namespaces = Namespaces()
        self.selections = Selections(self.population, self.namespaces)
        for pod in pods:
            self.enter(pod)
        for name, own in labels.items():
            self.namespaces.define(name, own)

    def enter(self, pod: Member) -> None:
        self.namespaces.mention(pod.namespace)
        self.population.add(pod)

    def read(self, selection: PodSelection) -> None:
        self.population.start_reading(facts_read_by(selection.pods))

    def chosen(self, selection: PodSelection) -> set[Member]:
        return self.in_set(self.selections.pods(selection))

    def in_set(self, bits: Bitset) -> set[Member]:
        return {pod for identity in self.population.identities(bits) for pod in identity.pods()}

    def by_definition(self, selection: PodSelection) -> set[Member]:
        """A namespace by its name or by its labels, and the pod by its own; a hostNetwork pod never."""
        return {
            pod
            for pod in self.population.members()
            if not pod.host_network
            and selection.pods.matches(pod.labels)
            and (
                pod.namespace == selection.namespace
                if selection.namespaces is None
                else selection.namespaces.matches(self.namespaces.labels(pod.namespace))
            )
        }


@given(pods, namespaces, selections)
def test_a_selection_is_what_its_selectors_match(
    some: list[Member], labels: dict[str, dict[str, str]], selection: PodSelection
) -> None:
    world = World(some, labels)
    world.read(selection)
    assert world.chosen(selection) == world.by_definition(selection)


@given(pods, namespaces, selections, st.booleans())
def test_what_selects_one_identity_is_what_the_index_says(
    some: list[Member], labels: dict[str, dict[str, str]], selection: PodSelection, owned: bool
) -> None:
    world = World(some, labels)
    selection = msgspec.structs.replace(selection, owned=owned)
    world.read(selection)
    bits = world.selections.pods(selection)
    for identity in world.population.identities():
        one = IdentitySelections(identity, world.namespaces)
        assert one.in_any([selection]) is one.in_any([selection]) is bool(bits >> identity.bit & 1)
        assert not one.in_any([])


@pytest.mark.parametrize("hosts", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_a_block_matches_one_identity_where_it_matches_it_among_all(own: bool, hosts: bool) -> None:
    """Some plugins match blocks with no pods, or with no hostNetwork pods."""
    each = [
        member(f"x/{name}-{host_network}", addresses=addresses, hostNetwork=host_network)
        for host_network in (True, False)
        for name, addresses in (("inside", ["10.0.0.1"]), ("outside", ["192.0.2.1"]), ("unknown", []))
    ]
    world = World(each, {})
    blocks = [
        Block(Addresses.of(ip_network("10.0.0.0/8")), covers_family=False, pods=own, nodes=hosts),
        Block(Addresses.of(ip_network("0.0.0.0/0")), covers_family=True, pods=own, nodes=hosts),
    ]
    world.population.start_reading_blocks(blocks)
    for identity in world.population.identities():
        one = IdentitySelections(identity, world.namespaces)
        for block in blocks:
            for family in FAMILIES:
                is_among = bool(world.selections.in_block(block, family) >> identity.bit & 1)
                assert one.in_block(block, family) is is_among


@given(pods, selections, selections)
def test_a_union_of_selections(some: list[Member], a: PodSelection, b: PodSelection) -> None:
    world = World(some, {})
    world.read(a)
    world.read(b)
    assert world.in_set(world.selections.union([a, b])) == world.by_definition(a) | world.by_definition(b)
    assert world.selections.union([]) == 0


@settings(max_examples=examples(25))
@given(pods, pods, namespaces, namespaces, selections, selections)
def test_what_was_remembered_is_forgotten_when_pods_or_namespaces_change(
    some: list[Member],
    more: list[Member],
    labels: dict[str, dict[str, str]],
    relabelled: dict[str, dict[str, str]],
    selection: PodSelection,
    later: PodSelection,
) -> None:
    world = World(some, labels)
    world.read(selection)
    world.chosen(selection)
    for pod in more:
        world.enter(pod)
    assert world.chosen(selection) == world.by_definition(selection)
    for name, own in relabelled.items():
        world.namespaces.define(name, own)
    assert world.chosen(selection) == world.by_definition(selection)
    for name in labels:
        world.namespaces.undefine(name)
    assert world.chosen(selection) == world.by_definition(selection)
    world.read(later)
    assert world.chosen(selection) == world.by_definition(selection)
    for pod in some:
        world.population.discard(pod)
    assert world.chosen(selection) == world.by_definition(selection)


@pytest.mark.parametrize("space", ["x", ""])
def test_a_namespace_without_pods_selects_none(space: str) -> None:
    assert World([], {"x": {}}).chosen(PodSelection(EVERYTHING, namespace=space)) == set()


def test_host_network_pods_are_not_selected_even_by_what_they_lack() -> None:
    world = World([member("x/a", {"app": "1"}, hostNetwork=True)], {})
    for text in ("app", "!tier", "app=1", "app!=2", ""):
        selection = PodSelection(parse_selector(text), namespaces=EVERYTHING)
        world.read(selection)
        assert world.chosen(selection) == set()
