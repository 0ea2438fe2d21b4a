"""The kernel's list of tracked connections: how it is read, and which fields of a connection it contains."""

import re
import shutil
import subprocess

import pytest
from tests.dataplane.conntrack_entries import clients_of, listed, track
from tests.dataplane.network import Network, in_own_network, number, tcp_connection
from tests.dataplane.programs import TCP, UDP, key

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import base_program
from ringfence.netlink import conntrack
from ringfence.netlink.conntrack import (
    Opening,
    TrackedConnection,
    connection_entries,
    list_connections,
    read_connection,
    read_identifier,
    read_opening,
)
from ringfence.netlink.constants import NETLINK_NETFILTER, NFGENMSG_SIZE
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES, Family

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def tracked() -> list[TrackedConnection]:
    return list(list_connections(NetlinkSocket(NETLINK_NETFILTER)))


@both_families
@in_own_network
def test_a_connection_is_listed_with_its_ends(family: Family) -> None:
    network = Network(2)
    Kernel().apply(base_program())  # Rules that ask about connections turn tracking on.
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
    Kernel().apply(base_program())  # Rules that ask about connections turn tracking on.
    ends = tcp_connection(network, 1, 0)
    printed = subprocess.run([tool, "-L", "-o", "id"], capture_output=True, text=True, check=True).stdout
    assert {int(found) for found in re.findall(r"id=(\d+)", printed)} == {one.identifier for one in tracked()}
    del ends


# --- entries ----------------------------------------------------------------------------------------------------------

CLIENT, SERVICE, SERVER = (bytes([10, 0, 0, last]) for last in (1, 2, 3))
CLIENT_6, SERVER_6 = (bytes.fromhex(f"fd00{last:028x}") for last in (1, 2))


@pytest.mark.parametrize(
    ("entry", "opening"),
    [
        pytest.param(
            listed((CLIENT, 4000), (SERVER, 80), TCP, identifier=7),
            (CLIENT, bytes([TCP]), SERVER, b"\0\x50"),
            id="TCP",
        ),
        pytest.param(
            listed((CLIENT_6, 4000), (SERVER_6, 80), UDP, identifier=7),
            (CLIENT_6, bytes([UDP]), SERVER_6, b"\0\x50"),
            id="IPv6",
        ),
        pytest.param(
            listed((CLIENT, 4000), (SERVICE, 443), TCP, identifier=7, answering=(SERVER, 80)),
            (CLIENT, bytes([TCP]), SERVER, b"\0\x50"),
            id="a Service: the end that answers counts",
        ),
        pytest.param(
            listed((CLIENT, None), (SERVER, None), 47, identifier=7),
            (CLIENT, bytes([47]), SERVER, None),
            id="a protocol without ports",
        ),
    ],
)
def test_how_a_connection_was_opened_is_read_without_decoding_the_rest(entry: bytes, opening: Opening) -> None:
    assert read_opening(entry) == opening
    assert read_identifier(entry) == (7).to_bytes(4, "big")
    assert read_connection(entry).identifier == 7


def test_a_protocol_without_ports_has_none() -> None:
    one = read_connection(listed((CLIENT, None), (SERVER, None), 47, identifier=7))
    assert one.protocol == 47
    assert [end.port for end in (*one.original, *one.reply)] == [None] * 4


@both_families
@in_own_network
def test_the_kernel_writes_entries_in_the_form_that_is_read_quickly(family: Family) -> None:
    network = Network(2)
    Kernel().apply(base_program())  # Rules that ask about connections turn tracking on.
    ends = tcp_connection(network, 1, 0, family)
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        entries = [entry for piece in connection_entries(netlink) for entry in piece]
    found = [conntrack._USUAL[entry[0]].match(entry, NFGENMSG_SIZE) for entry in entries]
    assert (key(1, family), bytes([TCP]), key(0, family), b"\0\x50") in [one.groups() for one in found if one]
    del ends


@in_own_network
def test_a_large_table_is_listed_in_pieces() -> None:
    Kernel().apply(base_program())
    track(clients_of([SERVER], 2_000))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        pieces = list(connection_entries(netlink))
    assert len({read_identifier(entry) for piece in pieces for entry in piece}) == 2_000
    assert max(map(len, pieces)) < 300


@in_own_network
def test_a_list_of_which_nobody_wants_the_rest_is_not_in_the_way_of_the_next() -> None:
    Kernel().apply(base_program())
    track(clients_of([SERVER], 2_000))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        listing = connection_entries(netlink)
        next(listing)
        del listing
        assert sum(map(len, connection_entries(netlink))) == 2_000
