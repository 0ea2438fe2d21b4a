"""Messages between commands and the daemon."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lab.clusters import manifests, service
from tests.semantics.objects import namespace, node, pod, policy, workload

from ringfence.errors import LaboratoryError
from ringfence.lab.network.topology import LabPort
from ringfence.lab.session.protocol import (
    ApplyRequest,
    DeleteRequest,
    DoneReply,
    EnterReply,
    FailureReply,
    ProbeRequest,
    Reply,
    Request,
    StopRequest,
    decode_request,
    encode,
    pack,
    receive_reply,
    unpack,
)

REQUESTS: list[Request] = [
    ProbeRequest("x/a", "x/b", (LabPort(53, "UDP"),)),
    DeleteRequest((("x", "Pod", "a"), ("", "Node", "n"))),
    StopRequest(),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_request_arrives_as_it_was_sent(request_: Request) -> None:
    assert decode_request(encode(request_)) == request_


def test_a_request_may_arrive_in_pieces() -> None:
    message = encode(REQUESTS[0])
    assert [decode_request(message[:length]) for length in range(len(message))] == [None] * len(message)


def test_objects_of_every_kind_arrive_as_they_were_sent() -> None:
    sent = manifests(
        namespace("x"),
        pod("x/a", {"app": "a"}, addresses=["10.0.0.1"]),
        workload("x/d", "Deployment", pod("x/d", {"app": "d"})),
        service("x/s", {"app": "a"}),
        node("n", "192.168.0.1"),
        policy("x/p", ingress=[]),
    )
    request = decode_request(encode(ApplyRequest(pack(sent))))
    assert isinstance(request, ApplyRequest)
    assert list(unpack(request.objects)) == sent


@given(st.binary(max_size=40))
def test_any_bytes_are_a_request_an_incomplete_one_or_an_error(data: bytes) -> None:
    try:
        decode_request(data)
    except ValueError:
        return


def test_a_request_of_a_gigabyte_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        decode_request(((1 << 30) + 1).to_bytes(4, "big"))


@pytest.mark.parametrize("reply", [DoneReply(), FailureReply("ä" * 100_000)], ids=["short", "long"])
def test_a_reply_arrives_as_it_was_sent(reply: Reply) -> None:
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        theirs.sendall(encode(reply))
        os._exit(0)
    with ours, theirs:
        assert receive_reply(ours) == (reply, [])
    os.wait()


def test_a_reply_brings_file_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Path(os.devnull).open() as null:
        socket.send_fds(theirs, [encode(EnterReply("nameserver 10.0.0.1\n"))], [null.fileno()] * 3)
        reply, descriptors = receive_reply(ours)
    assert reply == EnterReply("nameserver 10.0.0.1\n")
    assert len(descriptors) == 3
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("sent", [b"", encode(DoneReply())[:2], encode(DoneReply())[:4]])
def test_a_daemon_that_ends_before_its_reply_is_an_error(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(sent)
    theirs.close()
    with ours, pytest.raises(LaboratoryError, match="ended unexpectedly"):
        receive_reply(ours)
