"""The cost of a packet in the kernel, of an accepted connection or a new one, by the number of policies.

Costs are ratios to the same packets without rules, measured in turn in one run; each is the best of many short bursts,
because the machine is shared.
"""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Final

from tests.dataplane.network import BridgedNetwork, Network, address, leave_for_new_network, received

from benchmarks.cluster_policies import RULES, cluster_policy
from benchmarks.dataplane import Object, pod, policy, put
from benchmarks.measuring import Figure
from benchmarks.policies import NAME_LABEL
from ringfence.dataplane.compile import Compiler, NodeGuard
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.veth_pairs import VethPairReader
from ringfence.engine.state import State
from ringfence.netlink.codec import encode_message
from ringfence.netlink.constants import NETLINK_NETFILTER, NLM_F_REQUEST
from ringfence.netlink.socket import NetlinkSocket

SIZES: Final = (1, 100, 1_000, 10_000)
ON_A_BRIDGE: Final = 100
ROUNDS: Final = 400
LIMIT: Final = 1.6
IN_A_NAMESPACE: Final = 100
CLUSTER_POLICIES: Final = (1, 10, 100)
BESIDE: Final = 1_000
"""The number of pods with NetworkPolicies if cluster policies are in force, too."""
ON_THE_NODE: Final = 110
"""The default maximum of pods that the kubelet runs on a node."""


def measure() -> Iterator[Figure]:
    """Every size, compared with no rules."""
    states = {f"{size:,} isolated pods, a policy each": pods_with_own_policies(size) for size in SIZES}
    states |= {
        f"{BESIDE:,} isolated pods, a policy each, and {count:,} cluster policies": pods_with_cluster_policies(count)
        for count in CLUSTER_POLICIES
    }
    states[f"{BESIDE:,} isolated pods, and {CLUSTER_POLICIES[-1]:,} cluster policies, one of which accepts it"] = (
        pods_with_cluster_policies(CLUSTER_POLICIES[-1], accepting=True)
    )
    on_a_bridge = (pods_with_own_policies(ON_A_BRIDGE), pods_with_cluster_policies(CLUSTER_POLICIES[-1]))
    bridged_states = {
        f"{ON_A_BRIDGE:,} isolated pods on a bridge, a policy each": on_a_bridge[0],
        f"{BESIDE:,} on a bridge, a policy each, and {CLUSTER_POLICIES[-1]:,} cluster policies": on_a_bridge[1],
    }
    bridged = "no rules, on a bridge"
    lanes = {"no rules": Lane(None)} | {name: Lane(state) for name, state in states.items()}
    lanes |= {bridged: Lane(None, on_bridge=True)}
    lanes |= {name: Lane(state, on_bridge=True) for name, state in bridged_states.items()}
    best: dict[tuple[str, str], float] = {}
    for _ in range(ROUNDS):
        for name, lane in lanes.items():
            for kind, took in (("accepted", lane.seconds_for_accepted()), ("new", lane.seconds_for_new())):
                best[name, kind] = min(best.get((name, kind), took), took)
    for kind, what in (("accepted", "a packet of an accepted connection"), ("new", "a packet that opens a connection")):
        nothing = best["no rules", kind]
        yield Figure(f"{what}, no rules", nothing * 1e6, "µs")
        for name in states:
            yield Figure(f"  {name}, to no rules", best[name, kind] / nothing, "x", LIMIT)
        for name in bridged_states:
            yield Figure(f"  {name}, to no rules there", best[name, kind] / best[bridged, kind], "x", LIMIT)


class Lane:
    """A client, a server and a router, which is programmed for the pods of one node of a cluster."""

    packets = 200

    def __init__(self, state: State | None, *, on_bridge: bool = False) -> None:
        leave_for_new_network()
        self._network = BridgedNetwork(2) if on_bridge else Network(2)
        self._conntrack = NetlinkSocket(NETLINK_NETFILTER)
        if state is not None:
            ports = PodPorts()
            ports.veth_pairs = VethPairReader().read()
            locate = ports.locate if on_bridge else None
            compiler = Compiler(state, lambda member: member.node == "node-0", NodeGuard(locate=locate))
            Kernel().apply(compiler.program())
            assert not compiler.refusals()
            assert ports.counts()["pod"] == (2 if on_bridge else 0)
        self._server = self._network.udp(0, 80)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self._client = self._network.udp(1, 4000)
        self._client.connect((address(0), 80))
        with self._network.inside(1):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.connect((address(0), 80))
        self._accepted = Burst(self._client, [b"x" for _ in range(self.packets)])
        self._new = Burst(raw, [opening(10_000 + port) for port in range(self.packets)])

    def seconds_for_accepted(self) -> float:
        """The time for a packet of a connection that was answered, from the client's system call to the server."""
        while received(self._server, 0.001):
            pass
        self._client.send(b"question")
        _, caller = self._server.recvfrom(100)
        self._server.sendto(b"answer", caller)
        self._client.recv(100)
        return self._seconds_for(self._accepted)

    def seconds_for_new(self) -> float:
        """The time for a packet that opens a connection."""
        self._conntrack.send(encode_message(FLUSH_CONNECTIONS, NLM_F_REQUEST, 1, bytes(4)))
        return self._seconds_for(self._new)

    def _seconds_for(self, burst: "Burst") -> float:
        start = time.perf_counter()
        burst.send()
        return (time.perf_counter() - start) / self.packets


