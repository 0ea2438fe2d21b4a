"""The protocol between the daemon of a laboratory and the commands.

Both ends are the same program, started by the same user on the same machine. A message is its length, in four bytes,
and JSON.
"""

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ringfence.analysis.probes import LaboratoryStatus, ProbeReport, RefusedProgram
from ringfence.errors import LaboratoryError
from ringfence.lab.network import LabPort
from ringfence.model.kinds import KINDS
from ringfence.model.objects import Manifest, Object
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem

_LENGTH: Final = struct.Struct("!I")
_LONGEST_MESSAGE: Final = 1 << 30
_MOST_DESCRIPTORS: Final = 3
"""The number of file descriptors that a message may bring."""

_TYPES: Final[dict[str, type[Object]]] = {kind.model.__name__: kind.model for kind in KINDS}


class SentObject(msgspec.Struct, frozen=True):
    """An object in a message: its type, its JSON, the place that it was read from, and whether a server stored it."""

    type: str
    content: msgspec.Raw
    origin: Origin
    is_stored: bool = False


class ProbeRequest(msgspec.Struct, frozen=True, tag=True):
    """Probe the connections between two endpoints, or all without endpoints; without `ports`, the default ones."""

    source: str = ""
    destination: str = ""
    ports: tuple[LabPort, ...] = ()


class ApplyRequest(msgspec.Struct, frozen=True, tag=True):
    """Add or replace objects; `problems` are those of the same input."""

    objects: tuple[SentObject, ...]
    problems: tuple[Problem, ...] = ()


class DeleteRequest(msgspec.Struct, frozen=True, tag=True):
    """Remove objects, each by namespace, kind and name."""

    references: tuple[tuple[str, str, str], ...]


class EnterRequest(msgspec.Struct, frozen=True, tag=True):
    """Send the namespaces of a pod, so that a program can be started in them."""

    pod: str


class StatusRequest(msgspec.Struct, frozen=True, tag=True):
    """Describe the laboratory."""


class StopRequest(msgspec.Struct, frozen=True, tag=True):
    """Stop the laboratory."""


Request = ProbeRequest | ApplyRequest | DeleteRequest | EnterRequest | StatusRequest | StopRequest


class ProgressReply(msgspec.Struct, frozen=True, tag=True):
    """A report of progress, which comes before the reply."""

    doing: str
    done: int
    total: int


class FailureReply(msgspec.Struct, frozen=True, tag=True):
    """The request could not be carried out."""

    message: str


class DoneReply(msgspec.Struct, frozen=True, tag=True):
    """The request has been carried out; `refused` is what the kernel refused to enforce."""

    refused: tuple[RefusedProgram, ...] = ()


class ProbeReply(msgspec.Struct, frozen=True, tag=True):
    """The result of the probes, and the problems in the input: objects with an error are not in the laboratory."""

    report: ProbeReport
    problems: tuple[Problem, ...] = ()


class StatusReply(msgspec.Struct, frozen=True, tag=True):
    """The contents of the laboratory."""

    status: LaboratoryStatus


class EnterReply(msgspec.Struct, frozen=True, tag=True):
    """A pod's `/etc/resolv.conf`; the message brings its namespaces (user, process, network) as file descriptors."""

    resolver_configuration: str


Reply = ProgressReply | FailureReply | DoneReply | ProbeReply | StatusReply | EnterReply

_requests: Final = msgspec.json.Decoder(Request)
_replies: Final = msgspec.json.Decoder(Reply)


def pack(manifests: Iterable[Manifest]) -> tuple[SentObject, ...]:
    """Objects as an ApplyRequest holds them."""
    return tuple(
        SentObject(type(one.object).__name__, msgspec.Raw(msgspec.json.encode(one.object)), one.origin, one.is_stored)
        for one in manifests
    )


def unpack(sent: Iterable[SentObject]) -> Iterator[Manifest]:
    """The objects of an ApplyRequest."""
    for one in sent:
        yield Manifest(msgspec.json.decode(one.content, type=_TYPES[one.type]), one.origin, one.is_stored)


def encode(message: Request | Reply) -> bytes:
    """A message as it is sent."""
    content = msgspec.json.encode(message)
    return _LENGTH.pack(len(content)) + content


def decode_request(buffer: bytes) -> Request | None:
    """The request in `buffer`; None while it is incomplete. Raises ValueError for anything else."""
    if len(buffer) < _LENGTH.size:
        return None
    length = _LENGTH.unpack_from(buffer)[0]
    if length > _LONGEST_MESSAGE:
        raise ValueError("the request is too long")
    content = buffer[_LENGTH.size : _LENGTH.size + length]
    return _requests.decode(content) if len(content) == length else None


def receive_reply(connection: socket.socket) -> tuple[Reply, list[int]]:
    """The next reply, and the file descriptors that came with it. Raises LaboratoryError if the daemon has ended."""
    # The kernel delivers the descriptors with the first bytes of the message (unix(7), SCM_RIGHTS).
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_DESCRIPTORS)
    content = connection.recv(_LENGTH.unpack(head)[0], socket.MSG_WAITALL) if len(head) == _LENGTH.size else b""
    if not content:
        raise LaboratoryError("the laboratory has ended unexpectedly")
    return _replies.decode(content), descriptors
