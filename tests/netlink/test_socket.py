"""The netlink socket: how it interprets the kernel's answers."""

import errno
import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from tests.dataplane.network import in_own_network

from ringfence.netlink.addresses import RTM_GETADDR, add_address, list_addresses, remove_address
from ringfence.netlink.codec import encode_message, nested, string
from ringfence.netlink.constants import (
    NETLINK_NETFILTER,
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from ringfence.netlink.links import IFLA_INFO_KIND, IFLA_LINKINFO, LOOPBACK, RTM_DELLINK, RTM_NEWLINK
from ringfence.netlink.requests import send_requests
from ringfence.netlink.socket import NetlinkError, NetlinkSocket
from ringfence.sets.addresses import parse_address

MANY = [ip_address(f"10.{i >> 8}.{i & 255}.1") for i in range(2_000)]
"""More addresses than the kernel lists in one piece (32 kB)."""


class Meddled(NetlinkSocket):
    """A socket that runs a function during each list, after the first piece of the list."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        super().__init__(NETLINK_ROUTE)
        self._meddle = meddle

    def _receive(self) -> bytes:
        received = super()._receive()
        self._meddle()
        return received


@in_own_network
def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    send_requests(add_address(LOOPBACK, ip) for ip in MANY)
    left = [ip_address("10.99.0.1"), ip_address("10.99.0.2")]

    def meddle() -> None:
        if left:
            send_requests([add_address(LOOPBACK, left.pop())])

    with Meddled(meddle) as netlink:
        listed = list_addresses(netlink)
    for text in ("10.0.0.1", "10.99.0.1", "10.99.0.2"):
        assert listed.contains(*parse_address(text))


@in_own_network
def test_no_address_is_listed_that_went_before_the_list_was_complete() -> None:
    send_requests(add_address(LOOPBACK, ip) for ip in MANY)
    left = list(MANY[:1000])

    def meddle() -> None:
        send_requests(remove_address(LOOPBACK, ip) for ip in left)
        left.clear()

    with Meddled(meddle) as netlink:
        listed = list_addresses(netlink)
    assert not any(listed.contains(*parse_address(str(ip))) for ip in MANY[:1000])
    assert all(listed.contains(*parse_address(str(ip))) for ip in MANY[1000:])


@in_own_network
def test_a_list_that_changes_every_time_is_an_error() -> None:
    send_requests(add_address(LOOPBACK, ip) for ip in MANY)
    ip = ip_address("10.99.0.1")

    def meddle() -> None:
        send_requests([add_address(LOOPBACK, ip), remove_address(LOOPBACK, ip)])

    with Meddled(meddle) as netlink, pytest.raises(OSError, match="changed 20 times"):
        list_addresses(netlink)


class Scripted(NetlinkSocket):
    """A socket to a kernel whose answers and read errors are given.

    None represents an answer that has not arrived yet.
    """

    def __init__(self, *answers: bytes | OSError | None) -> None:
        super().__init__(NETLINK_ROUTE)
        self._answers_left = list(answers)

    def send(self, messages: bytes) -> None:
        pass

    def waiting(self) -> bytes | None:
        answer = self._answers_left.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.mark.parametrize("marked", [0, 1])
def test_any_message_of_a_list_can_say_that_it_was_interrupted(marked: int) -> None:
    """This includes the last message, which contains no entry."""
    flags = [0, 0]
    flags[marked] = NLM_F_DUMP_INTR
    first = encode_message(9, flags[0], 1, b"old.") + encode_message(NLMSG_DONE, flags[1], 1, bytes(4))
    second = encode_message(9, 0, 2, b"new.") + encode_message(NLMSG_DONE, 0, 2, bytes(4))
    with Scripted(first, second) as netlink:
        assert netlink.dump(RTM_GETADDR, b"") == [b"new."]


def test_what_is_left_of_an_earlier_answer_is_passed_over() -> None:
    with Scripted(encode_message(9, 0, 77, b"left"), encode_message(9, 0, 1, b"mine")) as netlink:
        assert netlink.ask(9, b"") == b"mine"


def refusal(sequence: int, code: int = errno.EPERM) -> bytes:
    """An error message about a request, in the form in which the kernel sends it.

    The code 0 makes it an acknowledgement.
    """
    request = encode_message(RTM_DELLINK, NLM_F_REQUEST, sequence, b"")
    return encode_message(NLMSG_ERROR, 0, sequence, struct.pack("=i", -code) + request)


TOO_MANY = OSError(errno.ENOBUFS, "No buffer space available")
CLOSED = OSError(errno.EBADF, "Bad file descriptor")


def test_where_errors_were_too_many_for_the_buffer_those_in_it_count() -> None:
    """Otherwise a refused request would be treated as one that succeeded."""
    with Scripted(TOO_MANY, refusal(5), refusal(6, code=0), None) as netlink:
        assert [error.sequence for error in netlink.errors()] == [5]


def test_another_error_in_reading_is_raised() -> None:
    with Scripted(CLOSED, CLOSED) as netlink:
        with pytest.raises(OSError, match="Bad file descriptor"):
            netlink.errors()
        with pytest.raises(OSError, match="Bad file descriptor"):
            netlink.notifications()


def test_notifications_that_were_too_many_are_passed_over() -> None:
    with Scripted(TOO_MANY, encode_message(9, 0, 0, b"news")) as netlink:
        assert netlink.notifications() == []
        assert [one.body for one in netlink.notifications()] == [b"news"]


def test_an_acknowledgement_is_no_answer_to_a_question() -> None:
    with Scripted(refusal(1, code=0)) as netlink, pytest.raises(OSError, match="instead of an answer") as raised:
        netlink.ask(9, b"")
    assert raised.value.errno == errno.EPROTO


@in_own_network
def test_a_refused_request_is_an_error_with_the_kernels_number() -> None:
    with NetlinkSocket(NETLINK_ROUTE) as netlink, pytest.raises(NetlinkError) as raised:
        netlink.request(RTM_DELLINK, 0, bytes(4) + (99).to_bytes(4, "little") + bytes(8))
    assert raised.value.code == errno.ENODEV
    assert str(raised.value) == raised.value.strerror


@in_own_network
def test_the_kernels_own_explanation_is_the_text_of_the_error() -> None:
    """Such a text (NLMSGERR_ATTR_MSG) contains more information than the number, here EOPNOTSUPP."""
    kind = nested(IFLA_LINKINFO, string(IFLA_INFO_KIND, "nonesuch"))
    with NetlinkSocket(NETLINK_ROUTE) as netlink, pytest.raises(NetlinkError) as raised:
        netlink.request(RTM_NEWLINK, NLM_F_CREATE, bytes(16) + kind)
    assert raised.value.code == errno.EOPNOTSUPP
    assert str(raised.value) == raised.value.explanation == "Unknown device type"


@in_own_network
def test_errors_are_those_of_refused_messages_alone() -> None:
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        netlink.send(encode_message(RTM_DELLINK, NLM_F_REQUEST, 5, bytes(4) + (99).to_bytes(4, "little") + bytes(8)))
        assert [error.sequence for error in netlink.errors()] == [5]
        assert netlink.errors() == []


@in_own_network
def test_more_than_the_limit_cannot_be_sent_at_once() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        with pytest.raises(OSError) as raised:  # noqa: PT011
            netlink.send(bytes(netlink.limit * 2))
        assert raised.value.errno == errno.EMSGSIZE
        assert netlink.errors() == []
