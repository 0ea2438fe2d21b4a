"""The upstream end-to-end conformance list for NetworkPolicy, as a table of data.

Nine pods, `a`, `b` and `c` in each of the namespaces `x`, `y` and `z`, every one of them serving TCP, UDP and SCTP on
ports 80 and 81. A case changes the cluster step by step; after each step it says which pods reach which. This module
only has data: tests compare the table with the engine, and with a kernel.

The cases are those of `test/e2e/network/netpol/network_policy.go` in Kubernetes: all 48, in its order, in our own
words. Upstream builds only the pods that a case needs; here all nine exist and all are checked.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from tests.semantics.claims import Claim
from tests.semantics.objects import (
    NAME_LABEL,
    Key,
    Object,
    admits,
    block,
    container_port,
    labelled,
    named,
    namespace,
    namespaces,
    not_named,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
)

NAMESPACES: Final = ("x", "y", "z")
NAMES: Final = ("a", "b", "c")
PODS: Final = tuple(f"{owner}/{name}" for owner in NAMESPACES for name in NAMES)
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
PORTS: Final = (80, 81)
FAMILIES: Final = (4, 6)


class Step(NamedTuple):
    """Changes to the cluster, removals first, and the claims that hold after them.

    `expect` starts from "all pods reach all pods" and is read from top to bottom; the last claim that matches a
    connection decides. Each part of a claim may contain `*` and `[...]`, as in patterns of file names.
    """

    upsert: tuple[Object, ...] = ()
    remove: tuple[Key, ...] = ()
    expect: tuple[str, ...] = ()


class Case(NamedTuple):
    """One case of the list, by its number there, and the protocols that it is about."""

    number: int
    title: str
    steps: tuple[Step, ...]
    protocols: tuple[str, ...] = PROTOCOLS


def expected(step: Step, source: str, destination: str, protocol: str, port: int) -> bool:
    """Whether, after `step`, one pod may open a connection to another. A pod always reaches itself."""
    verdict = True
    for claim in map(Claim.parse, step.expect):
        if (
            fnmatchcase(source, claim.source)
            and fnmatchcase(destination, claim.destination)
            and fnmatchcase(f"{protocol}/{port}", claim.traffic or "*")
        ):
            verdict = claim.truth
    return verdict or source == destination


def model(families: Iterable[int] = FAMILIES) -> list[Object]:
    """The namespaces and the nine pods, which have an address of each of the families."""
    return [*map(namespace, NAMESPACES), *(server(path, families) for path in PODS)]


def server(path: str, families: Iterable[int] = FAMILIES, **labels: str) -> Object:
    """The pod `NAMESPACE/NAME`, labelled `pod: NAME`, which serves every protocol on every port under a name."""
    return pod(
        path,
        {"pod": path.partition("/")[2], **labels},
        ports=[container_port(port_name(protocol, port), port, protocol) for protocol in PROTOCOLS for port in PORTS],
        addresses=[address(path, family) for family in families],
    )


def port_name(protocol: str, port: int) -> str:
    """The name under which every pod serves this port: `serve-80-tcp`."""
    return f"serve-{port}-{protocol.lower()}"


def address(path: str, family: int) -> str:
    """A pod's address in a family."""
    owner, name = path.split("/")
    network, host = NAMESPACES.index(owner) + 1, NAMES.index(name) + 11
    return f"10.244.{network}.{host}" if family == 4 else f"fd00:10:244:{network}::{host}"


def host(path: str) -> list[Object]:
    """Peers: one pod by its addresses."""
    return [block(f"{address(path, 4)}/32"), block(f"{address(path, 6)}/128")]


def all_around(path: str) -> list[Object]:
    """Peers: the sixteenth of each family's addresses in which all the pods are, but for one pod."""
    return [
        block("0.0.0.0/4", f"{address(path, 4)}/32"),
        block("f000::/4", f"{address(path, 6)}/128"),
    ]


A: Final = labelled(pod="a")
B: Final = labelled(pod="b")
C: Final = labelled(pod="c")
NOTHING: Final[list[Object]] = []
EVERYTHING: Final[list[Object]] = [{}]


def deny_ingress() -> tuple[Step, ...]:
    """Of a whole namespace, whose egress stays free."""
    return (Step((policy("x/deny-ingress", ingress=NOTHING),), expect=("deny * -> x/*",)),)


