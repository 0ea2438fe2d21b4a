"""The cases of the full experiment. Each case measures a trait that connections can show.

In each case, a policy isolates pods and allows only the connections that the trait concerns. The witness is a client
that this policy denies for every value of the trait. When the witness is denied, the policy is in force, and the
subject shows the value of the trait. The trait of new pods is not measured by such a case, because its subjects start
after the policy is in force.

Source: kubernetes.io, "Network Policies".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ringfence.doctor.probe.manifests import (
    KUBELET_PORT,
    PORT_NAME,
    RANGE_PORT,
    ROLE,
    SCTP_PORT,
    SERVER,
    SERVICE_PORT,
    TCP_PORT,
    UDP_PORT,
    Client,
    Conduct,
    ProbeTarget,
)

Spec = Mapping[str, Any]

CONTROL: Final = Client("control", "control")
SUBJECT: Final = Client("subject", "subject")
RANGE: Final = Client("range", "subject", RANGE_PORT)
UDP: Final = Client("udp", "subject", UDP_PORT, "UDP")
SCTP: Final = Client("sctp", "subject", SCTP_PORT, "SCTP")

OVER_IPV6: Final = Client("ipv6", "subject", target=ProbeTarget.SERVER_OVER_IPV6)
BARE: Final = Client("bare", "bare", owned=False)

CLIENTS: Final = (CONTROL, SUBJECT, RANGE, UDP, SCTP, OVER_IPV6, BARE)
"""The clients that start together in the full experiment. The basic experiment has only the first two."""

KEEPING: Final = Client("keeping", "subject", RANGE_PORT, conduct=Conduct.KEEPS)
OVER_SERVICE: Final = Client("service", "subject", SERVICE_PORT, target=ProbeTarget.SERVICE)
TO_NODE: Final = Client("node", "subject", KUBELET_PORT, target=ProbeTarget.NODE)
OLD: Final = Client("old", "newcomer")
NEWCOMERS: Final = tuple(Client(f"new-{number}", OLD.role, conduct=Conduct.STARTS) for number in range(5))
FREE_NEWCOMER: Final = Client("new-control", "control", conduct=Conduct.STARTS)
LATER_CLIENTS: Final = (KEEPING, OVER_SERVICE, TO_NODE, OLD, *NEWCOMERS, FREE_NEWCOMER)
"""The clients that start only when a case needs them.

So a client that cannot start does not affect the other cases. For example, the image may not contain a program that the
client's script needs.
"""

FROM_NODE: Final = Client(SERVER, SERVER)
"""The server itself as a client: the kubelet of its node connects to it, and it is ready while the kubelet can."""


class Case(msgspec.Struct, frozen=True):
    """A policy, its witness and its subject, and the values of the trait if the subject can connect or is denied.

    `selected` is the role of the pods that the policy selects; if it is empty, the policy selects all pods of the site.
    `spec` returns the spec of the policy, without its podSelector, for the first address of the server. `needs` are the
    values that earlier topics must have; otherwise the case shows nothing. The subject may be denied up to `settling`
    seconds later than the witness.
    """

    topic: str
    selected: str
    spec: Callable[[str], Spec]
    subject: Client
    witness: Client
    if_open: str
    if_denied: str
    needs: Mapping[str, str] = {}
    settling: float = 0.0


def _block(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def _everything(address: str) -> str:
    return "::/0" if ":" in address else "0.0.0.0/0"


def _ingress(*ports: Spec) -> Callable[[str], Spec]:
    """A spec that allows ingress from the subject on these ports."""
    peer = {"podSelector": {"matchLabels": {ROLE: SUBJECT.role}}}
    return lambda address: {"policyTypes": ["Ingress"], "ingress": [{"from": [peer], "ports": [*ports]}]}


def _egress(block: Callable[[str], Spec]) -> Callable[[str], Spec]:
    """A spec that allows egress to a block, only on the first port of the server.

    The witness of these cases is the client on the server's other port: the policy denies it for every value.
    """
    ports = [{"protocol": "TCP", "port": TCP_PORT}]
    return lambda address: {
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": block(address)}], "ports": ports}],
    }


def _nothing(direction: str) -> Callable[[str], Spec]:
    """A spec that isolates pods in one direction and allows nothing."""
    return lambda address: {"policyTypes": [direction]}


def _egress_to_target_port(address: str) -> Spec:
    return {"policyTypes": ["Egress"], "egress": [{"ports": [{"protocol": "TCP", "port": TCP_PORT}]}]}


def _from_all_but_control(address: str) -> Spec:
    requirement = {"key": ROLE, "operator": "NotIn", "values": [CONTROL.role]}
    return {"policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {"matchExpressions": [requirement]}}]}]}


DENY_INGRESS: Final[Spec] = {
    "policyTypes": ["Ingress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {ROLE: CONTROL.role}}}]}],
}
"""The policy of the basic experiment: only the control client may connect to the server."""

CASES: Final = (
    Case("node-to-own-pod", SERVER, _nothing("Ingress"), FROM_NODE, CONTROL, "always", "policy"),
    Case("ipv6", SERVER, _nothing("Ingress"), OVER_IPV6, CONTROL, "no", "yes"),
    Case("standalone-pods", "", _nothing("Egress"), BARE, CONTROL, "no", "yes"),
    Case("endPort", SERVER, _ingress({"port": TCP_PORT, "endPort": RANGE_PORT}), RANGE, CONTROL, "yes", "first-port"),
    Case("named-ports", SERVER, _ingress({"port": PORT_NAME}), SUBJECT, CONTROL, "yes", "no"),
    Case("sctp", SERVER, _ingress({"protocol": "SCTP", "port": SCTP_PORT}), SCTP, CONTROL, "yes", "ignored"),
    Case("negations", SERVER, _from_all_but_control, SUBJECT, CONTROL, "yes", "no"),
    Case(
        "ipBlock-pods",
        SUBJECT.role,
        _egress(lambda address: {"cidr": _block(address)}),
        SUBJECT,
        RANGE,
        "yes",
        "no",
    ),
    Case(
        "except",
        SUBJECT.role,
        _egress(lambda address: {"cidr": _everything(address), "except": [_block(address)]}),
        SUBJECT,
        RANGE,
        "ignored",
        "own-block",
        {"ipBlock-pods": "yes"},
    ),
    Case("service-port", SUBJECT.role, _egress_to_target_port, OVER_SERVICE, RANGE, "target", "service"),
    Case("pod-to-own-node", SUBJECT.role, _nothing("Egress"), TO_NODE, SUBJECT, "always", "policy"),
    # The readiness probe of the client that keeps a connection accepts an answer for three seconds, so this client is
    # denied later than the witness.
    Case("established", SERVER, lambda address: DENY_INGRESS, KEEPING, SUBJECT, "continue", "cut", settling=8.0),
)
"""The cases, in the order in which they are measured."""

POD_START: Final = "pod-start"
"""The topic of the trait of new pods."""
CLOSED_NEWCOMERS: Final[Spec] = {"policyTypes": ["Egress"]}
"""The policy for new pods. It allows no egress."""
