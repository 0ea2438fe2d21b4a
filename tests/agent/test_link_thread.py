"""The agent learns of the cables of pods when they appear, and of their addresses when they are set."""

import socket
import threading
from contextlib import closing

import pytest
from tests.agent.running import TIMEOUT, eventually
from tests.dataplane.network import BridgedNetwork, address, in_own_network, ip
from tests.dataplane.test_bridges import guarding
from tests.dataplane.test_cables import MORE, add_pod, own, replace_pod

from ringfence.agent import link_thread
from ringfence.agent.inbox import CablesChanged, CablesUnread, Inbox
from ringfence.agent.link_thread import following_cables
from ringfence.dataplane import cables
from ringfence.dataplane.cables import CableReader, NodeCables
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.sets.addresses import Family, parse_address


@in_own_network
def test_a_new_cable_and_its_addresses_are_said_to_the_loop() -> None:
    network, ports, inbox = BridgedNetwork(1), PodPorts(), Inbox()
    with following_cables(ports, Kernel(), inbox):
        assert ports.cables.cables.keys() == {socket.if_nametoindex("pod0")}
        pod = add_pod(network)
        port = socket.if_nametoindex(f"pod{pod}")
        eventually(lambda: port in ports.cables.cables)
        assert isinstance(inbox.get(timeout=TIMEOUT), CablesChanged)
        with network.inside(pod):
            ip(f"address add {address(pod)}/16 dev eth0", f"address add {address(pod, Family.IPV6)}/48 dev eth0")
        eventually(lambda: ports.cables.cables[port].addresses == own(pod))
        ip(f"link delete pod{pod}")
        eventually(lambda: port not in ports.cables.cables)


@in_own_network
def test_what_the_program_in_the_kernel_says_of_a_port_is_remembered() -> None:
    network, ports = BridgedNetwork(3), PodPorts()
    kernel = Kernel()
    kernel.apply(guarding({}))
    with network.inside(0):
        ip(f"address add {MORE}/16 dev eth0")
    with closing(Kernel()) as next_kernel, following_cables(ports, next_kernel, Inbox()):
        found = ports.cables.cables[socket.if_nametoindex("pod0")]
    assert found.is_certain
    assert parse_address(MORE) not in found.addresses


@in_own_network
def test_a_cable_that_was_replaced_before_it_was_read_again_is_another_one() -> None:
    network, ports = BridgedNetwork(1), PodPorts()
    read, let_go = CableReader.read, threading.Event()

    def read_later(self: CableReader) -> NodeCables:
        assert let_go.wait(TIMEOUT)
        return read(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cables, "SETTLING", 0.0)
        with following_cables(ports, Kernel(), Inbox()):
            port = socket.if_nametoindex("pod0")
            patch.setattr(CableReader, "read", read_later)
            ip("address add 192.0.2.1/32 dev lo")  # which the thread notices
            replace_pod(network)
            let_go.set()
            eventually(lambda: ports.cables.cables[port].addresses == {parse_address(MORE)})


@in_own_network
def test_a_failure_is_said_to_the_loop_and_it_is_tried_again() -> None:
    network, ports, inbox = BridgedNetwork(1), PodPorts(), Inbox()
    refusal = OSError(12, "Cannot allocate memory")

    def refuse(self: CableReader) -> NodeCables:
        raise refusal

    with pytest.MonkeyPatch.context() as patch, following_cables(ports, Kernel(), inbox):
        patch.setattr(link_thread, "RETRY_AFTER", 0.01)
        patch.setattr(CableReader, "read", refuse)
        pod = add_pod(network)
        # The first pod's interface may have got a link-local address meanwhile.
        while (item := inbox.get(timeout=TIMEOUT)) == CablesChanged():
            pass
        assert item == CablesUnread(refusal)
        patch.undo()
        eventually(lambda: socket.if_nametoindex(f"pod{pod}") in ports.cables.cables)
