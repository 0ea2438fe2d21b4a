"""Single possible connections: the boxes that contain one, and the one that is found."""

from typing import Any

import pytest

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible import (
    A_POD,
    ADDRESS,
    AN_ADDRESS,
    IS_NODE,
    KIND,
    TRAFFIC,
    YES,
    ExactAddress,
    ExactPod,
    Labelled,
    PossibleConnection,
    Role,
    connection_in,
    domain_name_axis,
    label_axis,
    name_axis,
    port_name_axis,
    selection_box,
)
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.sets.addresses import Addresses, parse_address
from ringfence.sets.boxes import Axis, Box, box_of
from ringfence.sets.host_addresses import HostAddresses
from ringfence.sets.label_values import ABSENT, PRESENT, none_of, one_of
from ringfence.sets.traffic import Traffic

SOURCE, DESTINATION = Role
APP = {role: label_axis(role, Labelled.POD, "app") for role in Role}
TEAM = {role: label_axis(role, Labelled.NAMESPACE, "team") for role in Role}
NAME = {role: name_axis(role) for role in Role}


def addresses(*texts: str) -> Addresses:
    return Addresses.of_ranges((family, (number, number)) for family, number in map(parse_address, texts))


def host(*texts: str) -> HostAddresses:
    """The source that has exactly these addresses."""
    numbers = [parse_address(one) for one in texts]
    return HostAddresses.exactly(numbers[0][0], [number for _, number in numbers])


def found(*limits: tuple[Axis, Any]) -> PossibleConnection | None:
    box = box_of(limits)
    assert box is not None
    return connection_in(box)


PODS: list[tuple[Axis, Any]] = [(KIND[role], A_POD) for role in Role]
IN_X: list[tuple[Axis, Any]] = [(NAME[role], one_of("x")) for role in Role]


@pytest.mark.parametrize(
    ("limits", "exists"),
    [
        pytest.param([], True, id="anything"),
        pytest.param(
            [*PODS, *IN_X, (TEAM[SOURCE], one_of("shop")), (TEAM[DESTINATION], one_of("shop", "bank"))],
            True,
            id="one namespace with a label that suits both pods",
        ),
        pytest.param(
            [*PODS, *IN_X, (TEAM[SOURCE], one_of("shop")), (TEAM[DESTINATION], none_of("shop"))],
            False,
            id="two pods of one namespace have the same namespace labels",
        ),
        pytest.param(
            [
                *PODS,
                (NAME[SOURCE], one_of("x")),
                (NAME[DESTINATION], one_of("x", "y")),
                (TEAM[SOURCE], one_of("shop")),
                (TEAM[DESTINATION], none_of("shop")),
            ],
            True,
            id="two pods of different namespaces need not",
        ),
        pytest.param(
            [*IN_X, (TEAM[SOURCE], one_of("shop")), (TEAM[DESTINATION], none_of("shop")), (KIND[SOURCE], AN_ADDRESS)],
            True,
            id="an address outside has no namespace",
        ),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1")), (ADDRESS[DESTINATION], addresses("fd00::1"))],
            False,
            id="two ends meet over one family",
        ),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1")), (ADDRESS[DESTINATION], addresses("10.0.0.1"))],
            False,
            id="two ends have different addresses",
        ),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1")), (ADDRESS[DESTINATION], addresses("10.0.0.1", "10.0.0.9"))],
            True,
            id="two ends with different addresses",
        ),
        pytest.param([(ADDRESS[SOURCE], host("10.0.0.1", "10.1.0.1"))], True, id="a node has several addresses"),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1", "10.1.0.1")), (KIND[SOURCE], A_POD)],
            False,
            id="a pod has one address of a family",
        ),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1", "10.1.0.1")), (IS_NODE[SOURCE], one_of(ABSENT))],
            False,
            id="and so has what is not a node",
        ),
        pytest.param(
            [
                (ADDRESS[SOURCE], host("10.0.0.1", "10.1.0.1")),
                (ADDRESS[DESTINATION], addresses("10.0.0.1", "10.1.0.1", "10.2.0.1")),
            ],
            True,
            id="the destination has none of them",
        ),
        pytest.param(
            [(ADDRESS[SOURCE], host("10.0.0.1", "10.1.0.1")), (ADDRESS[DESTINATION], addresses("10.1.0.1"))],
            False,
            id="nor can it",
        ),
        pytest.param(
            [(KIND[role], AN_ADDRESS) for role in Role], False, id="policies say nothing of two addresses outside"
        ),
    ],
)
def test_a_box_has_a_connection(limits: list[tuple[Axis, Any]], exists: bool) -> None:
    assert (found(*limits) is not None) is exists


