"""Policies that implementations of NetworkPolicy have got wrong, as cases in the form of the conformance list.

The comments describe the fault. The pods are those of `conformance.py`; every case is about both families.
"""

from typing import Final

from tests.semantics.conformance import (
    NAMES,
    PORTS,
    PROTOCOLS,
    A,
    B,
    C,
    Case,
    Step,
    address,
    all_around,
    host,
    one_step,
    port_name,
)
from tests.semantics.objects import Object, admits, block, container_port, pod, pods, policy, port, sends


def of_namespace(number: int) -> list[Object]:
    """Peers: the addresses of the pods of x (1), y (2) or z (3), as blocks."""
    return [block(f"10.244.{number}.0/24"), block(f"fd00:10:244:{number}::/64")]


def all_but(*numbers: int) -> list[Object]:
    """Peers: the addresses of all pods, but for those of some namespaces."""
    return [
        block("10.244.0.0/16", *(f"10.244.{number}.0/24" for number in numbers)),
        block("fd00:10:244::/48", *(f"fd00:10:244:{number}::/64" for number in numbers)),
    ]


def with_names_exchanged(path: str) -> Object:
    """A pod of the list whose ports 80 and 81 have each other's names."""
    ports = [
        container_port(port_name(protocol, name), number, protocol)
        for protocol in PROTOCOLS
        for name, number in zip(PORTS, reversed(PORTS), strict=True)
    ]
    addresses = [address(path, family) for family in (4, 6)]
    return pod(path, {"pod": path.partition("/")[2]}, ports=ports, addresses=addresses)


def to_a(*rules: Object) -> Object:
    """A policy for what x/a may receive."""
    return policy("x/to-a", A, ingress=list(rules))


def either_order(first: Object, second: Object, *expect: str) -> tuple[Step, ...]:
    """A policy of two rules, and then one of the same rules the other way round."""
    return Step((to_a(first, second),), expect=expect), Step((to_a(second, first),), expect=expect)


ALL_OF_TCP: Final[Object] = {"protocol": "TCP"}

