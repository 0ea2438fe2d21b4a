"""The agent on a real API server and a real kernel: the time until a change is in force, and the cost of an idle agent.

    python -m benchmarks agent agent-100k          (`make bench-agent`)

The cluster is written directly into the store, because the API server would take minutes; measured changes go through
the API server. Two pods of the agent's node are real: one sends datagrams to the other all the time, and a change is in
force when the first one arrives, or when no more arrive.
"""

import os
import socket
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from tests.e2e import bulk, parts
from tests.e2e.agents import Agent, agents
from tests.e2e.world import World, living
from tests.semantics.objects import admits, labelled, namespace, namespaces, pod, pods, policy

from benchmarks.clusters import Object, Plan, objects
from benchmarks.measuring import Figure
from benchmarks.policies import policies

NODE: Final = "node-0000"
RANGE: Final = "10.42.0.0/24"
PLACE: Final = "n1"
SERVER, CLIENT = "measured/server", "measured/client"
ADDRESSES: Final = {SERVER: "10.42.0.240", CLIENT: "10.42.0.241"}
NEWCOMERS_ADDRESS: Final = "10.42.0.242"
WATCHED: Final = ("Namespace", "Node", "Pod", "NetworkPolicy")
PORT: Final = 7000
IDLE_SECONDS: Final = 20.0
_INTERVAL: Final = 0.0005
_SILENCE: Final = 0.15
_PATIENCE: Final = 30.0

_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@ll")
_STAMP_SIZE: Final = socket.CMSG_SPACE(_TIMESPEC.size)
"""`struct timespec`, of `<asm-generic/socket.h>` and `<linux/time.h>`; Python's socket module lacks the first."""


class Size(msgspec.Struct, frozen=True):
    """A cluster, its limits, and how many changes of each kind are measured."""

    plan: Plan
    megabytes: float
    start: float | None = None
    median: float | None = None
    slowest: float | None = None
    changes: int = 200


SIZES: Final = {
    "agent": Size(Plan(10_000, 1_000, 50), megabytes=200, start=5, median=30, slowest=100),
    "agent-100k": Size(Plan(100_000, 1_000, 50), megabytes=500, changes=20),
}


def measure(size: Size) -> Iterator[Figure]:
    """All figures of one cluster. The process must be allowed to make network namespaces."""
    with settled(size.plan) as (world, folder):
        began = time.perf_counter()
        with agents(world, folder, [PLACE], "--node", NODE) as [agent]:
            yield Figure(
                "from the start of the process to fully programmed", time.perf_counter() - began, "s", size.start
            )
            yield Figure("  of which compiling and programming", agent.metric("ringfence_enforcing_seconds_sum"), "s")
            yield Figure("isolated addresses", agent.metric("ringfence_isolated_addresses"), "")
            yield Figure("elements in the kernel", agent.metric("ringfence_elements"), "")
            yield Figure("resident memory", agent.memory(), "MB", size.megabytes)
            yield Figure("processor time in a second without changes", _idle(agent) * 100, "%", 1)
            before = _programming(agent)
            yield from _latencies(world, size)
            seconds, count = (after - earlier for after, earlier in zip(_programming(agent), before, strict=True))
            yield Figure("  of which in the agent, on average", seconds / count * 1000, "ms")
            yield Figure("resident memory after these changes", agent.memory(), "MB", size.megabytes)


@contextmanager
def settled(plan: Plan) -> Iterator[tuple[World, Path]]:
    """A cluster of this size in which two pods of the agent's node are real, and a folder for temporary files."""
    absent = parts.missing(*parts.SERVERS, "kubectl")
    if absent:
        raise SystemExit(f"{' and '.join(absent)} not found: `make parts` makes them first")
    with tempfile.TemporaryDirectory() as folder, living(Path(folder)) as world:
        _settle(world, plan)
        yield world, Path(folder)


def _settle(world: World, plan: Plan) -> None:
    world.tend()
    bulk.pour(world, (_made_real(world, obj) for obj in objects(plan) if obj["kind"] in WATCHED))
    bulk.pour(world, policies(plan))
    world.put(namespace("measured"))
    for path, address in ADDRESSES.items():
        one = pod(path, {"role": path.partition("/")[2]})
        world.schedule(one, NODE)
        world.connect(one, PLACE, address)
        world.report(path)


def _made_real(world: World, obj: Object) -> Object:
    """The object; the agent's Node with the addresses of the machine that stands for it, and its range of pods."""
    if obj["kind"] != "Node" or obj["metadata"]["name"] != NODE:
        return obj
    addresses = [{"type": "InternalIP", "address": str(world.address(PLACE))}]
    return obj | {"spec": {"podCIDR": RANGE, "podCIDRs": [RANGE]}, "status": {"addresses": addresses}}


def _programming(agent: Agent) -> tuple[float, float]:
    """The sum of the seconds from events' arrival to their enforcement, and how often that was measured."""
    return agent.metric("ringfence_programming_seconds_sum"), agent.metric("ringfence_programming_seconds_count")


