"""Continuous traffic between pods, counted where it arrives."""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final, NamedTuple

import msgspec
from tests.dataplane.network import Network, address, stay_on_one_cpu, use_all_cpus
from tests.example_counts import examples
from tests.waiting import Patience

PORT = 80
ALLOWED, FORBIDDEN = b"a", b"f"

SECONDS: Final = examples(125) / 100
"""How long programs follow one another under traffic: the longer, the more examples of properties are tried."""

LAST_ARRIVAL = 30.0
"""Seconds to wait for datagrams that were allowed; only a test that fails waits so long."""

MOST_ON_THE_WAY = 100
"""Datagrams that were allowed and may be on their way when more are sent: the receiver's buffer holds more. On a busy
machine the kernel delivers them only when a thread of its own (ksoftirqd) gets to run."""

_BUFFER = 1 << 20
"""Bytes to ask for as the receiver's buffer; the system's limit is usually less, and room for 500 datagrams."""


class Count(NamedTuple):
    """Datagrams of one kind."""

    sent: int
    arrived: int


class Traffic(msgspec.Struct):
    """The counts of the datagrams. They are set when the traffic has stopped."""

    allowed: Count = Count(0, 0)
    forbidden: Count = Count(0, 0)


def rounds_under_traffic(least: int = 20) -> Iterator[int]:
    """The numbers of as many rounds as the time allows, and of at least `least` rounds."""
    end = time.monotonic() + SECONDS
    for number in count():
        if number >= least and time.monotonic() > end:
            return
        yield number


@contextmanager
def traffic(network: Network, allowed: int, forbidden: int, to: int) -> Iterator[Traffic]:
    """Two pods send datagrams to a third pod as fast as they can. The third pod never answers.

    The rules therefore judge every datagram: the kernel treats a flow as established only when it has seen an answer.
    """
    receiver = network.udp(to, PORT)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    senders = {ALLOWED: network.udp(allowed), FORBIDDEN: network.udp(forbidden)}
    result = Traffic()
    stop, told_to_stop = os.pipe()
    counts, counting = os.pipe()
    use_all_cpus()  # Packets have to arrive while a transaction is committed, and not only before and after it.
    child = os.fork()
    if child == 0:
        os.close(told_to_stop)
        os.write(counting, b"begun\n")
        os.write(counting, msgspec.json.encode(_send_until(stop, receiver, senders, address(to))))
        os._exit(0)
    os.close(counting)
    try:
        assert os.read(counts, 6) == b"begun\n"
        yield result
    finally:
        os.close(told_to_stop)
        sent, arrived = msgspec.json.decode(os.read(counts, 4096), type=tuple[dict[str, int], dict[str, int]])
        os.waitpid(child, 0)
        stay_on_one_cpu()
        result.allowed, result.forbidden = (
            Count(sent[kind.decode()], arrived[kind.decode()]) for kind in (ALLOWED, FORBIDDEN)
        )


def _send_until(
    stop: int, receiver: socket.socket, senders: dict[bytes, socket.socket], target: str
) -> tuple[dict[str, int], dict[str, int]]:
    sent = dict.fromkeys((kind.decode() for kind in senders), 0)
    arrived = dict(sent)
    allowed = ALLOWED.decode()
    receiver.setblocking(False)
    while not select.select([stop], [], [], 0)[0]:
        for kind, sender in senders.items():
            for _ in range(20):
                sender.sendto(kind, (target, PORT))
            sent[kind.decode()] += 20
        _receive(receiver, arrived)
        _await(lambda: sent[allowed] - arrived[allowed] <= MOST_ON_THE_WAY, receiver, arrived)
    senders[ALLOWED].sendto(ALLOWED, (target, PORT))  # behind all others
    sent[allowed] += 1
    _await(lambda: arrived[allowed] == sent[allowed], receiver, arrived)
    return sent, arrived


def _await(holds: Callable[[], bool], receiver: socket.socket, arrived: dict[str, int]) -> None:
    patience = Patience(LAST_ARRIVAL)
    while not holds() and patience.is_left():
        select.select([receiver], [], [], 0.01)
        _receive(receiver, arrived)


def _receive(receiver: socket.socket, arrived: dict[str, int]) -> None:
    while True:
        try:
            arrived[receiver.recv(10).decode()] += 1
        except BlockingIOError:
            return
