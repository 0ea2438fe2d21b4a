"""Namespaces and links: a topology turned into a network that lives exactly as long as this process.

Every node, every pod, everything outside the cluster and the fabric between them is a network namespace of its own,
held open by a file descriptor and nothing else: no mount, no process, no name. When the process ends, however it ends,
the kernel removes them and the links in between.

    pod ── node ── fabric ── node ── pod
                     │
                  outside

All links are alike, as in a cluster with a routed pod network: point to point, without addresses of their own. The
lower end has one or more addresses of full length (/32, /128) and sends everything to the upper end; the upper end has
one route to each. Neighbours are set for ever, so nobody asks who has an address.
"""

import errno
import os
import time
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ringfence.errors import LaboratoryError
from ringfence.lab.network import linux
from ringfence.lab.network.topology import IPAddress, LabNode, LabPod, Topology
from ringfence.netlink.addresses import add_address, remove_address
from ringfence.netlink.links import LOOPBACK, LinkEnd, add_link, bring_up, operational_links, remove_link
from ringfence.netlink.requests import NetworkRequest, send_requests
from ringfence.netlink.routes import add_route, remove_route, set_default_route, set_neighbour

_UPPER_HARDWARE: Final = bytes.fromhex("020000000001")
_LOWER_HARDWARE: Final = bytes.fromhex("020000000002")
_UPPER: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.1"), 6: ip_address("fe80::1")}
_LOWER: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.2"), 6: ip_address("fe80::2")}
"""What the ends of a link are called in routes; neither has such an address."""

_UPLINK: Final = 2
_FIRST_DOWNLINK: Final = 1000
_LINK_TIMEOUT: Final = 10.0
_LINK_PAUSE: Final = 0.001

_HOST_SETTINGS: Final = {
    "net/ipv6/conf/default/addr_gen_mode": "1",  # no link-local address: nothing to announce, nothing to wait for
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv4/icmp_ratelimit": "0",
}
_ROUTER_SETTINGS: Final = {
    "net/ipv4/ip_forward": "1",  # first: it resets the others
    "net/ipv6/conf/all/forwarding": "1",
    **_HOST_SETTINGS,
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}


class NetworkStack:
    """A network namespace of the laboratory and the numbers of the links below it that are in use."""

    def __init__(self, settings: dict[str, str]) -> None:
        """Make the namespace; the calling thread ends up in it."""
        linux.unshare(linux.NamespaceKind.NETWORK)
        self.descriptor = linux.open_network_namespace()
        _configure(settings)
        self._next_link = _FIRST_DOWNLINK

    def take_link_number(self) -> int:
        """A number for another link below."""
        self._next_link += 1
        return self._next_link

    def carry_out(self, requests: Iterable[NetworkRequest]) -> None:
        """Have the kernel carry out requests in this namespace."""
        with linux.in_network_namespace(self.descriptor):
            send_requests(requests)

    def await_links(self, numbers: set[int]) -> None:
        """Wait until links carry packets. Raises TimeoutError if they never do."""
        deadline = time.monotonic() + _LINK_TIMEOUT
        with linux.in_network_namespace(self.descriptor):
            while numbers - operational_links():
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "links do not come up")
                time.sleep(_LINK_PAUSE)

    def close(self) -> None:
        """Let the namespace go; the kernel removes it once the sockets in it are closed, too."""
        os.close(self.descriptor)


