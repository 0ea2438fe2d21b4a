"""Connections in a few lines."""

from ipaddress import ip_network

from ringfence.analysis.lists.connections import Connection
from ringfence.engine.population import Reference
from ringfence.render.folded_connections import folded_lines
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

TCP_22 = Traffic.of("TCP", ((22, 22),))


def named(name: str) -> Reference:
    return Reference("x", "Pod", name)


def test_the_same_traffic_to_the_same_pods_is_one_line() -> None:
    every = [Connection(named(one), named(other), TCP_22) for one in "ab" for other in "cd"]
    assert list(folded_lines(every)) == ["TCP 22 from x/a and x/b to x/c and x/d"]


def test_other_traffic_is_another_line() -> None:
    both = [Connection(named("a"), named("c"), TCP_22), Connection(named("b"), named("c"), ALL_TRAFFIC)]
    assert list(folded_lines(both)) == ["TCP 22 from x/a to x/c", "all traffic from x/b to x/c"]


def test_pods_beyond_four_are_counted() -> None:
    many = [Connection(named(one), named("z"), TCP_22) for one in "abcdef"]
    assert list(folded_lines(many)) == ["TCP 22 from x/a, x/b, x/c and 3 more to x/z"]


def test_addresses_are_written_as_what_they_are_or_are_not_whichever_is_shorter() -> None:
    one = Addresses.of(ip_network("192.0.2.0/24"))
    sources = (one, ALL_ADDRESSES, ALL_ADDRESSES - one, Addresses.of(ip_network("0.0.0.0/0")))
    assert [next(folded_lines([Connection(source, named("z"), TCP_22)])) for source in sources] == [
        "TCP 22 from 192.0.2.0/24 to x/z",
        "TCP 22 from any address to x/z",
        "TCP 22 from 0.0.0.0/0 except 192.0.2.0/24; ::/0 to x/z",
        "TCP 22 from 0.0.0.0/0 to x/z",
    ]
