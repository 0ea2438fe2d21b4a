"""Possible pods in words, and as the selectors of a peer."""

import pytest

from ringfence.engine.possible import NamedPorts, PossiblePods, PossibleTraffic
from ringfence.model.selector_text import parse_selector
from ringfence.render.possible_pods import (
    possible_pods_json,
    possible_pods_text,
    possible_traffic_json,
    possible_traffic_text,
)
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

EXISTING = ["dev", "prod"]
NAME = "kubernetes.io/metadata.name"
HTTP, WEB, DNS = ("http", "TCP"), ("web", "TCP"), ("dns", "UDP")


def pods(spaces: str, labels: str) -> PossiblePods:
    return PossiblePods(parse_selector(spaces), parse_selector(labels))


@pytest.mark.parametrize(
    ("spaces", "labels", "text"),
    [
        ("", "", "any pod of any namespace"),
        (f"{NAME}=dev", "", "any pod of namespace dev"),
        (f"{NAME}=dev", "app=web", "pods with app=web of namespace dev"),
        (f"{NAME} in (dev,prod)", "app=web", "pods with app=web of namespaces dev and prod"),
        (f"{NAME} in (a,b,c)", "", "any pod of namespaces a, b and c"),
        (f"{NAME} in (a,b,c,d,e)", "", "any pod of namespaces a, b, c and 2 others"),
        ("team=shop", "", "any pod in a namespace with team=shop"),
        ("team!=shop,!env", "", "any pod in a namespace with team!=shop and without env"),
        ("!env", "", "any pod in a namespace without env"),
        (f"{NAME}!=dev", "", "any pod of any namespace other than dev"),
        (f"team=shop,{NAME}!=dev", "app", "pods with app in a namespace with team=shop, other than dev"),
        (f"{NAME} notin (dev,prod)", "", "any pod in a namespace to come"),
        (f"{NAME} notin (dev,prod),team=shop", "", "any pod in a namespace to come with team=shop"),
        (f"{NAME}=later,team=shop", "", "any pod of a namespace later with team=shop"),
        (
            "",
            "app=web,tier notin (a,b),!canary",
            "pods with app=web,tier notin (a,b) and without canary of any namespace",
        ),
    ],
)
def test_words(spaces: str, labels: str, text: str) -> None:
    assert possible_pods_text(pods(spaces, labels), EXISTING) == text


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        (PossibleTraffic(ALL_TRAFFIC), "all traffic"),
        (PossibleTraffic(NO_TRAFFIC), "nothing"),
        (PossibleTraffic(NO_TRAFFIC, (NamedPorts((HTTP,), (), Traffic.of("TCP")),)), "TCP ports named http"),
        (
            PossibleTraffic(
                Traffic.of("UDP", [(53, 53)]), tuple(NamedPorts((one,), (), Traffic.of("TCP")) for one in (HTTP, WEB))
            ),
            "UDP 53; TCP ports named http or web",
        ),
        (
            PossibleTraffic(NO_TRAFFIC, (NamedPorts((HTTP, WEB), (), Traffic.of("TCP", [(80, 90)])),)),
            "TCP 80-90 if named http and web",
        ),
        (
            PossibleTraffic(NO_TRAFFIC, (NamedPorts((HTTP,), (WEB,), Traffic.of("TCP")),)),
            "TCP ports named http and not web",
        ),
        (
            PossibleTraffic(NO_TRAFFIC, (NamedPorts((), (DNS,), Traffic.of("UDP", [(53, 53)])),)),
            "UDP 53 if named not dns",
        ),
    ],
)
def test_traffic_in_words(traffic: PossibleTraffic, text: str) -> None:
    assert possible_traffic_text(traffic) == text


def test_selectors_are_those_of_a_peer() -> None:
    assert possible_pods_json(pods(f"{NAME}=dev", "app=web,tier in (a,b),!canary,env")) == {
        "namespaceSelector": {"matchLabels": {NAME: "dev"}},
        "podSelector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "canary", "operator": "DoesNotExist"},
                {"key": "env", "operator": "Exists"},
            ],
        },
    }
    assert possible_pods_json(pods("", "")) == {"namespaceSelector": {}, "podSelector": {}}


def test_names_of_ports_stand_beside_the_numbers() -> None:
    traffic = PossibleTraffic(NO_TRAFFIC, (NamedPorts((HTTP,), (WEB,), Traffic.of("TCP", [(80, 80)])),))
    ports = [{"protocol": "TCP", "ports": "80"}]
    named = [{"names": ["http"], "notNamed": ["web"], "traffic": ports}]
    assert possible_traffic_json(traffic) == {"traffic": [], "namedPorts": named}
