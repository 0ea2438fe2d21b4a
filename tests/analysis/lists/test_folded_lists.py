"""Equal pods are written once, against the definition: two are equal if swapping them changes no connection."""

from ipaddress import ip_network
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ringfence.analysis.lists.connections import Connection, ConnectionRow
from ringfence.analysis.lists.folded_lists import FoldedList, Folding, folded
from ringfence.engine.population import Reference
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

PODS = [Reference(space, "Pod", name) for space, name in product("xy", "abc")]
SETS = [Reference("x", "StatefulSet", "s"), Reference("y", "StatefulSet", "t")]
OFFICE = Addresses.of(ip_network("192.0.2.0/24"))
TRAFFICS = [Traffic.of("TCP", ((80, 80),)), ALL_TRAFFIC]

references = st.sampled_from(PODS + SETS)
ends = references | st.sampled_from([OFFICE, ALL_ADDRESSES])
random_connections = st.lists(
    st.builds(Connection, ends, ends, st.sampled_from(TRAFFICS)).filter(
        lambda one: one.source != one.destination or one.source in SETS
    ),
    unique_by=lambda one: (one.source, one.destination),
    max_size=30,
).map(
    lambda found: [one for one in found if isinstance(one.source, Reference) or isinstance(one.destination, Reference)]
)
sides = st.lists(references, min_size=1, unique=True)


def swapped(found: list[Connection], one: Reference, other: Reference) -> set[tuple[object, object, Traffic]]:
    places = {one: other, other: one}

    def swap(end: Reference | Addresses) -> Reference | Addresses:
        return places.get(end, end) if isinstance(end, Reference) else end

    return {(swap(each.source), swap(each.destination), each.traffic) for each in found}


def is_equal(found: list[Connection], one: Reference, other: Reference) -> bool:
    """The definition. A single pod has no connections with itself, so those of a workload with itself do not matter."""
    same = swapped(found, one, one)
    inner = {each.traffic for each in found if each.source in (one, other) and each.destination in (one, other)}
    pairs = [(one, other), (other, one), *((each, each) for each in (one, other) if each in SETS)]
    crossing = {
        next((each.traffic for each in found if (each.source, each.destination) == pair), None) for pair in pairs
    }
    rest = [each for each in found if not {each.source, each.destination} <= {one, other}]
    assert same >= {(each.source, each.destination, each.traffic) for each in rest}
    return len(crossing) == 1 and len(inner) <= 1 and swapped(rest, one, other) == swapped(rest, one, one)


def shown(found: list[Connection], sources: list[Reference], destinations: list[Reference]) -> list[Connection]:
    """The connections that such a list has."""
    return [
        one
        for one in found
        if (isinstance(one.source, Addresses) or one.source in sources)
        and (isinstance(one.destination, Addresses) or one.destination in destinations)
    ]


@given(random_connections, st.booleans())
def test_two_are_in_a_class_if_and_only_if_swapping_them_changes_nothing(
    found: list[Connection], within_namespaces: bool
) -> None:
    everything = PODS + SETS
    classes = folded(everything, everything, found, SETS, folding=Folding(within_namespaces=within_namespaces)).classes
    class_of = {member: position for position, members in enumerate(classes) for member in members}
    assert sorted(class_of) == sorted(everything)
    for one, other in product(everything, repeat=2):
        if one < other:
            together = class_of[one] == class_of[other]
            allowed = not within_namespaces or one.namespace == other.namespace
            assert together is (allowed and is_equal(found, one, other)), (one, other)


@given(random_connections, sides, sides)
def test_no_connection_is_lost_or_added(
    found: list[Connection], sources: list[Reference], destinations: list[Reference]
) -> None:
    listed = shown(found, sources, destinations)
    assert unfolded(folded(sources, destinations, listed, SETS)) == {
        (one.source, one.destination, one.traffic) for one in listed
    }


@given(random_connections, sides, sides)
def test_rows_are_folded_as_their_connections_are(
    found: list[Connection], sources: list[Reference], destinations: list[Reference]
) -> None:
    listed = [one for one in found if not isinstance(one.source, Addresses)]
    passing = {(one.source, one.destination): one.traffic for one in listed}
    everything = PODS + SETS
    rows: list[ConnectionRow | Connection] = [
        ConnectionRow(source, everything, [passing.get((source, destination)) for destination in everything])
        for source in everything
    ]
    rows += [one for one in found if isinstance(one.source, Addresses) or isinstance(one.destination, Addresses)]
    by_rows, by_connections = (folded(sources, destinations, some, SETS) for some in (rows, found))
    assert by_rows.classes == by_connections.classes
    assert unfolded(by_rows) == unfolded(by_connections)


def unfolded(list_: FoldedList) -> set[tuple[object, object, Traffic]]:
    """Every connection of each member."""
    written: set[tuple[object, object, Traffic]] = set()
    for source in list_.sources:
        for destination in list_.destinations:
            if one := list_.between(source, destination):
                pairs = product(list_.classes[source], list_.classes[destination])
                written |= {(*pair, one.traffic) for pair in pairs if pair[0] != pair[1] or pair[0] in SETS}
        for one in list_.outgoing(source):
            written |= {(member, one.destination, one.traffic) for member in list_.classes[source]}
    for destination in list_.destinations:
        for one in list_.incoming(destination):
            written |= {(one.source, member, one.traffic) for member in list_.classes[destination]}
    return written


def test_few_are_not_folded() -> None:
    assert len(folded(PODS, PODS, [], folding=Folding(least=len(PODS) + 1)).classes) == len(PODS)
    assert len(folded(PODS, PODS, [], folding=Folding(least=len(PODS))).classes) == 1


def test_pods_that_are_not_isolated_are_one_class_however_many_they_are() -> None:
    many = [Reference("x", "Pod", f"p{number}") for number in range(100)]
    found = [Connection(one, other, ALL_TRAFFIC) for one in many for other in many if one != other]
    assert [len(members) for members in folded(many, many, found).classes] == [100]
