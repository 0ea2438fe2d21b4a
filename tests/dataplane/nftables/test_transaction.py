"""Commands as transactions: all together or not at all, and as few as their size allows."""

import errno

import pytest
from tests.dataplane.network import in_own_network, lose_privileges

from ringfence.dataplane.nftables import commit, failure, read_program
from ringfence.dataplane.program import ADDRESS, HashSet, Program, address_key, base_program
from ringfence.dataplane.update import AddCollection, AddElements, AddTable, DeleteChain, commands_between
from ringfence.errors import KernelError
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family

V4 = Family.IPV4


@in_own_network
def test_a_refused_transaction_changes_nothing_and_names_what_was_refused() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        with pytest.raises(KernelError, match=r"packet filter: delete chain absent: .*No such file") as raised:
            commit(netlink, [AddTable(), AddCollection("s", HashSet(ADDRESS[V4])), DeleteChain("absent")])
        assert (raised.value.code, raised.value.refused) == (errno.ENOENT, "absent")
        assert read_program(netlink)[0] is None
        assert commit(netlink, commands_between(None, base_program())) == 1, "the next one is not disturbed by it"
        assert read_program(netlink)[0] == base_program()


@in_own_network
def test_no_commands_need_no_transaction() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        assert commit(netlink, []) == 0


@in_own_network
def test_there_are_as_few_transactions_as_the_size_allows() -> None:
    many = HashSet(ADDRESS[V4], frozenset(address_key(V4, i) for i in range(30_000)))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        commit(netlink, [AddTable(), AddCollection("s", HashSet(ADDRESS[V4]))])
        before = read_program(netlink)[1]
        transactions = commit(netlink, [AddElements("s", many)])
        program, generation = read_program(netlink)
        size = len(many.elements) * 20  # bytes at least: a nested attribute in each of three others
        assert size / netlink.limit < transactions <= 2 * size / netlink.limit + 1
        assert generation - before == transactions
        assert program == Program({"s": many})


@in_own_network
def test_without_rights_the_remedy_is_said() -> None:
    lose_privileges()
    with NetlinkSocket(NETLINK_NETFILTER) as netlink, pytest.raises(KernelError, match="NET_ADMIN") as raised:
        commit(netlink, [AddTable()])
    assert raised.value.refused == ""


def test_an_error_without_a_remedy_is_said_without_one() -> None:
    assert str(failure("it", errno.EXDEV, "why")) == "it: why"
    assert str(failure("it", errno.EPERM, "why")).startswith("it: why: run as root")
