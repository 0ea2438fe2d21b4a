"""What enforcement costs in the real kernel: packets, loading, changes, and ways to talk to it.

    python -m benchmarks.dataplane [packets|changes|transports ...]

Everything happens in network namespaces of its own, without root. Costs of packets are ratios to the same packets with
no rules at all, measured in turn in one run; each figure is the best of many rounds, since others use the machine, too.
"""

import ctypes
import inspect
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from tests.dataplane.network import Network, address, in_child, leave_for_new_network, nft, received

from ringfence.dataplane.compiling import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.netlink import NETFILTER, REQUEST, Conversation, message
from ringfence.dataplane.program import HashSet, Program, flow_key
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted

Object = dict[str, Any]

SIZES: Final = (1, 100, 1_000, 10_000)
ROUNDS: Final = 12
PACKET_ROUNDS: Final = 400


# --- clusters ---------------------------------------------------------------------------------------------------------


def pod(namespace: str, name: str, app: str, number: int) -> Object:
    """A pod with the address 10.0.0.0 + `number`."""
    address = ".".join(map(str, (10 << 24 | number).to_bytes(4, "big")))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"nodeName": "node", "containers": [{"name": "main", "image": "example.org/main:1"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    }


def policy(namespace: str, name: str, app: str, peer: str, port: int) -> Object:
    """Lets an app be reached by another one, and reach it, on one port."""
    peers = [{"podSelector": {"matchLabels": {"app": peer}}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"app": app}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers, "ports": [{"port": port}]}],
            "egress": [{"to": peers, "ports": [{"port": port}]}],
        },
    }


def put(state: State, written: Object) -> None:
    """Take an object in, as the API server would store it."""
    obj = decode(written)
    assert obj is not None
    state.upsert(defaulted(obj) if isinstance(obj, NetworkPolicy) else obj)


def cluster(apps: int, replicas: int, policies: int, namespaces: int) -> State:
    """Apps of equal size, each with its own policies, which are about other apps of its namespace."""
    state = State(live=True)
    for app in range(apps):
        for replica in range(replicas):
            number = app * replicas + replica + 256
            put(state, pod(f"n{app % namespaces}", f"a{app}-{replica}", f"a{app}", number))
        for i in range(policies):
            peer = f"a{(app + namespaces * (i + 1)) % apps}"
            put(state, policy(f"n{app % namespaces}", f"p{app}-{i}", f"a{app}", peer, 8000 + i % 3))
    return state


# --- packets ----------------------------------------------------------------------------------------------------------


def packets() -> None:
    """The cost of a packet of an accepted connection, and of one that opens a connection, with more and more pods."""
    lanes = {"none": Lane(None)} | {f"{size:,}": Lane(size) for size in SIZES}
    best: dict[tuple[str, str], float] = {}
    for _ in range(PACKET_ROUNDS):
        for name, lane in lanes.items():
            for kind, measure in (("accepted", lane.seconds_for_accepted), ("new", lane.seconds_for_new)):
                best[name, kind] = min(best.get((name, kind), 1e9), measure())
    print(f"{'isolated pods, a policy each':30} {'accepted':>18} {'new connection':>18}")
    for name in lanes:
        cells = (
            f"{best[name, kind] * 1e6:6.2f} µs {best[name, kind] / best['none', kind]:5.2f} x"
            for kind in ("accepted", "new")
        )
        print(f"{name:30} " + " ".join(f"{cell:>18}" for cell in cells))


class Lane:
    """A client, a server and a router of their own, the router programmed for so many isolated pods."""

    packets = 200

    def __init__(self, isolated: int | None) -> None:
        leave_for_new_network()
        self._network = Network(2)
        self._conntrack = Conversation(NETFILTER)
        if isolated is not None:
            Kernel().become(Compiler(pods_with_own_policies(isolated), lambda member: True).program())
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
        self._conntrack.send(message(FLUSH_CONNECTIONS, REQUEST, 1, bytes(4)))
        return self._seconds_for(self._new)

    def _seconds_for(self, burst: "Burst") -> float:
        start = time.perf_counter()
        burst.send()
        return (time.perf_counter() - start) / self.packets


FLUSH_CONNECTIONS: Final = (1 << 8) + 2


def pods_with_own_policies(count: int) -> State:
    """The lane's two pods and others; the first `count` of them are isolated, by policies that name one peer each."""
    state = State(live=True)
    for i in range(max(count, 2)):
        number = i << 8 | 2 if i < 2 else 1 << 22 | i
        put(state, pod("default", f"p{i}", f"a{i}", number))
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
        put(state, {**policy("default", f"p{i}", "", "", 0), "spec": spec})
    return state


def opening(source_port: int) -> bytes:
    """A UDP datagram with its IP header, from the lane's client to its server."""
    source, destination = (socket.inet_aton(address(pod)) for pod in (1, 0))
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP, 0, source, destination)
    return header + struct.pack(">HHHH", source_port, 80, 8, 0)


class Burst:
    """Many datagrams given to the kernel in few system calls, so that this process's own time does not count."""

    _at_once = 1_000  # the kernel takes no more

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


# --- changes ----------------------------------------------------------------------------------------------------------


