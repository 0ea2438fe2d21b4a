"""Every kind of peer with every kind of port, in both directions: each is the one rule of a pod of its own.

The namespace x has a pod for each combination, which one policy isolates, and beside it there are pods of three
namespaces that connect to it, or to which it connects.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.semantics.conformance import address, server
from tests.semantics.objects import (
    Object,
    admits,
    block,
    labelled,
    named,
    namespace,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
)

OTHERS: Final = ("x/a", "x/b", "y/a", "y/b", "z/a")
"""The pods at the other ends."""


def expressed(*terms: Object) -> Object:
    """A selector by several expressions."""
    return {"matchExpressions": [one for selector in terms for one in selector["matchExpressions"]]}


POD_SELECTORS: Final[tuple[Object, ...]] = (
    {},
    labelled(pod="a"),
    labelled(pod="a", tier="one"),
    term("pod", "In", "a", "none"),
    term("pod", "NotIn", "a"),
    term("tier", "Exists"),
    term("tier", "DoesNotExist"),
    expressed(term("pod", "In", "a", "b"), term("tier", "NotIn", "two")),
)
NAMESPACE_SELECTORS: Final[tuple[Object, ...]] = (
    {},
    named("y"),
    labelled(team="blue"),
    term("team", "In", "red", "blue"),
    term("team", "NotIn", "blue"),
    term("team", "Exists"),
    term("team", "DoesNotExist"),
)


def hosts(*paths: str) -> list[Object]:
    """Peers: some pods by their addresses."""
    return [block(f"{address(path, family)}/{length}") for path in paths for family, length in ((4, 32), (6, 128))]


PEERS: Final[tuple[list[Object], ...]] = (
    [],
    *([pods(selector)] for selector in POD_SELECTORS),
    *([namespaces(selector)] for selector in NAMESPACE_SELECTORS),
    *(
        [namespaces(where, which)]
        for where in NAMESPACE_SELECTORS
        for which in (POD_SELECTORS[0], POD_SELECTORS[1], POD_SELECTORS[4])
    ),
    hosts("y/a"),
    [block("10.244.2.0/24")],
    [block("fd00:10:244:2::/64")],
    [block("0.0.0.0/0"), block("::/0")],
    [block("10.244.0.0/16", "10.244.2.0/24"), block("fd00:10:244::/48", "fd00:10:244:1::/64")],
    [block("0.0.0.0/0", f"{address('y/a', 4)}/32"), block("::/0", f"{address('x/a', 6)}/128")],
    [pods(POD_SELECTORS[1]), namespaces(named("y"))],
    [pods(POD_SELECTORS[1]), *hosts("y/b")],
    [namespaces(named("z")), block("10.244.2.0/24", f"{address('y/a', 4)}/32")],
)
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
PORTS: Final[tuple[list[Object], ...]] = (
    [],
    [{}],
    *([{"protocol": protocol}] for protocol in PROTOCOLS),
    *([port(80, protocol)] for protocol in PROTOCOLS),
    *([port(f"serve-81-{protocol.lower()}", protocol)] for protocol in PROTOCOLS),
    *([port(80, protocol, to=81)] for protocol in PROTOCOLS),
    [port("serve-80-udp", "TCP")],
    [port("no-such-port")],
    [port(81, to=65535)],
    [port(1, to=80)],
    [port(80), port(81)],
    [port(80), port(81, "UDP"), {"protocol": "SCTP"}],
    [port("serve-80-tcp"), port(81, "SCTP")],
    [{"protocol": protocol} for protocol in PROTOCOLS],
)


class Combination(NamedTuple):
    """Peers and ports of the one rule in one direction."""

    direction: str
    peers: list[Object]
    ports: list[Object]


def combinations() -> Iterator[Combination]:
    """Every kind of peer with no ports, a number and a name, and every kind of ports with two kinds of peers."""
    for direction in ("ingress", "egress"):
        for peers in PEERS:
            for ports in ([], [port(80)], [port("serve-81-udp", "UDP")]):
                yield Combination(direction, peers, ports)
        for ports in PORTS:
            for peers in ([pods({}), *hosts("y/a")], [namespaces(named("y"))]):
                yield Combination(direction, peers, ports)


ALL: Final = tuple(combinations())


def subject(number: int) -> str:
    """The pod of a combination."""
    return f"x/subject-{number}"


def objects() -> Iterator[Object]:
    """The cluster."""
    yield namespace("x", team="red")
    yield namespace("y", team="blue")
    yield namespace("z")
    yield from (server(path, tier="one") if path.endswith("/a") else server(path) for path in OTHERS)
    for number, (direction, peers, ports) in enumerate(ALL):
        yield _subject(number)
        rule = (admits if direction == "ingress" else sends)(*peers, ports=ports)
        yield policy(f"x/policy-{number}", labelled(subject=str(number)), **{direction: [rule]})


def _subject(number: int) -> Object:
    """A pod with the ports of all others, and addresses of its own."""
    like = server("x/c")
    addresses = [f"10.244.{8 + number // 200}.{number % 200 + 2}", f"fd00:10:244:8::{number + 2:x}"]
    ports = like["spec"]["containers"][0]["ports"]
    return pod(subject(number), {"subject": str(number)}, ports=ports, addresses=addresses)
