"""Changes to links, addresses and routes: many requests through one socket.

The `ip` program would need a process for each namespace. The caller chooses the interface numbers, so no request needs
the answer of an earlier one.

Source: rtnetlink(7).
"""

import os
import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import msgspec

from ringfence.netlink.codec import HEADER_SIZE, encode_message
from ringfence.netlink.constants import NETLINK_ROUTE, NLM_F_REQUEST
from ringfence.netlink.socket import NetlinkSocket

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_BATCH: Final = 64 * 1024
"""Bytes that are sent in one call, less than the send buffer of an unprivileged socket (212,992 bytes)."""


class NetworkRequest(msgspec.Struct, frozen=True):
    """One change, and its name in the message if the kernel refuses it."""

    type: int
    flags: int
    body: bytes
    meaning: str


def send_requests(requests: Iterable[NetworkRequest]) -> None:
    """Send `requests` to the kernel in order, in the network namespace of the calling thread.

    All requests are sent, even after a refused one. Raises OSError, with the name of the request, for the first refused
    one.
    """
    refusal: OSError | None = None
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        for batch in _batches(requests):
            refused = _send_batch(netlink, batch)
            refusal = refusal or refused
    if refusal:
        raise refusal


def _send_batch(netlink: NetlinkSocket, batch: list[NetworkRequest]) -> OSError | None:
    """Send a batch. Returns the error of the first refused request. Without NLM_F_ACK, only these are answered."""
    # The sequence number is all that an error message says about the request that it refuses.
    by_sequence = {netlink.next_sequence(): request for request in batch}
    messages = (
        encode_message(request.type, NLM_F_REQUEST | request.flags, sequence, request.body)
        for sequence, request in by_sequence.items()
    )
    netlink.send(b"".join(messages))
    for error in netlink.errors():
        return OSError(error.code, f"{by_sequence[error.sequence].meaning}: {_in_words(error.code, error.explanation)}")
    return None


def _in_words(code: int, explanation: str) -> str:
    return f"{os.strerror(code)} ({explanation})" if explanation else os.strerror(code)


def _batches(requests: Iterable[NetworkRequest]) -> Iterator[list[NetworkRequest]]:
    batch: list[NetworkRequest] = []
    size = 0
    for request in requests:
        length = HEADER_SIZE + len(request.body)
        # A request that is larger than `_BATCH` is sent in a batch of its own.
        if batch and size + length > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += length
    if batch:
        yield batch


def address_family(ip: IPAddress) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6