class Network:
    """The network of a laboratory: empty at first, then whatever topology it was last told to become."""

    def __init__(self) -> None:
        with linux.returning_to_network_namespace():
            self._fabric = NetworkStack(_ROUTER_SETTINGS)
            self._outside = NetworkStack(_HOST_SETTINGS)
        self._fabric.carry_out([bring_up(LOOPBACK)])
        self._outside_link = _attach(self._fabric, [("outside", self._outside, ())])["outside"]
        self._nodes: dict[str, tuple[NetworkStack, int]] = {}
        self._pods: dict[str, tuple[NetworkStack, int]] = {}
        self._topology = Topology((), ())

    def apply(self, topology: Topology) -> None:
        """Add, remove and change what differs from the present topology. What stays is not touched.

        Raises LaboratoryError if the kernel refuses: an address that cannot be used, or a limit that is reached.
        """
        old, new = ({pod.name: pod for pod in plan.networked_pods()} for plan in (self._topology, topology))
        gone = [pod for name, pod in old.items() if name not in new or _place(new[name]) != _place(pod)]
        staying = old.keys() - {pod.name for pod in gone}
        try:
            self._remove_pods(gone)
            self._readdress(topology)
            self._add_nodes([node for node in topology.nodes if node.name not in self._nodes])
            self._add_pods([pod for name, pod in new.items() if name not in staying], topology.nodes)
        except OSError as error:
            raise LaboratoryError(f"the network of the laboratory cannot be built: {error.strerror}") from error
        self._topology = topology

    def node(self, name: str) -> int:
        """The namespace of a node."""
        return self._nodes[name][0].descriptor

    def pod(self, pod: LabPod) -> int:
        """The namespace in which a pod's programs would run: the node's for a pod on the host network."""
        return self.node(pod.node) if pod.host_network else self._pods[pod.name][0].descriptor

    @property
    def outside(self) -> int:
        """The namespace that has all addresses outside the cluster."""
        return self._outside.descriptor

    def close(self) -> None:
        """Let everything go."""
        for stack, _ in [*self._pods.values(), *self._nodes.values()]:
            stack.close()
        self._outside.close()
        self._fabric.close()

    def _add_nodes(self, nodes: list[LabNode]) -> None:
        stacks = _make([node.name for node in nodes], _ROUTER_SETTINGS)
        links = _attach(self._fabric, [(node.name, stacks[node.name], node.addresses) for node in nodes])
        self._nodes |= {name: (stacks[name], links[name]) for name in stacks}

    def _add_pods(self, pods: list[LabPod], nodes: Iterable[LabNode]) -> None:
        stacks = _make([pod.name for pod in pods], _HOST_SETTINGS)
        for node in nodes:
            lower = [(pod.name, stacks[pod.name], pod.addresses) for pod in pods if pod.node == node.name]
            stack, uplink = self._nodes[node.name]
            links = _attach(stack, lower)
            self._pods |= {name: (stacks[name], link) for name, link in links.items()}
            self._fabric.carry_out(
                add_route(uplink, ip, _LOWER[ip.version]) for _, _, addresses in lower for ip in addresses
            )

    def _remove_pods(self, pods: list[LabPod]) -> None:
        for pod in pods:
            stack, link = self._pods.pop(pod.name)
            node, uplink = self._nodes[pod.node]
            node.carry_out([remove_link(link)])
            self._fabric.carry_out(remove_route(uplink, ip) for ip in pod.addresses)
            stack.close()

    def _readdress(self, topology: Topology) -> None:
        """Give nodes and the outside other addresses, where they differ: first all that go, then all that come.

        A node that is not mentioned any more stays as a router without an address.
        """
        old, new = self._topology.node_by_name, topology.node_by_name
        ends = [(self._outside, self._outside_link, self._topology.outside, topology.outside)]
        for name, (stack, link) in self._nodes.items():
            ends.append((stack, link, _addresses(old.get(name)), _addresses(new.get(name))))
        for stack, link, before, after in ends:
            going = [ip for ip in before if ip not in after]
            stack.carry_out(remove_address(_UPLINK, ip) for ip in going)
            self._fabric.carry_out(remove_route(link, ip) for ip in going)
        for stack, link, before, after in ends:
            coming = [ip for ip in after if ip not in before]
            stack.carry_out([*(add_address(_UPLINK, ip) for ip in coming), *_way_up()])
            self._fabric.carry_out(_routes(link, coming))


def _addresses(node: LabNode | None) -> tuple[IPAddress, ...]:
    return node.addresses if node else ()


def _place(pod: LabPod) -> tuple[str, tuple[IPAddress, ...]]:
    return pod.node, pod.addresses


def _make(names: list[str], settings: dict[str, str]) -> dict[str, NetworkStack]:
    with linux.returning_to_network_namespace():
        return {name: NetworkStack(settings) for name in names}


def _attach(upper: NetworkStack, lower: list[tuple[str, NetworkStack, tuple[IPAddress, ...]]]) -> dict[str, int]:
    """Link each of `lower`, with its addresses, to `upper`; the numbers of the links there, by name."""
    numbers = {name: upper.take_link_number() for name, _, _ in lower}
    upper.carry_out(
        add_link(
            LinkEnd(f"link{numbers[name]}", numbers[name], _UPPER_HARDWARE),
            LinkEnd("eth0", _UPLINK, _LOWER_HARDWARE),
            stack.descriptor,
        )
        for name, stack, _ in lower
    )
    for _, stack, addresses in lower:
        stack.carry_out(_uplink(addresses))
    upper.carry_out(request for name, _, addresses in lower for request in _downlink(numbers[name], addresses))
    upper.await_links(set(numbers.values()))
    return numbers


def _uplink(addresses: tuple[IPAddress, ...]) -> Iterator[NetworkRequest]:
    """What a lower end needs: its own addresses and the way up."""
    yield bring_up(LOOPBACK)
    yield bring_up(_UPLINK)
    for ip in addresses:
        yield add_address(_UPLINK, ip)
    yield from _way_up()


def _way_up() -> Iterator[NetworkRequest]:
    for gateway in _supported(_UPPER):
        yield set_neighbour(_UPLINK, gateway, _UPPER_HARDWARE)
        yield set_default_route(_UPLINK, gateway)


def _downlink(link: int, addresses: Iterable[IPAddress]) -> Iterator[NetworkRequest]:
    """What an upper end needs: the lower end by its name, and the way down to each address."""
    for end in _supported(_LOWER):
        yield set_neighbour(link, end, _LOWER_HARDWARE)
    yield from _routes(link, addresses)


def _routes(link: int, addresses: Iterable[IPAddress]) -> Iterator[NetworkRequest]:
    """The way down to each address."""
    for ip in addresses:
        yield set_neighbour(link, ip, _LOWER_HARDWARE)
        yield add_route(link, ip)


def _configure(settings: dict[str, str]) -> None:
    """Write kernel settings of the calling thread's network namespace."""
    for name, value in settings.items():
        if "ipv6" not in name or _is_supported(6):
            try:
                Path("/proc/sys", name).write_text(value)
            except OSError as error:
                raise LaboratoryError(
                    f"the kernel setting {name} cannot be written: {error.strerror}: a container has to be allowed it "
                    "(docker run --security-opt systempaths=unconfined)"
                ) from error


def _supported(ends: dict[int, IPAddress]) -> list[IPAddress]:
    return [ip for version, ip in ends.items() if _is_supported(version)]


@cache
def _is_supported(version: int) -> bool:
    """Whether the kernel runs IPv4 or IPv6 at all: a machine may have been started with `ipv6.disable=1`."""
    return Path(f"/proc/sys/net/ipv{version}").is_dir()
