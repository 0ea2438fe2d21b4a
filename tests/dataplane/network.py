"""A small network for tests of programs: a router, whose kernel is programmed, and pods on links to it.

The network lives in namespaces of a forked child. The child is root in its own user namespace, even where the tests run
without privileges, and the namespaces end with it. Several tests can therefore run at the same time.

A test detects dropped packets without waiting: `Network.settle` returns when the kernel has processed all packets that
were sent before. The child runs on one CPU for that. Each CPU has its own queue for packets between namespaces (the
backlog of `netif_rx`) and processes it in order.
"""

import ctypes
import fcntl
import functools
import gc
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import ParamSpec

import pytest
from tests.waiting import Patience, eventually

from ringfence.dataplane.nftables.rule_decoding import decode_rule
from ringfence.dataplane.nftables.rule_encoding import encode_rule
from ringfence.dataplane.program import base_program
from ringfence.netlink.addresses import addresses_of
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import operational_links
from ringfence.netlink.routes import delivers_here
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family, address_text, parse_address

P = ParamSpec("P")

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_USER, _NEW_NETWORK, _NEW_MOUNTS = 0x10000000, 0x40000000, 0x20000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
"""linux/sockios.h, linux/if.h: set the flags of an interface."""
_SKIPPED = b"skip:"


