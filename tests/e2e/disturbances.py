"""What can happen to a node and its network, for a while."""

import re
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.dataplane.network import nft
from tests.semantics.objects import Object

from .world import CONTROL_PLANE, World

VANISH: Final = "drop"
REFUSED: Final = "reject with tcp reset"
"""What becomes of packets between a node and the API server while they are cut off."""

_ESTABLISHED: Final = "01"


@contextmanager
def cut_off(world: World, node: str, how: str = VANISH) -> Iterator[None]:
    """Meanwhile the node and the API server cannot speak to each other, though everybody else can."""
    port, address = urlsplit(world.control_plane.url).port, world.address(node)
    there = f"ip saddr {address} tcp dport {port} {how}"
    back = f"ip daddr {address} tcp sport {port} tcp flags & rst == 0 drop"
    with _filtered(world, there, back):
        yield


@contextmanager
def stalled(world: World, node: str) -> Iterator[None]:
    """Meanwhile the node's present connections to the API server stay open, and say nothing; new ones work."""
    port = urlsplit(world.control_plane.url).port
    ports = ", ".join(map(str, _local_ports(world, node)))
    with _filtered(
        world, f"tcp dport {port} tcp sport {{ {ports} }} drop", f"tcp sport {port} tcp dport {{ {ports} }} drop"
    ):
        yield


@contextmanager
def storm(world: World, changes: Iterable[Object]) -> Iterator[None]:
    """Meanwhile one object after the other is put, as fast as the API server takes them."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def put() -> None:
        try:
            for change in changes:
                if ended.is_set():
                    return
                world.put(change)
        except BaseException as failure:  # the test has to know
            failures.append(failure)

    thread = threading.Thread(target=put, name="storm", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert failures == []


@contextmanager
def _filtered(world: World, *rules: str) -> Iterator[None]:
    """Have the control plane's own packet filter judge by these rules for a while."""
    hooks = ("input", "output")
    chains = [f"chain {hook} {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}" for hook in hooks]
    with world.inside(CONTROL_PLANE):
        nft("table inet disturbance {\n" + "\n".join(chains) + "\n}")
    try:
        yield
    finally:
        with world.inside(CONTROL_PLANE):
            nft("delete table inet disturbance")


def _local_ports(world: World, node: str) -> list[int]:
    """The ports from which a node is connected to the API server."""
    server = urlsplit(world.control_plane.url)
    assert server.port
    packed = struct.unpack("=I", ip_address(str(server.hostname)).packed)[0]
    remote = f"{packed:08X}:{server.port:04X}"
    with world.inside(node):
        table = Path("/proc/thread-self/net/tcp").read_text()
    return [int(port, 16) for port in re.findall(rf" \w+:(\w+) {remote} {_ESTABLISHED} ", table)]
