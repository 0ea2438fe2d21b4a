"""The cost of reviewing a full table of tracked connections, and the longest time for which this blocks the agent's
loop.

Everything happens in network namespaces of this process, without root. The table is filled by netlink. Slices are
measured in processor time, of this process and of the kernel for it, since others use the machine, too.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.dataplane.conntrack_entries import clients_of, entry, track
from tests.dataplane.network import leave_for_new_network, number
from tests.dataplane.programs import TCP, program

from benchmarks.measuring import Figure, Peak, without_collection
from ringfence.agent.connection_reviews import ConnectionReviews
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program
from ringfence.model.policies import Direction

PODS: Final = 100
SERVERS: Final = [number(pod).to_bytes(4, "big") for pod in range(PODS)]
MOST: Final = 262_144
"""Connections in a full table of a machine with at least 4 GB of memory, by the kernel's default."""

LONGEST_SLICE: Final = 25.0
MOST_MEMORY: Final = 60.0


def measure() -> Iterator[Figure]:
    """A table of clients with many connections each, and one in which no two connections have the same ends."""
    count = min(MOST, int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text()))
    yield Figure("tracked connections", count, "")
    with without_collection():
        yield from _reviews(clients_of(SERVERS, count))
        leave_for_new_network()
        yield from _reviews(_different_clients(count), " (no two with the same ends)")


def _different_clients(count: int) -> Iterator[bytes]:
    for client in range(count):
        source = (0x0B000000 + client).to_bytes(4, "big")
        yield entry((source, 40_000), (SERVERS[client % PODS], 80), TCP)


def _reviews(connections: Iterable[bytes], which: str = "") -> Iterator[Figure]:
    kernel = Kernel()
    kernel.apply(_isolating([]))
    track(connections)
    # The first review of a process judges all connections, whatever has changed.
    yield from _review(f"all are judged and allowed, as at the start{which}", kernel, _isolating([PODS]))
    yield from _review(f"the policies of one of {PODS} pods are changed{which}", kernel, _isolating([PODS, 0]))
    yield from _review(f"all are judged and ended{which}", kernel, _isolating(range(PODS)))


def _isolating(pods: Iterable[int]) -> Program:
    """The program in which these pods allow one client only, which has no connections."""
    return program({(Direction.INGRESS, pod): [(PODS + 1, TCP, 80)] for pod in pods})


def _review(what: str, kernel: Kernel, changed: Program) -> Iterator[Figure]:
    kernel.apply(changed)
    reviews = ConnectionReviews(kernel, time.monotonic)
    memory, began, slices = Peak(), time.perf_counter(), []
    while reviews.is_pending:
        slice_began = time.thread_time()
        reviews.advance()
        slices.append(time.thread_time() - slice_began)
    yield Figure(what, time.perf_counter() - began, "s")
    yield Figure("  processor time", sum(slices), "s")
    yield Figure("  of which the longest slice", max(slices) * 1e3, "ms", LONGEST_SLICE)
    yield Figure("  memory", memory.megabytes(), "MB", MOST_MEMORY)
