"""Sets of protocols and ports."""

import operator
from collections.abc import Callable
from functools import reduce
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets import intervals
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic, port_list

PORTS = (*range(1, 25), *range(65530, 65536))
OTHER = ("other", 0)

ends = st.sampled_from(PORTS)
ranges = st.lists(st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair))), max_size=3).map(intervals.normalise)
traffics = st.builds(Traffic, ranges, ranges, ranges, st.booleans())


def members(traffic: Traffic) -> set[tuple[str, int]]:
    """What of all samples is in the set, by asking for each."""
    listed = {(protocol, port) for protocol, port in product(PROTOCOLS, PORTS) if traffic.contains(protocol, port)}
    return listed | {OTHER} if traffic.other else listed


@pytest.mark.parametrize("operation", [operator.or_, operator.and_, operator.sub])
@given(a=traffics, b=traffics)
def test_operators_are_those_of_sets(operation: Callable[[object, object], object], a: Traffic, b: Traffic) -> None:
    result = operation(a, b)
    assert isinstance(result, Traffic)
    assert members(result) == operation(members(a), members(b))


@given(traffics)
def test_a_set_is_true_unless_it_is_empty(traffic: Traffic) -> None:
    assert bool(traffic) is bool(members(traffic))


@given(traffics, traffics)
def test_equal_sets_are_equal_values_with_equal_hashes(a: Traffic, b: Traffic) -> None:
    assert (a == b) is (members(a) == members(b))
    assert hash(a & b) == hash(b & a)
    assert a | b == b | a


@given(st.sampled_from(PROTOCOLS), ranges)
def test_traffic_of_one_protocol_is_of_no_other(protocol: str, ports: intervals.Intervals) -> None:
    traffic = Traffic.of(protocol, ports)
    assert traffic.ports(protocol) == ports
    assert all(not traffic.ports(other) for other in PROTOCOLS if other != protocol)
    assert not traffic.other, "no port rule can name ICMP and its like"


def test_one_protocol_without_ports_means_all_its_ports() -> None:
    assert Traffic.of("UDP").udp == ALL_PORTS == ((1, 65535),)


@given(traffics)
def test_a_single_port_is_a_set_of_one(traffic: Traffic) -> None:
    if traffic.single:
        protocol, number = traffic.single
        assert traffic == Traffic.of(protocol, [(number, number)])
    else:
        sizes = [high - low + 1 for protocol in PROTOCOLS for low, high in traffic.ports(protocol)]
        assert sum(sizes) != 1 or traffic.other


@given(st.sampled_from(PROTOCOLS), st.integers(1, 65535))
def test_one_port_is_single(protocol: str, number: int) -> None:
    assert Traffic.of(protocol, [(number, number)]).single == (protocol, number)


def test_ports_may_be_given_in_any_order() -> None:
    assert Traffic.of("TCP", [(443, 443), (80, 82), (81, 90)]).tcp == ((80, 90), (443, 443))


def test_every_protocol_with_all_ports_is_not_all_traffic() -> None:
    every_port = Traffic.of("TCP") | Traffic.of("UDP") | Traffic.of("SCTP")
    assert every_port != ALL_TRAFFIC
    assert ALL_TRAFFIC - every_port == Traffic(other=True)


@pytest.mark.parametrize(
    ("traffic", "written"),
    [
        pytest.param(NO_TRAFFIC, "nothing", id="nothing"),
        pytest.param(ALL_TRAFFIC, "all traffic", id="everything"),
        pytest.param(Traffic.of("TCP", [(80, 80)]), "TCP 80", id="one port"),
        pytest.param(Traffic.of("TCP", [(80, 80), (443, 443), (8000, 8080)]), "TCP 80,443,8000-8080", id="ranges"),
        pytest.param(
            Traffic.of("SCTP", [(7, 7)]) | Traffic.of("UDP", [(53, 53)]), "UDP 53; SCTP 7", id="several protocols"
        ),
        pytest.param(ALL_TRAFFIC - Traffic.of("UDP"), "TCP 1-65535; SCTP 1-65535; other protocols", id="all but one"),
        pytest.param(Traffic(other=True), "other protocols", id="only what has no ports"),
    ],
)
def test_traffic_as_text(traffic: Traffic, written: str) -> None:
    assert str(traffic) == written


@pytest.mark.parametrize(
    ("ports", "written"),
    [((), ""), (((80, 80),), "80"), (((80, 80), (8000, 8080)), "80,8000-8080"), (ALL_PORTS, "1-65535")],
)
def test_ports_as_text(ports: intervals.Intervals, written: str) -> None:
    assert port_list(ports) == written


@given(st.lists(traffics, max_size=4))
def test_a_union_of_many_is_that_of_one_after_another(several: list[Traffic]) -> None:
    assert Traffic.union_of(several) == reduce(operator.or_, several, NO_TRAFFIC)