def in_own_network(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a child in its own namespaces, for at most two minutes.

    Skip it where namespaces cannot be created.
    """

    @functools.wraps(test)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        result = in_child(lambda: test(*args, **kwargs), seconds=120)
        if result.startswith(_SKIPPED):
            pytest.skip(result.removeprefix(_SKIPPED).decode())
        if result:
            pytest.fail(result.decode(), pytrace=False)

    return wrapped


def in_child(run: Callable[[], None], seconds: float) -> bytes:
    """Run a function in a child in its own namespaces; return its failure as text."""
    _prepare()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Garbage collection in the child must not visit older objects: it copies their pages, half a second for a whole
        # worker.
        gc.freeze()
        os.close(reading)
        os.setsid()
        _run_and_exit(run, writing)
    os.close(writing)
    try:
        return _read_all(reading, Patience(seconds))
    finally:
        os.close(reading)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


@functools.cache
def _prepare() -> None:
    """Have the tables for writing and reading rules computed before the first fork, and not in each child: 4 ms."""
    for chain in base_program().chains.values():
        for rule in chain.rules:
            decode_rule(encode_rule(rule))


def _run_and_exit(run: Callable[[], None], writing: int) -> None:
    try:
        enter_namespaces()
        stay_on_one_cpu()
        run()
    except pytest.skip.Exception as skipped:
        os.write(writing, _SKIPPED + str(skipped).encode())
    except BaseException:
        os.write(writing, traceback.format_exc().encode()[-60_000:])
    finally:
        sys.stdout.flush()
        os._exit(0)


def _read_all(reading: int, patience: Patience) -> bytes:
    received = b""
    while patience.is_left():
        if select.select([reading], [], [], 0.1)[0]:
            piece = os.read(reading, 65536)
            if not piece:
                return received
            received += piece
    return b"the test did not end in time"


def enter_namespaces() -> None:
    """Continue in new namespaces, as their root user."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_MOUNTS) < 0:
        pytest.skip(f"the kernel allows no namespaces here: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    bring_loopback_up()


def bring_loopback_up() -> None:
    """As `ip link set lo up`, for which a process takes half of the time of a test that does little."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))


def stay_on_one_cpu() -> None:
    """Continue on the present CPU only, together with threads and processes that are started from now on."""
    os.sched_setaffinity(0, {_libc.sched_getcpu()})


def use_all_cpus() -> None:
    """Continue on all CPUs."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


def lose_privileges() -> None:
    """Continue in a user namespace that has no rights over the present network."""
    _libc.unshare(_NEW_USER)


def ip(*commands: str) -> None:
    """Run the `ip` program in the present namespace."""
    if shutil.which("ip") is None:
        pytest.skip("the program ip (iproute2) is missing")
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def nft(*arguments: str) -> str:
    """Run the nft program, as another program would."""
    program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("the program nft (package nftables) is missing")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stand_behind(service: str, pod: str) -> None:
    """Make the router a Service: it sends traffic for `service` to `pod`, in its own name if `pod` has sent it."""
    nft(
        f"""
        table ip nat {{
            chain before {{
                type nat hook prerouting priority dstnat
                ip daddr {service} dnat to {pod}
            }}
            chain after {{
                type nat hook postrouting priority srcnat
                ip saddr {pod} ip daddr {pod} masquerade
            }}
        }}
        """
    )


def leave_for_new_network() -> None:
    """Continue in another, empty network."""
    _libc.unshare(_NEW_NETWORK)


class Network:
    """Pods and a router, which is the present network. `address(0)` is the address of the first pod."""

    def __init__(self, pods: int) -> None:
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            Path("/proc/sys/net", setting).write_text("1")
        Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
        self._router = own_network()
        self._pods = [self._create_pod_network() for _ in range(pods)]
        ip(*(command for i in range(pods) for command in self._commands_for_router(i)))
        for i in range(pods):
            with self.inside(i):
                ip(*self._commands_for_pod(i))
        self._await_links()
        _await_addresses()
        for i in range(pods):
            with self.inside(i):
                _await_addresses()
        self._fence = self.udp(0, FENCE_PORT)
        self._node = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _create_pod_network(self) -> int:
        _libc.unshare(_NEW_NETWORK)
        pod = own_network()
        Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
        return_to(self._router)
        return pod

    def _commands_for_router(self, i: int) -> Iterator[str]:
        yield from self._commands_for_link(i)
        yield f"address add 10.0.{i}.1/24 dev pod{i}"
        yield f"address add fd00:0:0:{i}::1/64 dev pod{i}"

    def _commands_for_link(self, i: int) -> Iterator[str]:
        yield f"link add pod{i} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self._pods[i]}"
        yield f"link set pod{i} up"

    def _commands_for_pod(self, i: int) -> Iterator[str]:
        yield "link set lo up"
        yield "link set eth0 up"
        yield f"address add 10.0.{i}.2/24 dev eth0"
        yield f"address add fd00:0:0:{i}::2/64 dev eth0"
        yield f"route add default via 10.0.{i}.1"
        yield f"route add default via fd00:0:0:{i}::1"

    def _await_links(self) -> None:
        """A link drops packets until the kernel has detected that its other end is up."""
        assert eventually(lambda: len(operational_links()) >= len(self._pods)), "the links do not come up"

    @contextmanager
    def inside(self, pod: int) -> Iterator[None]:
        """Enter the network of a pod while the context is open. Sockets opened there stay in it."""
        return_to(self._pods[pod])
        try:
            yield
        finally:
            return_to(self._router)

    def udp(self, pod: int, port: int = 0, family: Family = Family.IPV4) -> socket.socket:
        """A UDP socket of a pod, bound to a port."""
        with self.inside(pod):
            return _bound(socket.SOCK_DGRAM, port, family)

    def listener(self, pod: int, port: int, family: Family = Family.IPV4) -> socket.socket:
        """A TCP server in a pod."""
        with self.inside(pod):
            server = _bound(socket.SOCK_STREAM, port, family)
        server.listen()
        return server

    def connect(self, pod: int, to: int, port: int, family: Family = Family.IPV4) -> socket.socket:
        """A TCP connection from one pod to another. Raises TimeoutError if the packets that open it are dropped."""
        with self.inside(pod):
            client = socket.socket(socket_family(family), socket.SOCK_STREAM)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # So `settle` waits for the packets that it sends.
        client.setblocking(False)
        client.connect_ex((address(to, family), port))
        self.settle()
        _, is_open, _ = select.select([], [client], [], 0)
        if not is_open:
            client.close()
            raise TimeoutError
        client.settimeout(PATIENCE)
        return client

    def delivered(self, receiver: socket.socket) -> bytes | None:
        """What a socket has received of all that was sent before, or None if nothing arrived."""
        self.settle()
        receiver.setblocking(False)
        try:
            return receiver.recv(2048)
        except BlockingIOError:
            return None
        finally:
            receiver.settimeout(PATIENCE)

    def settle(self) -> None:
        """Wait until the kernel has processed all packets that were sent before, and the answers to them.

        Packets wait in one queue at every hop. A packet that the node sends afterwards arrives behind them. By then,
        each of them has advanced by one hop.
        """
        for _ in range(HOPS):
            self._node.sendto(b"fence", (address(0), FENCE_PORT))
            assert received(self._fence) == b"fence"


BRIDGE = "br0"
BRIDGE_ADDRESS = {Family.IPV4: "10.0.255.1", Family.IPV6: "fd00:0:0:ff00::1"}
"""The router's own addresses on the bridge, which are the gateways of its pods."""


class BridgedNetwork(Network):
    """Pods on a bridge. They have the same addresses as in `Network`, all in one subnet.

    Packets between them pass the IP rules if `filtered` is set, as with br_netfilter.
    """

    def __init__(self, pods: int, *, filtered: bool = True) -> None:
        Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
        ip(
            f"link add {BRIDGE} type bridge",
            f"link set {BRIDGE} up",
            f"address add {BRIDGE_ADDRESS[Family.IPV4]}/16 dev {BRIDGE}",
            f"address add {BRIDGE_ADDRESS[Family.IPV6]}/48 dev {BRIDGE} nodad",
        )
        for tables in ("iptables", "ip6tables"):
            setting = Path(f"/proc/sys/net/bridge/bridge-nf-call-{tables}")
            if not setting.exists():
                pytest.skip("the kernel lacks br_netfilter: modprobe br_netfilter")
            setting.write_text("1" if filtered else "0")
        super().__init__(pods)

    def _commands_for_router(self, i: int) -> Iterator[str]:
        yield from self._commands_for_link(i)
        yield f"link set pod{i} master {BRIDGE}"

    def _commands_for_pod(self, i: int) -> Iterator[str]:
        yield "link set lo up"
        yield "link set eth0 up"
        yield f"address add 10.0.{i}.2/16 broadcast + dev eth0"
        yield f"address add fd00:0:0:{i}::2/48 dev eth0"
        yield f"route add default via {BRIDGE_ADDRESS[Family.IPV4]}"
        yield f"route add default via {BRIDGE_ADDRESS[Family.IPV6]}"


PATIENCE = 30.0
"""Seconds to wait for what must come; on a loaded machine it may take a while."""

HOPS = 16
"""More hops than any exchange in these tests takes: a TCP handshake, with neighbour discovery on both links, has 10."""

FENCE_PORT = 9


def tcp_connection(
    network: Network, client: int, server: int, family: Family = Family.IPV4
) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection to port 80."""
    with network.listener(server, 80, family) as listener:
        calling = network.connect(client, server, 80, family)
        called, _ = listener.accept()
    called.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    called.settimeout(PATIENCE)
    return calling, called


def address(pod: int, family: Family = Family.IPV4) -> str:
    """The address of a pod."""
    return f"10.0.{pod}.2" if family is Family.IPV4 else f"fd00:0:0:{pod}::2"


def gateway(pod: int, family: Family = Family.IPV4) -> str:
    """The router's address on the link to a pod."""
    return f"10.0.{pod}.1" if family is Family.IPV4 else f"fd00:0:0:{pod}::1"


def number(pod: int, family: Family = Family.IPV4) -> int:
    """The address of a pod as a number."""
    return parse_address(address(pod, family))[1]


def socket_family(family: Family) -> socket.AddressFamily:
    return socket.AF_INET if family is Family.IPV4 else socket.AF_INET6


def received(receiver: socket.socket, seconds: float = PATIENCE) -> bytes | None:
    """What a socket receives, or None if nothing arrives in time. `Network.delivered` needs no waiting."""
    receiver.settimeout(seconds)
    try:
        return receiver.recv(2048)
    except TimeoutError:
        return None


def _await_addresses() -> None:
    """Wait until IPv6 addresses are usable: the kernel drops packets to a new address for some time."""
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        own = [ip_address(address_text(family, number)) for _, family, number in addresses_of(netlink)]
        assert eventually(lambda: all(delivers_here(netlink, ip) for ip in own)), "addresses do not come into use"


def _bound(kind: socket.SocketKind, port: int, family: Family) -> socket.socket:
    one = socket.socket(socket_family(family), kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("", port))
    return one


def own_network() -> int:
    """A file descriptor of the present network."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def return_to(network: int) -> None:
    """Continue in the network of a file descriptor."""
    if _libc.setns(network, _NEW_NETWORK) < 0:
        raise OSError(ctypes.get_errno(), "setns")
