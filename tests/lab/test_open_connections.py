"""Open connections: replies always pass, and a policy that is tightened ends exactly what it forbids."""

import errno
import select
import socket
from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.lab.clusters import laboratory, manifests
from tests.lab.sandboxes import in_sandbox
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port

from ringfence.engine.population.pods import Reference
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.topology import IPAddress
from ringfence.lab.probing.servers import FAMILY

PORT = 7000
_SILENCE = 0.5
"""Seconds after which a packet that has not arrived was dropped: all of its way is in this kernel."""

_PATIENCE = 30.0
"""Seconds that what must arrive is waited for: a busy machine may need some."""

PODS = (pod("x/a", {"app": "a"}), pod("x/b", {"app": "b"}), pod("x/c", {"app": "c"}))
KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}

both_protocols = pytest.mark.parametrize("protocol", list(KINDS))
both_families = pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])


class OpenConnection(NamedTuple):
    """Two sockets that are connected to each other."""

    client: socket.socket
    server: socket.socket

    def passes(self, sender: socket.socket, text: bytes) -> bool:
        """Whether the other end receives what one of them sends, in full. It is waited for: it should."""
        receiver = self.server if sender is self.client else self.client
        try:
            sender.send(text)
            return receiver.recv(4096) == text
        except TimeoutError:
            return False

    def arrives(self, *senders: socket.socket) -> list[bytes]:
        """What is received by either end within a while when these send, one after the other."""
        for sender in senders:
            sender.send(b"after")
        readable, _, _ = select.select(self, (), (), _SILENCE)
        return [receiver.recv(4096) for receiver in readable]


def address(lab: Laboratory, name: str, version: int) -> IPAddress:
    return next(ip for ip in lab.pod(name).addresses if ip.version == version)


def open_socket(lab: Laboratory, name: str, protocol: str, version: int) -> socket.socket:
    with in_network_namespace(lab.network_of(lab.pod(name))):
        sock = socket.socket(FAMILY[version], KINDS[protocol])
    sock.settimeout(_PATIENCE)
    return sock


def connect(
    lab: Laboratory, client: str, server: str, protocol: str, version: int, number: int = PORT
) -> OpenConnection:
    """Have a pod open a connection to a port of another one."""
    listening = open_socket(lab, server, protocol, version)
    listening.bind((str(address(lab, server, version)), number))
    connecting = open_socket(lab, client, protocol, version)
    if protocol == "TCP":
        listening.listen()
        connecting.connect((str(address(lab, server, version)), number))
        accepted, _ = listening.accept()
        accepted.settimeout(_PATIENCE)
        listening.close()
        return OpenConnection(connecting, accepted)
    connecting.connect((str(address(lab, server, version)), number))
    connecting.send(b"hello")
    listening.connect(listening.recvfrom(4096)[1])
    return OpenConnection(connecting, listening)


def allowed_from(*names: str) -> Object:
    """A policy that allows these pods to connect to b."""
    return policy("x/to-b", labelled(app="b"), ingress=[admits(*(pods(labelled(app=name)) for name in names))])


@both_protocols
@both_families
def test_replies_pass_when_the_other_direction_is_denied(protocol: str, version: int) -> None:
    def passes() -> list[bool]:
        lab = laboratory(*PODS, policy("x/b-opens-nothing", labelled(app="b"), egress=[]), nodes=2, serve=False)
        connection = connect(lab, "x/a", "x/b", protocol, version)
        return [connection.passes(connection.client, b"question"), connection.passes(connection.server, b"answer")]

    assert in_sandbox(passes) == [True, True]


@both_families
def test_an_error_about_a_connection_passes_although_its_sender_may_not_open_any(version: int) -> None:
    """No socket is bound to the port: the pod's kernel says so to a client that was allowed to ask."""

    def error() -> int | None:
        denying = policy("x/b", labelled(app="b"), ingress=[admits(ports=[port(PORT, "UDP")])], egress=[])
        lab = laboratory(*PODS, denying, nodes=2, serve=False)
        asking = open_socket(lab, "x/a", "UDP", version)
        asking.connect((str(address(lab, "x/b", version)), PORT))
        asking.send(b"anybody there?")
        try:
            asking.recv(4096)
        except OSError as caught:
            return caught.errno
        return None

    assert in_sandbox(error) == errno.ECONNREFUSED


@both_protocols
@both_families
@pytest.mark.parametrize("first", ["client", "server"])
def test_a_tightened_policy_ends_what_it_forbids_and_nothing_else(protocol: str, version: int, first: str) -> None:
    """Whichever end sends first afterwards, neither receives anything; the neighbour loses nothing."""

    def passes() -> tuple[list[bool], list[bytes], list[bool]]:
        lab = laboratory(*PODS, allowed_from("a", "c"), nodes=2, serve=False)
        cut = connect(lab, "x/a", "x/b", protocol, version)
        kept = connect(lab, "x/c", "x/b", protocol, version, PORT + 1)
        order = (cut.client, cut.server) if first == "client" else (cut.server, cut.client)
        before = [connection.passes(side, b"before") for connection in (cut, kept) for side in connection]
        lab.apply(manifests(allowed_from("c")))
        after = cut.arrives(*order, *order)
        return before, after, [kept.passes(side, b"go on") for side in kept]

    assert in_sandbox(passes) == ([True] * 4, [], [True, True])


def renamed(obj: Object, name: str) -> Object:
    """The same policy under another name."""
    return obj | {"metadata": {**obj["metadata"], "name": name}}


@pytest.mark.parametrize(
    ("policies", "tighten"),
    [
        pytest.param(
            [allowed_from("a")], lambda lab: lab.apply(manifests(allowed_from("c"))), id="a policy that changes"
        ),
        pytest.param([], lambda lab: lab.apply(manifests(allowed_from("c"))), id="a policy that comes"),
        pytest.param(
            [allowed_from("c"), renamed(allowed_from("a"), "also")],
            lambda lab: lab.delete([Reference("x", "NetworkPolicy", "also")]),
            id="a policy that goes",
        ),
        pytest.param(
            [allowed_from("a")],
            lambda lab: lab.apply(manifests(pod("x/a", {"app": "other"}))),
            id="a label of the client",
        ),
    ],
)
def test_it_does_not_matter_what_tightens(policies: list[Object], tighten: Callable[[Laboratory], None]) -> None:
    def passes() -> tuple[bool, list[bytes]]:
        lab = laboratory(*PODS, *policies, serve=False)
        connection = connect(lab, "x/a", "x/b", "TCP", 4)
        before = connection.passes(connection.client, b"before")
        tighten(lab)
        return before, connection.arrives(connection.client)

    assert in_sandbox(passes) == (True, [])


def test_a_stream_that_stays_allowed_loses_no_byte_while_policies_change() -> None:
    def counts() -> tuple[int, int]:
        lab = laboratory(*PODS, allowed_from("a", "c"), serve=False)
        connection = connect(lab, "x/c", "x/b", "UDP", 4)
        sent = received = 0
        names = [("c",), ("a", "c"), ("c", "b"), ("a", "b", "c")]
        for number in range(40):
            lab.apply(manifests(allowed_from(*names[number % len(names)])))
            for _ in range(50):
                connection.client.send(sent.to_bytes(4, "big"))
                sent += 1
                received += connection.server.recv(4) == (sent - 1).to_bytes(4, "big")
        return sent, received

    sent, received = in_sandbox(counts)
    assert sent == received > 0
