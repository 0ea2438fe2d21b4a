"""Nodes by name, and their addresses."""

from ipaddress import ip_network

import pytest
from tests.agent.work import work_of
from tests.semantics.objects import Object, node

from ringfence.engine import population
from ringfence.engine.population import Nodes, addresses_of
from ringfence.model.decoding import decode
from ringfence.model.objects import Node
from ringfence.model.selector_text import parse_selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses


def decoded(written: Object, **labels: str) -> Node:
    found = decode({**written, "metadata": {**written["metadata"], "labels": labels}})
    assert isinstance(found, Node)
    return found


def test_names_of_hosts_are_not_addresses() -> None:
    assert addresses_of(decoded(node("n", "192.168.0.1", "fd09::1"))) == Addresses.of(
        ip_network("192.168.0.1/32"), ip_network("fd09::1/128")
    )


def test_only_nodes_with_these_labels_count() -> None:
    edge, other = decoded(node("m", "192.168.0.1"), role="edge"), decoded(node("n", "192.168.0.2"))
    nodes = Nodes()
    nodes.replace("m", edge)
    nodes.replace("n", other)
    assert nodes.addresses_matching(parse_selector("role=edge")) == addresses_of(edge)
    assert nodes.all_addresses() == addresses_of(edge) | addresses_of(other)


def test_nodes_are_matched_again_once_one_has_changed() -> None:
    edge, inner = decoded(node("m", "192.168.0.1"), role="edge"), decoded(node("m", "192.168.0.1"), role="inner")
    other = decoded(node("n", "192.168.0.2"), role="edge")
    nodes = Nodes()
    role = parse_selector("role=edge")
    for name, one, expected in (
        ("m", edge, addresses_of(edge)),
        ("n", other, addresses_of(edge) | addresses_of(other)),
        ("m", inner, addresses_of(other)),
        ("n", None, NO_ADDRESSES),
    ):
        nodes.replace(name, one)
        assert nodes.addresses_matching(role) == expected


def test_nodes_are_matched_once_while_none_changes() -> None:
    nodes = Nodes()
    for number in range(50):
        nodes.replace(f"n{number}", decoded(node(f"n{number}", f"192.168.0.{number}"), role=f"r{number % 5}"))

    selectors = [parse_selector(f"role!=r{number}") for number in range(5)]

    def match() -> None:
        for selector in selectors:
            nodes.addresses_matching(selector)

    first = work_of(match)
    assert work_of(match) < first // 20


def test_a_change_of_a_node_costs_nothing_for_the_selectors_that_do_not_match_it() -> None:
    nodes = Nodes()
    for number in range(50):
        nodes.replace(f"n{number}", decoded(node(f"n{number}", f"192.168.0.{number}"), role="edge"))
    role = parse_selector("role=edge")
    first = work_of(lambda: nodes.addresses_matching(role))
    nodes.replace("other", decoded(node("other", "192.168.1.1"), role="inner"))
    nodes.replace("n0", decoded(node("n0", "192.168.0.0"), role="edge"))
    assert work_of(lambda: nodes.addresses_matching(role)) < first // 20


def test_selectors_that_are_no_longer_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population.nodes, "_MOST_REMEMBERED", 10)
    nodes = Nodes()
    selectors = [parse_selector(f"role=r{number}") for number in range(11)]
    for selector in selectors:
        nodes.addresses_matching(selector)
    nodes.replace("n", decoded(node("n", "192.168.0.1"), role="other"))
    assert work_of(lambda: nodes.addresses_matching(selectors[0])) > work_of(
        lambda: nodes.addresses_matching(selectors[0])
    )


def test_the_addresses_of_a_node_are_those_that_it_reports_now() -> None:
    first, second = decoded(node("n", "192.168.0.1")), decoded(node("n", "192.168.0.2"))
    nodes = Nodes()
    assert nodes.addresses_of("n") == NO_ADDRESSES
    assert nodes.replace("n", first) is None
    assert nodes.addresses_of("n") == addresses_of(first)
    assert nodes.replace("n", second) is first
    assert nodes.addresses_of("n") == addresses_of(second)
    assert nodes.replace("n", None) is second
    assert nodes.addresses_of("n") == NO_ADDRESSES
    assert list(nodes) == []