FLUSH_CONNECTIONS: Final = (1 << 8) + 2


def pods_with_own_policies(count: int, *, on_the_node: int | None = None) -> State:
    """The lane's two pods and others; the first `count` of them are isolated, by policies that name one peer each.

    The first ones are on the lane's node, or all of them.
    """
    state = State(live=True)
    for i in range(max(count, 2)):
        number = i << 8 | 2 if i < 2 else 1 << 22 | i
        node = 0 if on_the_node is None or i < on_the_node else 1
        put(state, pod(f"n{i // IN_A_NAMESPACE}", f"p{i}", f"a{i}", number, node))
    for i in range(count):
        peers = ([{"podSelector": {"matchLabels": {"app": f"a{(i + step) % max(count, 2)}"}}}] for step in (1, -1))
        ingress, egress = peers
        ports = [{"port": 80, "protocol": "UDP"}]
        spec = {
            "podSelector": {"matchLabels": {"app": f"a{i}"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": ingress, "ports": ports}],
            "egress": [{"to": egress, "ports": ports}],
        }
        put(state, {**policy(f"n{i // IN_A_NAMESPACE}", f"p{i}", "", "", 0), "spec": spec})
    return state


def pods_with_cluster_policies(count: int, *, accepting: bool = False) -> State:
    """The lane's two pods and others, all isolated, and cluster policies that leave the lane's packets to these.

    They have 25 rules for each direction, about pods, whole namespaces and networks, and each has one about all pods.
    With `accepting`, one more accepts the lane's packets, whatever NetworkPolicies say.
    """
    state = pods_with_own_policies(BESIDE, on_the_node=ON_THE_NODE)
    for number in range(count):
        rules = {field: [_cluster_rule(number, index, peers) for index in range(RULES)] for field, peers in _PEERS}
        subject: Object = {"namespaces": {}}
        put(state, cluster_policy(f"guard-{number}", number, "Admin", {"subject": subject, **rules}))
    if accepting:
        udp = [{"udp": {"destinationPort": {"number": 80}}}]
        rules = {
            field: [{"action": "Accept", peers: [{"namespaces": {}}], "protocols": udp}] for field, peers in _PEERS
        }
        put(state, cluster_policy("accepting", count, "Admin", {"subject": {"namespaces": {}}, **rules}))
    return state


_PEERS: Final = (("ingress", "from"), ("egress", "to"))


def _cluster_rule(policy: int, index: int, field: str) -> Object:
    """A rule that never decides about UDP port 80 of the lane's pods, which are in the first namespace."""
    place = RULES * policy + index
    action = ("Deny", "Accept", "Pass")[place % 3]
    start = 1_000 + 10 * place
    tcp = [{"tcp": {"destinationPort": {"range": {"start": start, "end": start + 99}}}}]
    if index == 0:
        return {"action": action, field: [{"namespaces": {}}], "protocols": tcp}
    if field == "to" and index % 8 == 1:
        network = f"203.{place >> 8}.{place & 255}.0/24"
        return {"action": action, field: [{"networks": [network]}], "protocols": tcp if index % 2 else []}
    if index % 3:
        return {"action": action, field: [_pods_of(place * 7 + step for step in range(10))]}
    spaces = {"matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": [f"n{1 + place % 9}"]}]}
    return {"action": action, field: [{"namespaces": spaces}], "protocols": tcp}


def _pods_of(numbers: Iterable[int]) -> Object:
    apps = [f"a{2 + number % (BESIDE - 2)}" for number in numbers]
    labels = {"matchExpressions": [{"key": "app", "operator": "In", "values": apps}]}
    return {"pods": {"namespaceSelector": {}, "podSelector": labels}}


def opening(source_port: int) -> bytes:
    """A UDP datagram with its IP header, from the lane's client to its server."""
    source, destination = (socket.inet_aton(address(pod)) for pod in (1, 0))
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP, 0, source, destination)
    return header + struct.pack(">HHHH", source_port, 80, 8, 0)


class Burst:
    """Many datagrams given to the kernel in few system calls, so that this process's own time does not count."""

    _at_once = 1_000  # the kernel accepts no more

    def __init__(self, sender: socket.socket, datagrams: list[bytes]) -> None:
        self._sender = sender
        self._buffers = [ctypes.create_string_buffer(one, max(len(one), 1)) for one in datagrams]
        self._pieces = (_Piece * len(datagrams))(
            *(_Piece(ctypes.addressof(buffer), len(one)) for buffer, one in zip(self._buffers, datagrams, strict=True))
        )
        self._messages = (_Message * len(datagrams))(
            *(_Message(_Header(pieces=ctypes.pointer(piece), count=1)) for piece in self._pieces)
        )

    def send(self) -> None:
        """Send all of them."""
        at = 0
        while at < len(self._messages):
            first = ctypes.byref(self._messages, at * ctypes.sizeof(_Message))
            sent = _libc.sendmmsg(self._sender.fileno(), first, min(self._at_once, len(self._messages) - at), 0)
            assert sent > 0, os.strerror(ctypes.get_errno())
            at += sent


class _Piece(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """`struct mmsghdr`."""

    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


_libc: Final = ctypes.CDLL(None, use_errno=True)
