"""Temporary disturbances of a node and of its network."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from tests.dataplane.network import nft
from tests.semantics.objects import Object

from .server import wait_until
from .world import CONTROL_PLANE, RANGES, World

VANISH: Final = "drop"
REFUSED: Final = "reject with tcp reset"
"""What becomes of packets between a node and the API server while they are cut off."""


@contextmanager
def cut_off(world: World, node: str, how: str = VANISH) -> Iterator[None]:
    """While the context is open, the node and the API server cannot reach each other. All other connections work."""
    port, address = urlsplit(world.control_plane.url).port, world.address(node)
    there = f"ip saddr {address} tcp dport {port} {how}"
    back = f"ip daddr {address} tcp sport {port} tcp flags & rst == 0 drop"
    with _filtered(world, there, back):
        yield


@contextmanager
def forgetful(world: World) -> Iterator[None]:
    """While the context is open, the API server has only the Nodes, as an empty restored one or another one has."""
    world.control_plane.lose_data()
    try:
        world.start_control_plane()
        for node in RANGES:
            world.join(node)
        yield
    finally:
        world.control_plane.restore_data()
        world.start_control_plane()


@contextmanager
def stalled(world: World, node: str, *connections: int) -> Iterator[None]:
    """While the context is open, present connections to the API server stay open but carry no data. New ones work.

    This affects all connections of the node, or those from some of its ports.
    """
    port = urlsplit(world.control_plane.url).port
    ports = ", ".join(map(str, connections or _received(world, node)))
    with _filtered(
        world, f"tcp dport {port} tcp sport {{ {ports} }} drop", f"tcp sport {port} tcp dport {{ {ports} }} drop"
    ):
        yield


@contextmanager
def storm(world: World, changes: Iterable[Object]) -> Iterator[None]:
    """While the context is open, objects are written one after another, as fast as the API server takes them."""
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
    """While the context is open, the control plane's own packet filter applies these rules."""
    hooks = ("input", "output")
    chains = [f"chain {hook} {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}" for hook in hooks]
    with world.inside(CONTROL_PLANE):
        nft("table inet disturbance {\n" + "\n".join(chains) + "\n}")
    try:
        yield
    finally:
        with world.inside(CONTROL_PLANE):
            nft("delete table inet disturbance")


def watch_of(world: World, node: str, change: Callable[[], object]) -> int:
    """The port from which the agent of a node watches a kind. It is found by a change of an object of that kind."""
    while True:
        before = _received(world, node)
        change()
        wait_until(partial(_has_received_more, world, node, before), "the agent hears of the change")
        grown = [port for port, size in _received(world, node).items() if size != before.get(port)]
        if len(grown) == 1:  # Otherwise another object was changed at the same time.
            return grown[0]


def _has_received_more(world: World, node: str, before: dict[int, int]) -> bool:
    return _received(world, node) != before


@contextmanager
def broken(world: World, connection: int) -> Iterator[None]:
    """Reset a connection to the API server."""
    port = urlsplit(world.control_plane.url).port
    with _filtered(world, f"tcp dport {port} tcp sport {connection} reject with tcp reset"):
        yield


def _received(world: World, node: str) -> dict[int, int]:
    """The ports from which a node is connected to the API server, and the bytes received on each port."""
    server = urlsplit(world.control_plane.url)
    with world.inside(node):
        question = ("ss", "-HtinO", "state", "established", "dst", f"{server.hostname}:{server.port}")
        answer = subprocess.run(question, capture_output=True, text=True, check=True).stdout
    found = (re.match(r"\S+ +\S+ +\S+:(\d+) .*?(?: bytes_received:(\d+)|$)", line) for line in answer.splitlines())
    return {int(one[1]): int(one[2] or 0) for one in found if one}
