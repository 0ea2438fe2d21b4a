"""The link thread reports veth pairs of pods when they appear, and their addresses when they are set."""

import socket
import threading
from contextlib import closing

import pytest
from tests.agent.running import TIMEOUT, eventually
from tests.dataplane.bridges import guarding
from tests.dataplane.network import BridgedNetwork, address, in_own_network, ip
from tests.dataplane.test_veth_pairs import MORE, add_pod, own, replace_pod

from ringfence.agent import link_thread
from ringfence.agent.inbox import Inbox, VethPairsChanged, VethPairsUnread
from ringfence.agent.link_thread import following_veth_pairs
from ringfence.dataplane import veth_pairs
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.veth_pairs import NodeVethPairs, VethPairReader
from ringfence.netlink import socket as netlink_socket
from ringfence.netlink.link_changes import LinkChanges
from ringfence.sets.addresses import Family, parse_address


@in_own_network
def test_a_new_veth_pair_and_its_addresses_are_reported_to_the_loop() -> None:
    network, ports, inbox = BridgedNetwork(1), PodPorts(), Inbox()
    with following_veth_pairs(ports, Kernel(), inbox):
        assert ports.veth_pairs.veth_pairs.keys() == {socket.if_nametoindex("pod0")}
        pod = add_pod(network)
        port = socket.if_nametoindex(f"pod{pod}")
        eventually(lambda: port in ports.veth_pairs.veth_pairs)
        assert isinstance(inbox.get(timeout=TIMEOUT), VethPairsChanged)
        with network.inside(pod):
            ip(f"address add {address(pod)}/16 dev eth0", f"address add {address(pod, Family.IPV6)}/48 dev eth0")
        eventually(lambda: ports.veth_pairs.veth_pairs[port].addresses == own(pod))
        ip(f"link delete pod{pod}")
        eventually(lambda: port not in ports.veth_pairs.veth_pairs)


@in_own_network
def test_what_the_program_in_the_kernel_says_about_a_port_is_remembered() -> None:
    network, ports = BridgedNetwork(3), PodPorts()
    kernel = Kernel()
    kernel.apply(guarding({}))
    with network.inside(0):
        ip(f"address add {MORE}/16 dev eth0")
    with closing(Kernel()) as next_kernel, following_veth_pairs(ports, next_kernel, Inbox()):
        found = ports.veth_pairs.veth_pairs[socket.if_nametoindex("pod0")]
    assert found.is_certain
    assert parse_address(MORE) not in found.addresses


@in_own_network
def test_a_veth_pair_that_was_replaced_before_it_was_read_again_is_another_one() -> None:
    network, ports = BridgedNetwork(1), PodPorts()
    read, let_go = VethPairReader.read, threading.Event()

    def read_later(self: VethPairReader) -> NodeVethPairs:
        assert let_go.wait(TIMEOUT)
        return read(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(veth_pairs, "SETTLING", 0.0)
        with following_veth_pairs(ports, Kernel(), Inbox()):
            port = socket.if_nametoindex("pod0")
            patch.setattr(VethPairReader, "read", read_later)
            ip("address add 192.0.2.1/32 dev lo")  # which the thread notices
            replace_pod(network)
            let_go.set()
            eventually(lambda: ports.veth_pairs.veth_pairs[port].addresses == {parse_address(MORE)})


@in_own_network
def test_a_veth_pair_that_was_replaced_while_the_kernel_dropped_reports_is_another_one() -> None:
    network, ports = BridgedNetwork(1), PodPorts()
    take, let_go, was_lossy = LinkChanges.take_removed, threading.Event(), threading.Event()

    def take_later(self: LinkChanges) -> frozenset[int] | None:
        assert let_go.wait(TIMEOUT)
        removed = take(self)
        if removed is None:
            was_lossy.set()
        return removed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(veth_pairs, "SETTLING", 0.0)
        patch.setattr(LinkChanges, "take_removed", take_later)
        patch.setattr(netlink_socket, "_WANTED_BUFFER", 1 << 12)
        with following_veth_pairs(ports, Kernel(), Inbox()):
            port = socket.if_nametoindex("pod0")
            ip(*(f"address add 192.0.2.{number}/32 dev lo" for number in range(1, 100)))  # fills the buffer
            replace_pod(network)
            let_go.set()
            eventually(lambda: ports.veth_pairs.veth_pairs[port].addresses == {parse_address(MORE)})
    assert was_lossy.is_set(), "otherwise this test shows nothing"


@in_own_network
def test_a_failure_is_reported_to_the_loop_and_reading_is_tried_again() -> None:
    network, ports, inbox = BridgedNetwork(1), PodPorts(), Inbox()
    refusal = OSError(12, "Cannot allocate memory")

    def refuse(self: VethPairReader) -> NodeVethPairs:
        raise refusal

    with pytest.MonkeyPatch.context() as patch, following_veth_pairs(ports, Kernel(), inbox):
        patch.setattr(link_thread, "RETRY_AFTER", 0.01)
        patch.setattr(VethPairReader, "read", refuse)
        pod = add_pod(network)
        # The interface of the first pod may have got a link-local address in the meantime.
        while (item := inbox.get(timeout=TIMEOUT)) == VethPairsChanged():
            pass
        assert item == VethPairsUnread(refusal)
        patch.undo()
        eventually(lambda: socket.if_nametoindex(f"pod{pod}") in ports.veth_pairs.veth_pairs)