def test_the_connection_has_as_few_labels_as_possible() -> None:
    assert found(
        (APP[SOURCE], one_of("web", "db")),
        (APP[DESTINATION], none_of("db")),
        (TEAM[SOURCE], PRESENT),
        (NAME[DESTINATION], one_of("prod")),
    ) == PossibleConnection(
        ExactPod({"team": "other", NAME_LABEL: "somewhere"}, {"app": "db"}, parse_address("10.0.0.1")),
        ExactPod({NAME_LABEL: "prod"}, {}, parse_address("10.0.0.2")),
        "TCP",
        80,
    )


def test_an_address_outside_may_be_that_of_a_node_or_a_domain_name() -> None:
    disk = label_axis(DESTINATION, Labelled.NODE, "disk")
    name = domain_name_axis(DESTINATION, "example.com")
    connection = found((KIND[DESTINATION], AN_ADDRESS), (IS_NODE[DESTINATION], YES), (disk, one_of("ssd")), (name, YES))
    assert connection is not None
    assert connection.destination == ExactAddress(parse_address("203.0.113.1"), {"disk": "ssd"}, ("example.com",))


@pytest.mark.parametrize(
    ("traffic", "port"),
    [
        pytest.param(Traffic.of("TCP"), ("TCP", 80), id="a port that readers know"),
        pytest.param(Traffic.of("UDP", [(5000, 6000)]), ("UDP", 5000), id="otherwise the first"),
        pytest.param(Traffic(other=True), ("", 0), id="a protocol without ports"),
    ],
)
def test_the_port_of_the_connection(traffic: Traffic, port: tuple[str, int]) -> None:
    connection = found((TRAFFIC, traffic))
    assert connection is not None
    assert (connection.protocol, connection.port) == port


def test_the_port_has_the_names_that_the_box_wants() -> None:
    names = [(port_name_axis("http", protocol), YES) for protocol in ("TCP", "UDP")]
    connection = found((TRAFFIC, Traffic.of("TCP", [(8080, 8080)])), (KIND[DESTINATION], A_POD), *names)
    assert connection is not None
    assert connection.port_names == (("http", "TCP"),)


def selection(*namespace_terms: Term, pods: Selector = EVERYTHING) -> PodSelection:
    return PodSelection(pods, namespaces=Selector(namespace_terms))


LONG = "a" * 64


@pytest.mark.parametrize(
    ("selected", "limits"),
    [
        pytest.param(PodSelection(EVERYTHING, namespace="prod"), {NAME[SOURCE]: one_of("prod")}, id="by name"),
        pytest.param(selection(), {}, id="all pods"),
        pytest.param(selection(Term(NAME_LABEL, Operator.EXISTS)), {}, id="every namespace has the label of its name"),
        pytest.param(selection(Term(NAME_LABEL, Operator.DOES_NOT_EXIST)), None, id="and is never without it"),
        pytest.param(
            selection(Term(NAME_LABEL, Operator.IN, frozenset(["Prod", "a.b"]))), None, id="names are DNS labels"
        ),
        pytest.param(
            selection(pods=Selector((Term("app", Operator.IN, frozenset([LONG])),))),
            None,
            id="a value of 64 characters matches nothing",
        ),
        pytest.param(
            selection(pods=Selector((Term("app", Operator.NOT_IN, frozenset([LONG])),))),
            {},
            id="and to exclude it excludes nothing",
        ),
        pytest.param(
            selection(pods=Selector((Term("app", Operator.EXISTS), Term("app", Operator.NOT_IN, frozenset(["web"]))))),
            {APP[SOURCE]: none_of("web", ABSENT)},
            id="terms about one label are ANDed",
        ),
        pytest.param(
            selection(
                pods=Selector(
                    (Term("app", Operator.IN, frozenset(["web"])), Term("app", Operator.NOT_IN, frozenset(["web"])))
                )
            ),
            None,
            id="terms that contradict each other match nothing",
        ),
    ],
)
def test_what_a_selection_can_select(selected: PodSelection, limits: Box | None) -> None:
    assert selection_box(selected, SOURCE) == (None if limits is None else {KIND[SOURCE]: A_POD, **limits})
