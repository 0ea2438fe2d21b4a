"""Changes of other programs: their transactions are detected if they affect the table; own transactions are not."""

import errno
import os
import select
import subprocess
from contextlib import suppress

import pytest
from tests.dataplane.network import in_own_network, nft

from ringfence.dataplane.nftables import TableChanges, Touched, changes, commit, read_generation
from ringfence.dataplane.program import base_program
from ringfence.dataplane.update import AddTable, DeleteChain, DeleteTable, commands_between
from ringfence.errors import KernelError
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket


class Listening:
    """A listener, and the socket whose transactions are its own."""

    def __init__(self) -> None:
        self.own = NetlinkSocket(NETLINK_NETFILTER)
        self.changes = TableChanges(self.own)

    def can_be_read(self) -> bool:
        return bool(select.select([self.changes], [], [], 0)[0])


ANYTHING = Touched(anything=True)

CHANGES = {
    "add table inet ringfence { flags dormant; }": ANYTHING,
    "add chain inet ringfence more": ANYTHING,
    "add rule inet ringfence forward accept": Touched(chains={"forward"}),
    "flush chain inet ringfence forward": Touched(chains={"forward"}),
    "add rule inet ringfence forward ip saddr { 10.0.0.1, 10.0.0.2 } accept": ANYTHING,
    "add element inet ringfence known4 { 10.0.0.1 }": Touched({"known4"}),
    "flush table inet ringfence": Touched(chains=set(base_program().chains)),
    "add element inet ringfence known4 { 10.0.0.1 }; insert rule inet ringfence input drop": Touched(
        {"known4"}, {"input"}
    ),
    "add set inet ringfence more { type ipv4_addr; }": ANYTHING,
    "add counter inet ringfence more": ANYTHING,
    "delete table inet ringfence": ANYTHING,
    "flush ruleset": ANYTHING,
}


@pytest.mark.parametrize("change", CHANGES)
@in_own_network
def test_every_change_of_another_program_is_noticed_once(change: str) -> None:
    listening = Listening()
    commit(listening.own, commands_between(None, base_program()))
    assert not listening.changes.take()
    nft(change)
    assert listening.can_be_read()
    touched, wanted = listening.changes.take(), CHANGES[change]
    assert touched.anything is wanted.anything
    assert wanted.anything or touched == wanted
    assert not listening.can_be_read()
    assert not listening.changes.take()


@in_own_network
def test_a_change_names_the_program_that_made_it() -> None:
    listening = Listening()
    commit(listening.own, [AddTable()])
    assert listening.changes.last is None
    other = subprocess.Popen(["nft", "add table inet ringfence { flags dormant; }"], env=os.environ | {"PATH": PATH})
    assert other.wait() == 0
    assert listening.changes.take()
    assert listening.changes.last == ("nft", other.pid)


PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@in_own_network
def test_own_transactions_are_not_reported() -> None:
    listening = Listening()
    commit(listening.own, commands_between(None, base_program()))
    assert not listening.can_be_read()


@in_own_network
def test_transactions_of_other_programs_on_other_tables_are_no_change() -> None:
    listening = Listening()
    commit(listening.own, [AddTable()])
    nft("add table inet other; add chain inet other ringfence; add table inet ringfenced; delete table inet other")
    assert listening.can_be_read()
    assert not listening.changes.take()
    assert listening.changes.last is None


@pytest.mark.parametrize("change", ["delete table inet ringfence", "add table inet other"])
@in_own_network
def test_transactions_of_other_programs_are_noticed_while_nobody_listens(change: str) -> None:
    """At that time, it is not known which table they change."""
    listening = Listening()
    commit(listening.own, [AddTable()])
    with listening.changes.not_listening():
        commit(listening.own, commands_between(None, base_program())[1:])
    assert not listening.changes.take()
    with listening.changes.not_listening():
        nft(change)
        commit(listening.own, [AddTable(), DeleteTable(), AddTable()])
    assert listening.changes.take()
    assert not listening.changes.take()
    nft("delete table inet ringfence")
    assert listening.changes.take(), "it listens again"


@in_own_network
def test_a_transaction_that_is_not_yet_reported_when_listening_ends_is_noticed() -> None:
    """Its process may be interrupted between the two. The next transaction of any process waits for it."""
    listening = Listening()
    send = listening.own.send
    others = iter(["add table inet ringfence"])
    ahead = iter([1, 0])

    def send_after_others(messages: bytes) -> None:
        for other in others:
            nft(other)
        send(messages)

    listening.own.send = send_after_others  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch, NetlinkSocket(NETLINK_NETFILTER) as netlink:
        patch.setattr(changes, "read_generation", lambda _: read_generation(netlink) + next(ahead))
        with suppress(KernelError), listening.changes.not_listening():
            commit(listening.own, [DeleteChain("absent")])
    assert listening.changes.take()


@in_own_network
def test_a_refused_transaction_while_nobody_listens_is_no_change() -> None:
    listening = Listening()
    with pytest.raises(Exception, match="delete table"), listening.changes.not_listening():
        commit(listening.own, [DeleteTable()])
    assert not listening.changes.take()


@in_own_network
def test_messages_that_were_lost_may_have_been_about_the_table() -> None:
    listening = Listening()

    def waiting() -> bytes | None:
        del listening.changes._netlink.waiting
        raise OSError(errno.ENOBUFS, "No buffer space available")

    listening.changes._netlink.waiting = waiting  # type: ignore[method-assign]
    assert listening.changes.take()
    assert not listening.changes.take()


@in_own_network
def test_messages_that_the_kernel_dropped_count_as_a_change() -> None:
    listening = Listening()
    listening.changes._netlink._socket.setsockopt(1, 8, 4096)  # SO_RCVBUF
    nft("add table inet other; add set inet other s { type ipv4_addr; }")
    addresses = ", ".join(f"10.0.{i}.{j}" for i in range(20) for j in range(100))
    nft(f"add element inet other s {{ {addresses} }}")
    assert listening.changes.take()
