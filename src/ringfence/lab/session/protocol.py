"""What the keeper of a laboratory and its clients say to each other, and how it crosses their socket.

Both ends are the same program, started by the same user on the same machine. A message is its length and JSON.
"""

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ringfence.analysis.laboratory_status import LaboratoryStatus
from ringfence.analysis.probe_report import ProbeReport
from ringfence.errors import LaboratoryError
from ringfence.lab.network import LabPort
from ringfence.model import objects
from ringfence.model.objects import Manifest, Object
from ringfence.model.origin import Origin

_LENGTH: Final = struct.Struct("!I")
_LONGEST: Final = 1 << 30
_NAMESPACES: Final = 3
"""How many file descriptors a message may bring."""

_KINDS: Final[dict[str, type[Object]]] = {
    kind.__name__: kind
    for kind in (
        objects.Namespace,
        objects.Pod,
        objects.Workload,
        objects.Service,
        objects.EndpointSlice,
        objects.Node,
        objects.NetworkPolicy,
    )
}


class SentObject(msgspec.Struct, frozen=True):
    """An object on its way: its type, itself in JSON, and where it was read."""

    type: str
    content: msgspec.Raw
    origin: Origin


class ProbeRequest(msgspec.Struct, frozen=True, tag=True):
    """Probe a connection, or without ends all of them; without ports, those that the laboratory would choose."""

    source: str = ""
    destination: str = ""
    ports: tuple[LabPort, ...] = ()


class ApplyRequest(msgspec.Struct, frozen=True, tag=True):
    """Take objects in."""

    objects: tuple[SentObject, ...]


class DeleteRequest(msgspec.Struct, frozen=True, tag=True):
    """Let objects go, each by namespace, kind and name."""

    references: tuple[tuple[str, str, str], ...]


class EnterRequest(msgspec.Struct, frozen=True, tag=True):
    """Hand out the namespaces of a pod, so that a program can be started there."""

    pod: str


class StatusRequest(msgspec.Struct, frozen=True, tag=True):
    """Say what the laboratory holds."""


class StopRequest(msgspec.Struct, frozen=True, tag=True):
    """End the laboratory."""


Request = ProbeRequest | ApplyRequest | DeleteRequest | EnterRequest | StatusRequest | StopRequest


class ProgressReply(msgspec.Struct, frozen=True, tag=True):
    """How far something is, of how much."""

    doing: str
    done: int
    total: int


class FailureReply(msgspec.Struct, frozen=True, tag=True):
    """Why it could not be done."""

    message: str


class DoneReply(msgspec.Struct, frozen=True, tag=True):
    """It is done."""


class ProbeReply(msgspec.Struct, frozen=True, tag=True):
    """What the probes found."""

    report: ProbeReport


class StatusReply(msgspec.Struct, frozen=True, tag=True):
    """What the laboratory holds."""

    status: LaboratoryStatus


class EnterReply(msgspec.Struct, frozen=True, tag=True):
    """A pod's `/etc/resolv.conf`; its namespaces (user, process, network) come with the message."""

    resolver_configuration: str


Reply = ProgressReply | FailureReply | DoneReply | ProbeReply | StatusReply | EnterReply

_requests: Final = msgspec.json.Decoder(Request)
_replies: Final = msgspec.json.Decoder(Reply)


def pack(manifests: Iterable[Manifest]) -> tuple[SentObject, ...]:
    """Objects, made ready for the way."""
    return tuple(
        SentObject(type(one.object).__name__, msgspec.Raw(msgspec.json.encode(one.object)), one.origin)
        for one in manifests
    )


def unpack(sent: Iterable[SentObject]) -> Iterator[Manifest]:
    """Objects that have arrived."""
    for one in sent:
        yield Manifest(msgspec.json.decode(one.content, type=_KINDS[one.type]), one.origin)


def encode(message: Request | Reply) -> bytes:
    """A message with its length in front."""
    content = msgspec.json.encode(message)
    return _LENGTH.pack(len(content)) + content


def decode_request(buffer: bytes) -> Request | None:
    """The request in `buffer`; None while it is incomplete. Raises ValueError for anything else."""
    if len(buffer) < _LENGTH.size:
        return None
    length = _LENGTH.unpack_from(buffer)[0]
    if length > _LONGEST:
        raise ValueError("a request of impossible length")
    content = buffer[_LENGTH.size : _LENGTH.size + length]
    return _requests.decode(content) if len(content) == length else None


def receive_reply(connection: socket.socket) -> tuple[Reply, list[int]]:
    """The next reply, and the file descriptors that came with it. Raises LaboratoryError if there will be none."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _NAMESPACES)
    content = connection.recv(_LENGTH.unpack(head)[0], socket.MSG_WAITALL) if len(head) == _LENGTH.size else b""
    if not content:
        raise LaboratoryError("the laboratory has ended unexpectedly")
    return _replies.decode(content), descriptors
