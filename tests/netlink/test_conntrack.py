"""The kernel's list of tracked connections."""

import re
import shutil
import socket
import subprocess

import pytest
from tests.dataplane.network import Network, in_own_network, number, tcp_connection
from tests.dataplane.programs import TCP, key

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import base_program
from ringfence.netlink.codec import attribute, nested, uint32
from ringfence.netlink.conntrack import (
    CTA_ID,
    CTA_IP_V4_DST,
    CTA_IP_V4_SRC,
    CTA_PROTO_NUM,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    CTA_TUPLE_REPLY,
    TrackedConnection,
    list_connections,
)
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES, Family

V4 = Family.IPV4
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def tracked() -> list[TrackedConnection]:
    return list(list_connections(NetlinkSocket(NETLINK_NETFILTER)))


@both_families
@in_own_network
def test_a_connection_is_listed_with_its_ends(family: Family) -> None:
    network = Network(2)
    Kernel().apply(base_program())  # rules that ask about connections turn tracking on
    client, server = tcp_connection(network, 1, 0, family)
    [one] = [one for one in tracked() if one.protocol == TCP]
    port = client.getsockname()[1]
    assert one.family is family
    assert one.original == ((number(1, family), port), (number(0, family), 80))
    assert one.reply == ((number(0, family), 80), (number(1, family), port))
    assert server.getpeername()[1] == port


@in_own_network
def test_numbers_are_those_that_the_conntrack_program_prints() -> None:
    tool = shutil.which("conntrack", path="/usr/sbin:/sbin:/usr/bin")
    if tool is None:
        pytest.skip("the program conntrack is missing")
    network = Network(2)
    Kernel().apply(base_program())  # rules that ask about connections turn tracking on
    ends = tcp_connection(network, 1, 0)
    printed = subprocess.run([tool, "-L", "-o", "id"], capture_output=True, text=True, check=True).stdout
    assert {int(found) for found in re.findall(r"id=(\d+)", printed)} == {one.identifier for one in tracked()}
    del ends


@pytest.mark.parametrize("others", [0, 200], ids=["few", "many"])
@in_own_network
def test_connections_of_some_addresses_are_found_among_all(others: int) -> None:
    network = Network(3)
    Kernel().apply(base_program())  # rules that ask about connections turn tracking on
    ends = [tcp_connection(network, client, 0) for client in (1, 2)]
    about = {key(1, V4), *(key(pod, V4) for pod in range(3, 3 + others))}
    found = {one.original[0].address for one in list_connections(NetlinkSocket(NETLINK_NETFILTER), about)}
    assert number(1) in found
    assert others or number(2) not in found
    assert not list(list_connections(NetlinkSocket(NETLINK_NETFILTER), ()))
    del ends


# --- without a kernel -------------------------------------------------------------------------------------------------


class ListingSocket(NetlinkSocket):
    """Lists these entries, whatever it is asked."""

    def __init__(self, *entries: bytes) -> None:
        self.entries = list(entries)

    def dump(self, type: int, body: bytes) -> list[bytes]:
        return self.entries


def entry(identifier: int, source: int, protocol: int = 1) -> bytes:
    """An entry of a protocol without ports, from pod number `source` to pod 0."""
    ends = nested(
        CTA_TUPLE_IP, attribute(CTA_IP_V4_SRC, key(source, V4)), attribute(CTA_IP_V4_DST, key(0, V4))
    ) + nested(CTA_TUPLE_PROTO, attribute(CTA_PROTO_NUM, bytes([protocol])))
    tuples = nested(CTA_TUPLE_ORIG, ends) + nested(CTA_TUPLE_REPLY, ends)
    return bytes([socket.AF_INET, 0, 0, 0]) + tuples + uint32(CTA_ID, identifier)


LISTING = ListingSocket(entry(7, 1), entry(8, 2), entry(9, 3))


@pytest.mark.parametrize(
    ("about", "found"),
    [
        (None, [7, 8, 9]),
        ([], []),
        ([key(1, V4)], [7]),
        ([key(1, V4), key(3, V4), b"nowhere"], [7, 9]),
        pytest.param([key(3, V4), *(b"nowhere %d" % i for i in range(200))], [7, 8, 9], id="too many to search for"),
        pytest.param([*(b"nowhere %d" % i for i in range(200)), key(3, V4)], [7, 8, 9], id="the wanted one last"),
    ],
)
def test_only_entries_about_the_wanted_addresses_are_decoded(about: list[bytes] | None, found: list[int]) -> None:
    assert [one.identifier for one in list_connections(LISTING, about)] == found


def test_a_protocol_without_ports_has_none() -> None:
    (one,) = list_connections(ListingSocket(entry(7, 1)))
    assert (one.protocol, one.original) == (1, ((number(1), None), (number(0), None)))
