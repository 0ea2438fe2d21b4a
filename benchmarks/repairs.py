"""Another program removes or damages the agent's table: the time in which forbidden packets pass, once and repeatedly.

    python -m benchmarks repairs          (`make bench-agent`)

A forbidden datagram is sent every half a millisecond. The damage is repaired when the last datagram has arrived.
"""

import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Final

import msgspec
from tests.e2e.agents import agents
from tests.e2e.world import World, path_of
from tests.semantics.objects import labelled

from benchmarks.agent import CLIENT, NODE, PLACE, SERVER, Sounding, change_guard, settled, sounding
from benchmarks.clusters import Plan
from benchmarks.hostile import TENANT, policy_of_blocks, settle_tenant
from benchmarks.measuring import Figure
from ringfence.dataplane.nftables import commit
from ringfence.dataplane.update import AddTable, Command, DeleteTable, Flush, SetRules
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket

PLAN: Final = Plan(10_000, 1_000, 50)
LONGEST: Final = 20.0
"""Milliseconds that a repair may take at the 99th percentile."""

PAUSES: Final = {"now and then": 1.0, "every 0.3 s": 0.3, "every 0.03 s": 0.03}
"""Seconds between two removals. The last is a storm in which no table of this size can be loaded in between."""

REMOVAL: Final = (AddTable(), DeleteTable())
DAMAGE: Final[dict[str, tuple[Command, ...]]] = {
    "the table is removed": REMOVAL,
    "the map of isolated pods is flushed": (Flush("ingress4"), Flush("egress4")),
    "a base chain is flushed": (SetRules("forward", ()),),
    "the table is made dormant": (AddTable(is_dormant=True),),
}

_TIMES: Final = 100


def measure() -> Iterator[Figure]:
    """All figures. The process must be allowed to make network namespaces."""
    with settled(PLAN) as (world, folder):
        settle_tenant(world)
        with (
            agents(world, folder, [PLACE], "--node", NODE) as [agent],
            sounding(world, CLIENT, SERVER) as stream,
            world.inside(PLACE),
            NetlinkSocket(NETLINK_NETFILTER) as netlink,
        ):
            change_guard(world, stream, opens=False)
            yield Figure("elements in the kernel", agent.metric("ringfence_elements"), "")
            with _writing(world):
                for what, commands in DAMAGE.items():
                    yield from _done(f"{what} now and then, while the agent is busy", commands, 1.0, stream, netlink)
            world.delete_all("NetworkPolicy", TENANT)
            for what, pause in PAUSES.items():
                agent.await_ready()
                yield from _done(f"the table is removed {what}", REMOVAL, pause, stream, netlink)


def _done(
    what: str, commands: Sequence[Command], pause: float, stream: Sounding, netlink: NetlinkSocket
) -> Iterator[Figure]:
    sent, arrived = stream.sent, stream.arrived
    times = []
    for _ in range(_TIMES):
        commit(netlink, commands)
        done = time.monotonic()
        time.sleep(pause)
        times.append(1000 * max(0.0, stream.latest - done))
    share = 100 * (stream.arrived - arrived) / (stream.sent - sent)
    percentile = statistics.quantiles(times, n=100, method="inclusive")[98]
    yield Figure(f"{what}: forbidden packets pass for, median", statistics.median(times), "ms")
    yield Figure("  99th percentile", percentile, "ms", LONGEST)
    yield Figure("  forbidden packets that pass", share, "%", LONGEST / 10 / pause)


@contextmanager
def _writing(world: World) -> Iterator[None]:
    """Write large policies without pause, in a process of its own: the datagrams need the interpreter of this one."""
    own = labelled(role="own")
    versions = [policy_of_blocks(number, 2_000, own, shift) for shift in (0, 1) for number in range(6)]
    world.put(*versions[:6])
    bodies = [(path_of(one), msgspec.json.encode(one).decode()) for one in versions]
    with world.inside("control-plane"):
        child = os.fork()
    if child == 0:
        for path, body in cycle(bodies):
            world.control_plane.request("PUT", path, body)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