KNOWN_FAULTS: Final = (
    # An exception that is compiled to "leave the chain" skips the rules behind it.
    Case(
        1,
        "what one rule takes out of a block another rule of the policy allows, whichever comes first",
        either_order(
            admits(*all_around("y/b")),
            admits(*host("y/b"), ports=[port(80)]),
            "deny y/b -> x/a",
            "allow y/b -> x/a on TCP/80",
        ),
    ),
    # Exceptions that are collected in one list take addresses out of other blocks, too.
    Case(
        2,
        "an exception takes addresses out of its own block, and out of no other one",
        one_step(
            to_a(admits(*all_but(2), *host("y/a"))),
            policy("x/more-to-a", A, ingress=[admits(*host("y/b"))]),
            expect=("deny y/c -> x/a",),
        ),
    ),
    # Rules that are kept by their block: of two about the same one, the second replaces the first.
    Case(
        3,
        "of two rules about the same block, one with ports and one without, both count",
        either_order(
            admits(*of_namespace(2), ports=[port(80)]),
            admits(*of_namespace(2)),
            "deny [xz]/* -> x/a",
        ),
    ),
    # A port that is listed first replaces what is said about all ports of its protocol.
    Case(
        4,
        "all ports of a protocol beside one of them are all ports",
        either_order(
            admits(ports=[port(80), ALL_OF_TCP]),
            admits(ports=[port(81, "UDP")]),
            "deny * -> x/a",
            "allow * -> x/a on TCP/*",
            "allow * -> x/a on UDP/81",
        ),
    ),
    # The kernel refuses ranges that overlap, and with them every later change of the set.
    Case(
        5,
        "blocks may repeat, overlap, contain and touch each other, and be everything",
        (
            Step(
                (
                    to_a(
                        admits(
                            *of_namespace(2),
                            *of_namespace(2),
                            *host("y/a"),
                            block("10.244.2.0/25"),
                            block("10.244.2.128/25"),
                            block("10.244.1.128/25"),
                            block("fd00:10:244:2::/65"),
                            block("fd00:10:244:2:8000::/65"),
                        ),
                        admits(*host("y/c"), ports=[port(80)]),
                    ),
                ),
                expect=("deny [xz]/* -> x/a",),
            ),
            Step(
                (to_a(admits(*of_namespace(2), block("0.0.0.0/0"), block("::/0"), block("0.0.0.0/1"))),),
                expect=(),
            ),
            Step(
                (to_a(admits(block("0.0.0.0/0", "10.244.2.0/24"), block("::/0", "fd00:10:244:2::/64", "fd00::/128"))),),
                expect=("deny y/* -> x/a",),
            ),
        ),
    ),
    Case(
        6,
        "exceptions may overlap, lie at both ends of a block, and leave nothing of it",
        (
            Step(
                (
                    to_a(
                        admits(
                            block("10.244.0.0/23", "10.244.0.0/24", "10.244.1.0/25", "10.244.1.8/29"),
                            block("10.244.2.8/29", "10.244.2.8/30", "10.244.2.12/32", "10.244.2.13/32"),
                            block("fd00:10:244:2::/64", *(f"{address(f'y/{name}', 6)}/128" for name in NAMES)),
                        )
                    ),
                ),
                expect=("deny * -> x/a",),
            ),
            Step((to_a(admits(*all_but(1, 2, 3))),), expect=("deny * -> x/a",)),
        ),
    ),
    # Peers and ports that are collected apart allow their product.
    Case(
        7,
        "the ports of a rule are for its own peers, within a policy and between policies",
        (
            Step(
                (to_a(admits(pods(B), ports=[port(80)]), admits(pods(C), ports=[port(81)])),),
                expect=("deny * -> x/a", "allow x/b -> x/a on TCP/80", "allow x/c -> x/a on TCP/81"),
            ),
            Step(
                (to_a(admits(pods(B))), policy("x/more-to-a", A, ingress=[admits(ports=[port(80)])])),
                expect=("deny * -> x/a", "allow * -> x/a on TCP/80", "allow x/b -> x/a"),
            ),
            Step(
                (
                    to_a(admits(pods(B), *host("y/b"), ports=[port(80)])),
                    policy("x/more-to-a", A, ingress=[admits(*host("y/c"), pods(C), ports=[port(81, "UDP")])]),
                ),
                expect=(
                    "deny * -> x/a",
                    "allow [xy]/b -> x/a on TCP/80",
                    "allow [xy]/c -> x/a on UDP/81",
                ),
            ),
        ),
    ),
    # A name that is resolved once, or at any pod, opens ports that have this number only elsewhere.
    Case(
        8,
        "a port name is the number that each destination gives to it",
        (
            Step(
                (
                    with_names_exchanged("x/b"),
                    with_names_exchanged("y/b"),
                    policy("x/named", ingress=[admits(ports=[port("serve-80-tcp")])]),
                ),
                expect=("deny * -> x/*", "allow * -> x/[ac] on TCP/80", "allow * -> x/b on TCP/81"),
            ),
            Step(
                (policy("x/named", A, egress=[sends(pods({}), *of_namespace(2), ports=[port("serve-80-tcp")])]),),
                expect=(
                    "deny x/a -> *",
                    "allow x/a -> [xy]/[ac] on TCP/80",
                    "allow x/a -> [xy]/b on TCP/81",
                ),
            ),
            Step(
                (policy("x/named", A, egress=[sends(ports=[port("serve-80-udp", "UDP"), port("no-such")])]),),
                expect=(
                    "deny x/a -> *",
                    "allow x/a -> [xy]/[ac] on UDP/80",
                    "allow x/a -> [xy]/b on UDP/81",
                    "allow x/a -> z/* on UDP/80",
                ),
            ),
        ),
    ),
    # Ranges of ports that are read as one port, or whose last port is left out.
    Case(
        9,
        "both ends of a range of ports belong to it, and what lies beside it does not",
        (
            Step(
                (to_a(admits(ports=[port(1, to=80)])),),
                expect=("deny * -> x/a", "allow * -> x/a on TCP/80"),
            ),
            Step(
                (to_a(admits(pods(B), ports=[port(81, "SCTP", to=65535)])),),
                expect=("deny * -> x/a", "allow x/b -> x/a on SCTP/81"),
            ),
            Step(
                (to_a(admits(*host("y/b"), ports=[port(79, to=81), port(80, "UDP", to=80), port(80, to=90)])),),
                expect=("deny * -> x/a", "allow y/b -> x/a on TCP/*", "allow y/b -> x/a on UDP/80"),
            ),
        ),
    ),
)