def changes() -> None:
    """10,000 pods and 10,000 policies that make 500 profiles: loading, and single changes of objects."""
    state = cluster(apps=500, replicas=20, policies=20, namespaces=50)
    compiler, kernel = Compiler(state, lambda member: True), Kernel()
    start = time.perf_counter()
    program = compiler.program()
    compiled = time.perf_counter()
    kernel.become(program)
    loaded = time.perf_counter()
    elements = sum(len(one.elements) for one in program.collections.values())
    print(f"{len(program.chains):,} chains, {len(program.collections):,} sets and maps, {elements:,} elements")
    print(f"{'the whole program':30} {compiled - start:8.2f} s to compile {loaded - compiled:8.2f} s to load")
    start = time.perf_counter()
    Kernel()
    print(f"{'reading it back':30} {time.perf_counter() - start:8.2f} s")
    for name, change in CHANGES.items():
        times = [_measured(state, compiler, kernel, partial(change, state, i)) for i in range(ROUNDS)]
        compiling, loading = (one * 1e3 for one in min(times, key=sum))
        print(
            f"{name:30} {compiling:7.2f} ms to compile {loading:7.2f} ms to load {compiling + loading:7.2f} ms in all"
        )


CHANGES: Final[dict[str, Callable[[State, int], None]]] = {
    "a pod is added": lambda state, i: put(state, pod("n0", f"x{i}", "a0", 1 << 20 | i)),
    "a pod gets other labels": lambda state, i: put(state, pod("n0", f"x{i}", "a50", 1 << 20 | i)),
    "a pod is removed": lambda state, i: state.remove("Pod", "n0", f"x{i}"),
    "a policy is changed": lambda state, i: put(state, policy("n0", "p0-0", "a0", "a50", 9000 + i)),
    "a policy is added": lambda state, i: put(state, policy("n0", f"x{i}", "a0", "a50", 9100 + i)),
    "a policy is removed": lambda state, i: state.remove("NetworkPolicy", "n0", f"x{i}"),
}


def _measured(state: State, compiler: Compiler, kernel: Kernel, change: Callable[[], None]) -> tuple[float, float]:
    change()
    assert state.population, "the engine knows"
    start = time.perf_counter()
    program = compiler.program()
    compiled = time.perf_counter()
    kernel.become(program)
    return compiled - start, time.perf_counter() - compiled


# --- transports -------------------------------------------------------------------------------------------------------


def transports() -> None:
    """One element more in a program of 10,000 pods, and a program of 400 pods as a whole, in three ways.

    By netlink, as the agent does it; by libnftables, kept open in this process; by the nft program. Without privileges,
    the latter two take no program that is much larger.
    """
    large, small = (Compiler(cluster(apps, 20, 1, 10), lambda member: True).program() for apps in (500, 20))
    name = next(name for name in large.collections if name.startswith("flows4"))
    kernel = Kernel()
    kernel.become(small)
    script = nft("list", "table", "inet", "ringfence")
    kernel.remove()
    loads = {"netlink": _seconds(partial(kernel.become, small))}
    for way, run in WAYS.items():
        kernel.remove()
        loads[way] = _seconds(partial(run, script))
    kernel = Kernel()
    kernel.become(large)
    one_more = {"netlink": _best(lambda i: kernel.become(with_another(kernel.present, name, i)))}
    for byte, (way, run) in enumerate(WAYS.items()):
        prefix = f"add element inet ringfence {name} {{ 12.0.{byte}"
        one_more[way] = _best(lambda i, run=run, prefix=prefix: run(f"{prefix}.{i} . tcp . 80 }}"))  # type: ignore[misc]
    for way, seconds in loads.items():
        print(f"{way:30} {seconds * 1e3:8.2f} ms for 400 pods {one_more[way] * 1e3:8.2f} ms for one element more")


def with_another(program: Program, name: str, i: int) -> Program:
    """The program with one more element in a set."""
    collection = program.collections[name]
    assert isinstance(collection, HashSet)
    return program.changed(
        {name: HashSet(collection.key, collection.elements | {flow_key(bytes([11, 0, 1, i]), 6, 80)})}
    )


def by_library(script: str) -> None:
    """Give a script to libnftables."""
    nftables, context = _library()
    assert nftables.nft_run_cmd_from_buffer(context, script.encode()) == 0


@cache
def _library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    nftables = ctypes.CDLL("libnftables.so.1")
    nftables.nft_ctx_new.restype = ctypes.c_void_p
    nftables.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    return nftables, nftables.nft_ctx_new(0)


def by_program(script: str) -> None:
    """Give a script to the nft program."""
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


WAYS: Final = {"libnftables": by_library, "nft": by_program}


def _best(run: Callable[[int], object]) -> float:
    return min(_seconds(partial(run, i)) for i in range(ROUNDS))


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Run the parts that are named on the command line; all of them if none is."""
    parts = {"packets": packets, "changes": changes, "transports": transports}
    for name in sys.argv[1:] or parts:
        print(f"\n{inspect.getdoc(parts[name])}\n", flush=True)
        if error := in_child(parts[name], seconds=600):
            print(error.decode(), file=sys.stderr)


if __name__ == "__main__":
    main()
