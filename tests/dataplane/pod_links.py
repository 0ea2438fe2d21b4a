"""Hand-written frames on the links of pods, in the form in which a container with NET_RAW sends them."""

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import ip_address
from typing import Protocol

from tests.dataplane.forged import ARP_FRAME, EVERYBODY, arp_reply, datagram, frame
from tests.dataplane.test_sources import link_local

from ringfence.sets.addresses import Family

_TIMEOUT = 20.0
_SAID = b"said "
_numbers = itertools.count()


class Places(Protocol):
    """Pods and nodes in network namespaces."""

    def inside(self, place: str, /) -> AbstractContextManager[None]:
        """Enter the network of a node or a pod while the context is open."""

    def address(self, name: str, family: int, /) -> object:
        """The address that the network plugin has assigned to a pod."""


class PodLink:
    """A raw socket on the interface of a pod."""

    def __init__(self, places: Places, path: str) -> None:
        self._places, self.path = places, path
        with places.inside(path):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            self._socket.bind(("eth0", 0))
            self.link_local = link_local("eth0")
        self._socket.settimeout(_TIMEOUT)
        self.hardware_address: bytes = self._socket.getsockname()[4]

    def close(self) -> None:
        self._socket.close()

    def address(self, family: Family = Family.IPV4) -> str:
        """The address that the network plugin has assigned to the pod."""
        return str(self._places.address(self.path, family))

    def send(self, packet: bytes, to: bytes, source: bytes | None = None, kind: int = 0) -> None:
        """Send a packet to a hardware address."""
        self._socket.send(frame(packet, source or self.hardware_address, to, kind=kind))

    def ask(self, gateway: str) -> bytes:
        """Ask for the hardware address of the node. The node answers by ARP."""
        reply = arp_reply(self.hardware_address, self.address(), bytes(6), gateway)
        self._forget_arrivals()
        with on_one_cpu():
            self.send(reply[:7] + b"\1" + reply[8:], EVERYBODY, kind=ARP_FRAME)
        while True:
            received = self._next_arrival()
            if received[12:14] == b"\x08\x06" and received[28:32] == ip_address(gateway).packed:
                return received[22:28]

    def link_local_of(self, node: str) -> str:
        """The link-local address of the node on the link or on the bridge."""
        with self._places.inside(node):
            route = subprocess.run(["ip", "route", "get", self.address()], capture_output=True, text=True, check=True)
            return link_local(route.stdout.split()[2])

    def gets(self, sender: "PodLink", packet: bytes, to: bytes | None = None) -> bool:
        """Whether the pod receives the content of a packet that another pod sends to it, or to the address `to`.

        ARP passes between all pods and keeps the order of messages. A message that follows shows when the packet would
        have arrived.
        """
        fence = b"fence %d." % next(_numbers)
        message = arp_reply(sender.hardware_address, sender.address(), self.hardware_address, self.address()) + fence
        self._forget_arrivals()
        with on_one_cpu():  # Each CPU has its own queue.
            sender.send(packet, to or self.hardware_address)
            sender.send(message, self.hardware_address, kind=ARP_FRAME)
        found, content, deadline = False, packet[packet.index(_SAID) :], time.monotonic() + _TIMEOUT
        while fence not in (received := self._next_arrival()):
            found |= content in received  # with other addresses, where the node translates them
            assert time.monotonic() < deadline, f"nothing comes from {sender.path} to {self.path}"
        return found

    def _forget_arrivals(self) -> None:
        """Empty the buffer: packets that arrive while it is full are lost."""
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(65536)
        self._socket.settimeout(_TIMEOUT)

    def _next_arrival(self) -> bytes:
        while True:
            received, (_, _, kind, *_) = self._socket.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING:
                return received


@contextmanager
def on_one_cpu() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def links_of(places: Places, *paths: str) -> Iterator[list[PodLink]]:
    """Raw sockets on the links of some pods, while the context is open."""
    found = [PodLink(places, path) for path in paths]
    try:
        yield found
    finally:
        for link in found:
            link.close()


def said(source: str, destination: str, port: int = 5353) -> bytes:
    """A datagram with unique content."""
    return datagram(source, destination, port, _SAID + b"%d." % next(_numbers))