def _idle(agent: Agent) -> float:
    """The share of a processor that the agent uses while nothing changes."""
    before = _processor_seconds(agent)
    time.sleep(IDLE_SECONDS)
    return (_processor_seconds(agent) - before) / IDLE_SECONDS


def _processor_seconds(agent: Agent) -> float:
    fields = Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- from the answer to the kernel ------------------------------------------------------------------------------------


def _latencies(world: World, size: Size) -> Iterator[Figure]:
    yield from _enforced("a new pod: until its first packet passes", list(_waits_of_new_pods(world, size)))
    with sounding(world, CLIENT, SERVER) as stream:
        changes = {
            "a policy that is applied": lambda opens: world.put(_guard("client" if opens else "nobody")),
            "a pod that is relabelled": lambda opens: world.put(_client("client" if opens else "nobody")),
        }
        for what, change in changes.items():
            times = [_milliseconds(stream, change, opens=number % 2 > 0) for number in range(size.changes)]
            world.put(_guard("client"))
            yield from _enforced(f"{what}: until it is enforced", times, size.median, size.slowest)


def _enforced(
    what: str, times: list[float], median: float | None = None, slowest: float | None = None
) -> Iterator[Figure]:
    percentile = statistics.quantiles(times, n=100, method="inclusive")[98]
    yield Figure(f"{what}, median", statistics.median(times), "ms", median)
    yield Figure(f"{what}, 99th percentile", percentile, "ms", slowest)


def _waits_of_new_pods(world: World, size: Size) -> Iterator[float]:
    """From when the API server knows a pod's address; the pod tries all the time."""
    for number in range(size.changes):
        path = f"measured/new-{number}"
        one = pod(path, {"role": "new"})
        world.schedule(one, NODE)
        world.connect(one, PLACE, NEWCOMERS_ADDRESS)
        with sounding(world, path, CLIENT) as stream:
            world.report(path)
            answered = time.monotonic()
            yield max(0.0, stream.opened_after(answered) - answered) * 1000
        world.remove(path)


def change_guard(world: World, stream: "Sounding", *, opens: bool) -> float:
    """Milliseconds until a change of the measured server's policy is in force."""
    return _milliseconds(stream, lambda opens: world.put(_guard("client" if opens else "nobody")), opens=opens)


def _milliseconds(stream: "Sounding", change: Callable[[bool], object], *, opens: bool) -> float:
    """From the API server's answer until the change is in force."""
    change(opens)
    answered = time.monotonic()
    enforced = stream.opened_after(answered) if opens else stream.closed_after(answered)
    return max(0.0, enforced - answered) * 1000


def _guard(admitted: str) -> Object:
    """A policy for the server that allows one role, and all pods of some namespaces."""
    rule = admits(pods(labelled(role=admitted)), namespaces(labelled(team="group-05")))
    return policy("measured/guard", labelled(role="server"), ingress=[rule])


def _client(role: str) -> Object:
    one = pod(CLIENT, {"role": role})
    return {**one, "spec": one["spec"] | {"nodeName": NODE}, "status": {}}


class Sounding:
    """Datagrams without pause from one pod to another."""

    def __init__(self, world: World, source: str, destination: str) -> None:
        target = (str(world.address(destination)), PORT)
        with world.inside(destination):
            self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._receiver.bind(target)
        with world.inside(source):
            self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sender.connect(target)
        self.latest = 0.0
        """When a datagram arrived last."""
        self.sent = 0
        self.arrived = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def opened_after(self, since: float) -> float:
        """When the first datagram arrived, if nothing had arrived for a while."""
        while self.latest < since:
            assert time.monotonic() < since + _PATIENCE
            time.sleep(_INTERVAL)
        return self.latest

    def closed_after(self, since: float) -> float:
        """When the last datagram arrived."""
        while time.monotonic() < max(since, self.latest) + _SILENCE:
            assert time.monotonic() < since + _PATIENCE
            time.sleep(_INTERVAL)
        return self.latest

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._sender.close()
        self._receiver.close()

    def _go_on(self) -> None:
        while not self._ended.is_set():
            self._sender.send(b"?")
            self.sent += 1
            try:
                while True:
                    _, (stamp, *_), _, _ = self._receiver.recvmsg(16, _STAMP_SIZE)
                    self.arrived += 1
                    self.latest = _moment(stamp[2])
            except BlockingIOError:
                time.sleep(_INTERVAL)


def _moment(stamp: bytes) -> float:
    """When the kernel received a datagram, by the monotonic clock.

    The thread that reads it may have to wait for a processor: by its own clock, a datagram that was sent before a table
    was repaired seemed to have passed 100 ms later.
    """
    seconds, nanoseconds = _TIMESPEC.unpack(stamp)
    return float(seconds + nanoseconds / 1e9 + time.monotonic() - time.time())


@contextmanager
def sounding(world: World, source: str, destination: str) -> Iterator[Sounding]:
    """Datagrams without pause for a while."""
    one = Sounding(world, source, destination)
    try:
        yield one
    finally:
        one.close()