def one_port_from_one_namespace(protocol: str) -> tuple[Step, ...]:
    """Peers and ports in one rule."""
    rule = admits(namespaces(named("y")), ports=[port(81, protocol)])
    return (
        Step(
            (policy("x/port-81-from-y", A, ingress=[rule]),),
            expect=("deny * -> x/a", f"allow y/* -> x/a on {protocol}/81"),
        ),
    )


def one_pod_of_one_namespace() -> tuple[Step, ...]:
    """Both selectors in one peer."""
    rule = admits(namespaces(named("y"), A))
    return (Step((policy("x/from-y-a", A, ingress=[rule]),), expect=("deny * -> x/a", "allow y/a -> x/a")),)


def one_step(*policies: Object, expect: tuple[str, ...]) -> tuple[Step, ...]:
    """A case that only creates policies."""
    return (Step(policies, expect=expect),)


CASES: Final = (
    Case(1, "denying all ingress closes a namespace to everybody, and not its way out", deny_ingress()),
    Case(
        2,
        "denying both directions lets nothing in or out",
        one_step(
            policy("x/deny-all", ingress=NOTHING, egress=NOTHING),
            expect=("deny * -> x/*", "deny x/* -> *"),
        ),
    ),
    Case(
        3,
        "a podSelector alone means pods of the policy's own namespace",
        one_step(
            policy("x/from-b", A, ingress=[admits(pods(B))]),
            expect=("deny * -> x/a", "allow x/b -> x/a"),
        ),
    ),
    Case(
        4,
        "a policy that allows opens one pod of a namespace that denies all",
        one_step(
            policy("x/deny-ingress", ingress=NOTHING),
            policy("x/a-from-all-pods", A, ingress=[admits(namespaces({}, {}))]),
            expect=("deny * -> x/*", "allow * -> x/a"),
        ),
    ),
    Case(
        5,
        "an empty namespaceSelector means the pods of every namespace, the policy's own too",
        one_step(policy("x/from-all-namespaces", A, ingress=[admits(namespaces({}))]), expect=()),
    ),
    Case(
        6,
        "a namespaceSelector for another namespace leaves the policy's own out",
        one_step(
            policy("x/from-y", A, ingress=[admits(namespaces(named("y")))]),
            expect=("deny * -> x/a", "allow y/* -> x/a"),
        ),
    ),
    Case(
        7,
        "a podSelector with an expression",
        one_step(
            policy("x/from-b", A, ingress=[admits(pods(term("pod", "In", "b")))]),
            expect=("deny * -> x/a", "allow x/b -> x/a"),
        ),
    ),
    Case(
        8,
        "a namespaceSelector with an expression",
        one_step(
            policy("x/from-y", A, ingress=[admits(namespaces(term(NAME_LABEL, "In", "y")))]),
            expect=("deny * -> x/a", "allow y/* -> x/a"),
        ),
    ),
    Case(
        9,
        "two peers, one by namespace and one by pod: either is enough",
        one_step(
            policy("x/from-others-or-b", A, ingress=[admits(namespaces(not_named("x")), pods(B))]),
            expect=("deny x/* -> x/a", "allow x/b -> x/a"),
        ),
    ),
    Case(
        10,
        "one peer by namespace and by pod: both must match",
        one_step(
            policy("x/from-b-of-others", A, ingress=[admits(namespaces(not_named("x"), B))]),
            expect=("deny * -> x/a", "allow [yz]/b -> x/a"),
        ),
    ),
    Case(
        11,
        "one peer of several pods in several namespaces",
        one_step(
            policy(
                "x/from-b-c-of-others", A, ingress=[admits(namespaces(not_named("x"), term("pod", "In", "b", "c")))]
            ),
            expect=("deny * -> x/a", "allow [yz]/[bc] -> x/a"),
        ),
    ),
    Case(
        12,
        "two podSelectors: pods of either",
        one_step(
            policy("x/from-b-or-c", A, ingress=[admits(pods(B), pods(C))]),
            expect=("deny * -> x/a", "allow x/[bc] -> x/a"),
        ),
    ),
    Case(13, "one pod of one other namespace", one_pod_of_one_namespace()),
    Case(14, "one port, from one namespace", one_port_from_one_namespace("TCP")),
    Case(
        15,
        "a second policy for the same pod adds a port to the first one's",
        (
            *one_port_from_one_namespace("TCP"),
            Step(
                (policy("x/port-80-from-y", A, ingress=[admits(namespaces(named("y")), ports=[port(80)])]),),
                expect=("deny * -> x/a", "allow y/* -> x/a on TCP/*"),
            ),
        ),
    ),
    Case(16, "an empty rule allows everything", one_step(policy("x/allow-all", ingress=EVERYTHING), expect=())),
    Case(
        17,
        "a port by its name, for everybody",
        one_step(
            policy("x/named-port", A, ingress=[admits(ports=[port("serve-81-tcp")])]),
            expect=("deny * -> x/a", "allow * -> x/a on TCP/81"),
        ),
    ),
    Case(
        18,
        "a port by its name, for one namespace",
        one_step(
            policy("x/named-port-from-y", A, ingress=[admits(namespaces(named("y")), ports=[port("serve-80-tcp")])]),
            expect=("deny * -> x/a", "allow y/* -> x/a on TCP/80"),
        ),
    ),
    Case(
        19,
        "a port by its name in egress is looked up at the destination",
        one_step(
            policy("x/to-named-port", A, egress=[sends(ports=[port("serve-80-tcp")])]),
            expect=("deny x/a -> *", "allow x/a -> * on TCP/80"),
        ),
    ),
    Case(
        20,
        "a policy that is changed from allowing all to denying all",
        (
            Step((policy("x/changing", ingress=EVERYTHING),)),
            Step((policy("x/changing", ingress=NOTHING),), expect=("deny * -> x/*",)),
        ),
    ),
    Case(
        21,
        "a namespace that gets the label that a policy asks for",
        (
            Step(
                (policy("x/from-updated", A, ingress=[admits(namespaces(labelled(stage="updated")))]),),
                expect=("deny * -> x/a",),
            ),
            Step((namespace("y", stage="updated"),), expect=("deny * -> x/a", "allow y/* -> x/a")),
        ),
    ),
    Case(
        22,
        "a client that gets the label that a policy asks for",
        (
            Step(
                (policy("x/from-updated", A, ingress=[admits(pods(labelled(stage="updated")))]),),
                expect=("deny * -> x/a",),
            ),
            Step((server("x/b", stage="updated"),), expect=("deny * -> x/a", "allow x/b -> x/a")),
        ),
    ),
    Case(
        23,
        "an empty podSelector as a peer means all pods of the policy's own namespace, and no others",
        one_step(
            policy("x/from-own-namespace", A, ingress=[admits(pods({}))]),
            expect=("deny * -> x/a", "allow x/* -> x/a"),
        ),
    ),
    Case(
        24,
        "a server that gets the label by which a policy isolates",
        (
            Step((policy("x/isolate", labelled(stage="isolated"), ingress=NOTHING),)),
            Step((server("x/a", stage="isolated"),), expect=("deny * -> x/a",)),
        ),
    ),
    Case(
        25,
        "denying the egress of one pod leaves its neighbours alone",
        one_step(policy("x/deny-egress-of-a", A, egress=NOTHING), expect=("deny x/a -> *",)),
    ),
    Case(
        26,
        "denying the egress of a whole namespace",
        one_step(policy("x/deny-egress", egress=NOTHING), expect=("deny x/* -> *",)),
    ),
    Case(
        27,
        "ingress and egress in one policy, each with rules of its own",
        one_step(
            policy("x/both-ways", A, ingress=[admits(pods(B))], egress=[sends(ports=[port(80)])]),
            expect=("deny * -> x/a", "deny x/a -> *", "allow x/b -> x/a", "allow x/a -> * on TCP/80"),
        ),
    ),
    Case(
        28,
        "a client that may not send is refused even by a server that would have it",
        one_step(
            policy("x/a-to-y-a", A, egress=[sends(namespaces(named("y"), A))]),
            policy("y/a-from-x-a", A, ingress=[admits(namespaces(named("x"), A))]),
            policy("y/b-from-x-a", B, ingress=[admits(namespaces(named("x"), A))]),
            expect=("deny x/a -> *", "deny * -> y/[ab]", "allow x/a -> y/a"),
        ),
    ),
    Case(
        29,
        "egress to one pod of one other namespace",
        one_step(
            policy("x/a-to-y-a", A, egress=[sends(namespaces(named("y"), A))]),
            expect=("deny x/a -> *", "allow x/a -> y/a"),
        ),
    ),
    Case(
        30,
        "a protocol without a port means all its ports, and no other protocol",
        one_step(
            policy("x/all-of-tcp", A, ingress=[admits(ports=[{"protocol": "TCP"}])]),
            expect=("deny * -> x/a", "allow * -> x/a on TCP/*"),
        ),
    ),
    Case(
        31,
        "a policy that allows all ingress wins over one that allows a port",
        (
            Step(
                (policy("x/in-80", A, ingress=[admits(ports=[port(80)])]),),
                expect=("deny * -> x/a", "allow * -> x/a on TCP/80"),
            ),
            Step((policy("x/in-all", ingress=EVERYTHING),)),
        ),
    ),
    Case(
        32,
        "a policy that allows all egress wins over one that allows a port",
        (
            Step(
                (policy("x/out-80", A, egress=[sends(ports=[port(80)])]),),
                expect=("deny x/a -> *", "allow x/a -> * on TCP/80"),
            ),
            Step((policy("x/out-all", egress=EVERYTHING),)),
        ),
    ),
    Case(
        33,
        "policies that are deleted hold no longer",
        (
            Step(
                (policy("x/deny-ingress", ingress=NOTHING), policy("x/deny-egress", egress=NOTHING)),
                expect=("deny * -> x/*", "deny x/* -> *"),
            ),
            Step(remove=(("NetworkPolicy", "x", "deny-egress"),), expect=("deny * -> x/*",)),
            Step(remove=(("NetworkPolicy", "x", "deny-ingress"),)),
        ),
    ),
    Case(
        34,
        "egress to a pod by its addresses",
        one_step(
            policy("x/to-y-b", A, egress=[sends(*host("y/b"))]),
            expect=("deny x/a -> *", "allow x/a -> y/b"),
        ),
    ),
    Case(
        35,
        "egress to a block of addresses, except one pod's",
        one_step(
            policy("x/around-x-b", A, egress=[sends(*all_around("x/b"))]),
            expect=("deny x/a -> x/b",),
        ),
    ),
    Case(
        36,
        "an address that one policy takes out of a block and another allows is allowed",
        (
            Step((policy("x/around-x-b", A, egress=[sends(*all_around("x/b"))]),), expect=("deny x/a -> x/b",)),
            Step((policy("x/to-x-b", A, egress=[sends(*host("x/b"))]),)),
            Step(
                remove=(("NetworkPolicy", "x", "around-x-b"),),
                expect=("deny x/a -> *", "allow x/a -> x/b"),
            ),
        ),
    ),
    Case(
        37,
        "what a pod may open does not depend on what may be opened to it",
        one_step(
            policy("x/out-all", A, egress=EVERYTHING),
            policy("x/in-none", A, ingress=NOTHING),
            expect=("deny * -> x/a",),
        ),
    ),
    Case(
        38,
        "an SCTP port does not open the TCP port of the same number",
        one_step(
            policy("x/sctp-81", A, ingress=[admits(ports=[port(81, "SCTP")])]),
            expect=("deny * -> x/a", "allow * -> x/a on SCTP/81"),
        ),
    ),
    Case(
        39,
        "a policy that speaks only of SCTP isolates its pods for TCP as well",
        one_step(
            policy("x/sctp-80", A, ingress=[admits(ports=[port(80, "SCTP")])]),
            expect=("deny * -> x/a", "allow * -> x/a on SCTP/80"),
        ),
    ),
    Case(
        40,
        "a UDP port does not open the TCP port of the same number",
        one_step(
            policy("x/udp-81", A, ingress=[admits(ports=[port(81, "UDP")])]),
            expect=("deny * -> x/a", "allow * -> x/a on UDP/81"),
        ),
    ),
    Case(
        41,
        "a namespace by the label that the control plane gives it",
        one_step(
            policy("x/from-y", A, ingress=[admits(namespaces({"matchLabels": {NAME_LABEL: "y"}}))]),
            expect=("deny * -> x/a", "allow y/* -> x/a"),
        ),
    ),
    Case(
        42,
        "egress to every namespace but one, by the label that the control plane gives it",
        one_step(
            policy("x/to-all-but-y", A, egress=[sends(namespaces(not_named("y")))]),
            expect=("deny x/a -> y/*",),
        ),
    ),
    Case(43, "UDP: denying all ingress closes a namespace to everybody", deny_ingress(), ("UDP",)),
    Case(44, "UDP: one port, from one namespace", one_port_from_one_namespace("UDP"), ("UDP",)),
    Case(45, "UDP: one pod of one other namespace", one_pod_of_one_namespace(), ("UDP",)),
    Case(46, "SCTP: denying all ingress closes a namespace to everybody", deny_ingress(), ("SCTP",)),
    Case(47, "SCTP: one port, from one namespace", one_port_from_one_namespace("SCTP"), ("SCTP",)),
    Case(48, "SCTP: one pod of one other namespace", one_pod_of_one_namespace(), ("SCTP",)),
)
