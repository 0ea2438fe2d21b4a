"""Log groups: each has one listener at a time, and closing a group wakes the listener."""

import gc
import threading
from pathlib import Path

import pytest
from tests.dataplane.network import PATIENCE, Network, address, in_own_network, nft

from ringfence.netlink.packet_log import COPIED_BYTES, LogGroup
from ringfence.netlink.socket import NetlinkError

LOGGING = 'table inet copies { chain forwarded { type filter hook forward priority 0; log prefix "hello" group 7; }; }'


@in_own_network
def test_a_copy_has_the_rules_prefix_and_the_packets_headers() -> None:
    network = Network(2)
    nft(LOGGING)
    group, server = LogGroup(7), network.udp(0, 80)
    network.udp(1).sendto(b"x" * 1000, (address(0), 80))
    assert network.delivered(server)
    [copy] = group.wait(PATIENCE) or []
    assert copy.prefix == "hello"
    assert len(copy.content) == COPIED_BYTES
    assert copy.content[0] >> 4 == 4
    assert group.wait(0) == []


@in_own_network
def test_a_group_has_one_listener_at_a_time() -> None:
    first = LogGroup(7)
    with pytest.raises(NetlinkError):
        LogGroup(7)
    first.close()
    LogGroup(7).close()


@in_own_network
def test_closing_wakes_a_thread_that_waits() -> None:
    group, results = LogGroup(7), [object()]
    thread = threading.Thread(target=lambda: results.append(group.wait()))
    thread.start()
    group.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert results[1:] == [None]
    assert group.wait() is None, "it stays closed"


@in_own_network
def test_a_group_that_nobody_refers_to_leaves_no_file_open() -> None:
    """An agent opens the log again after each read error."""
    before = open_files()
    LogGroup(7).close()
    gc.collect()
    assert open_files() == before


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}
