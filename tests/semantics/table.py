"""A small world in which rows of tables are checked with the engine and with the naive evaluator."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.semantics.judges import both_judges
from tests.semantics.objects import Object, container_port, labelled, namespace, node, pod, policy

PORTS = [container_port("http", 8080), container_port("dns", 53, "UDP")]
SERVER = pod("x/server", {"app": "server"}, ports=PORTS, addresses=["10.0.1.1", "fd00:1::1"], nodeName="here")
WORLD = [
    namespace("x", team="red"),
    namespace("y", team="blue"),
    node("here", "192.168.0.1", "fd09::1"),
    node("there", "192.168.0.2", "fd09::2"),
    SERVER,
    pod("x/client", {"app": "client"}, addresses=["10.0.1.2", "fd00:1::2"]),
    pod("x/other", {"app": "other"}, addresses=["10.0.1.3", "fd00:1::3"]),
    pod("y/client", {"app": "client"}, addresses=["10.0.2.2", "fd00:2::2"]),
    pod("y/other", {"app": "other"}, addresses=["10.0.2.3", "fd00:2::3"]),
    pod("z/client", {"app": "client"}, addresses=["10.0.3.2", "fd00:3::2"]),
]
"""Namespace z has no object of its own: folders of manifests often lack namespaces that are created elsewhere."""

PODS = ("x/client", "x/other", "y/client", "y/other", "z/client")
OUTSIDE = ("203.0.113.7", "2001:db8::7")
EVERYBODY = (*PODS, *OUTSIDE)
APP_SERVER = labelled(app="server")
APP_CLIENT = labelled(app="client")

Row = tuple[str, Any, Iterable[str]]
Test = Callable[..., None]


def rows(*table: Row) -> Callable[[Test], Test]:
    """A test of rows (description, policies, claims), each checked with both judges."""
    params = [pytest.param(written, list(claims), id=title) for title, written, claims in table]

    def decorate(test: Test) -> Test:
        return both_judges(pytest.mark.parametrize(("written", "claims"), params)(test))

    return decorate


def only(*sources: str, on: str = "") -> list[str]:
    """The claims that these sources, and no others, reach the server."""
    traffic = on and f" on {on}"
    return [f"{'allow' if source in sources else 'deny'} {source} -> x/server{traffic}" for source in EVERYBODY]


def everybody(on: str = "") -> list[str]:
    """The claims that all reach the server."""
    return only(*EVERYBODY, on=on)


def nobody(on: str = "") -> list[str]:
    """The claims that none reaches the server."""
    return only(on=on)


def with_ingress(*rules: Object) -> list[Object]:
    """The world, with a policy for the ingress of the server."""
    return [*WORLD, policy("x/in", APP_SERVER, ingress=list(rules))]


def with_egress(*rules: Object) -> list[Object]:
    """The world, with a policy for the egress of the client that is beside the server."""
    return [*WORLD, policy("x/out", APP_CLIENT, egress=list(rules))]
