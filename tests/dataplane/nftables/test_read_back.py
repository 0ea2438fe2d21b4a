"""Read-back: the table is read as it was at one moment, and an error is never taken for an absent table."""

import errno
from collections import defaultdict
from itertools import count, repeat
from typing import Any

import pytest
from tests.dataplane.network import in_own_network, use_all_cpus

from ringfence.dataplane.nftables import commit
from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.read_back import FOREIGN_COLLECTION, FoundTable, read_counts, read_parts, read_table
from ringfence.dataplane.nftables.requests import HEADER, message_type
from ringfence.dataplane.nftables.set_descriptions import describe
from ringfence.dataplane.program import ADDRESS, PORT, TABLE, Chain, HashSet, Program, address_key, port_key
from ringfence.dataplane.update import AddCollection, AddElements, AddTable
from ringfence.netlink.codec import attribute, nested, string, uint32
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkError, NetlinkSocket
from ringfence.sets.addresses import Family

V4 = Family.IPV4
SET = HashSet(PORT)
GETGEN, GETTABLE, GETSET, GETCHAIN, GETOBJ, GETFLOWTABLE = map(
    message_type,
    (
        nf.NFT_MSG_GETGEN,
        nf.NFT_MSG_GETTABLE,
        nf.NFT_MSG_GETSET,
        nf.NFT_MSG_GETCHAIN,
        nf.NFT_MSG_GETOBJ,
        nf.NFT_MSG_GETFLOWTABLE,
    ),
)


class FakeKernel(NetlinkSocket):
    """A kernel that answers from lists. It refuses each error in `refusals` once."""

    def __init__(self) -> None:
        self.generations: Any = repeat(7)
        self.lists: dict[int, list[bytes]] = defaultdict(list)
        self.refusals: dict[int, int] = {}
        self.flags = 0

    def ask(self, type: int, body: bytes) -> bytes:
        self._refuse(type)
        if type == GETGEN:
            return HEADER + uint32(nf.NFTA_GEN_ID, next(self.generations))
        return HEADER + uint32(nf.NFTA_TABLE_FLAGS, self.flags)

    def dump(self, type: int, body: bytes) -> list[bytes]:
        self._refuse(type)
        return self.lists[type]

    def _refuse(self, type: int) -> None:
        if code := self.refusals.pop(type, 0):
            raise NetlinkError(code, "", 0)


def a_set(name: str, *more: bytes, header: bytes = HEADER, table: str = TABLE) -> bytes:
    return (
        header + string(nf.NFTA_SET_TABLE, table) + string(nf.NFTA_SET_NAME, name) + b"".join((*describe(SET), *more))
    )


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


def test_a_table_that_does_not_exist_is_none(kernel: FakeKernel) -> None:
    kernel.refusals = {GETTABLE: errno.ENOENT}
    assert read_table(kernel) == FoundTable(None, 7)


@pytest.mark.parametrize("question", [GETTABLE, GETSET, GETCHAIN])
def test_another_error_is_raised(kernel: FakeKernel, question: int) -> None:
    kernel.refusals = {question: errno.EPERM}
    with pytest.raises(NetlinkError) as raised:
        read_table(kernel)
    assert raised.value.code == errno.EPERM


def test_a_table_that_changed_while_it_was_read_is_read_again(kernel: FakeKernel) -> None:
    kernel.generations = iter([1, 2, 3, 4, 5, 5])
    assert read_table(kernel) == FoundTable(Program(), 5)


def test_a_table_that_lost_an_object_while_it_was_read_is_read_again(kernel: FakeKernel) -> None:
    kernel.refusals = {GETSET: errno.ENOENT}
    kernel.lists[GETSET] = [a_set("s")]
    assert read_table(kernel) == FoundTable(Program({"s": SET}), 7)


@pytest.mark.parametrize(("sets", "chains"), [({"old"}, {"new"}), ({"new"}, {"old"})], ids=["chain", "set"])
def test_parts_that_the_last_program_lacks_are_not_read_alone(
    kernel: FakeKernel, sets: set[str], chains: set[str]
) -> None:
    program = Program({"old": SET}, {"old": Chain()})
    assert read_parts(kernel, program, sets, chains) is None
    assert read_parts(kernel, program, {"old"}, {"old"}) == program


def test_a_table_that_changes_all_the_time_is_an_error(kernel: FakeKernel) -> None:
    kernel.generations = count()
    with pytest.raises(OSError, match="changed 20 times while it was read") as raised:
        read_table(kernel)
    assert raised.value.errno == errno.EBUSY


def test_sets_of_other_tables_and_families_are_not_read(kernel: FakeKernel) -> None:
    other_family = bytes([nf.NFPROTO_INET + 1, 0, 0, 0])
    kernel.lists[GETSET] = [a_set("s", header=other_family), a_set("s", table="other")]
    assert read_table(kernel) == FoundTable(Program(), 7)


def test_a_set_of_a_foreign_kind_is_read_and_an_anonymous_one_is_not(kernel: FakeKernel) -> None:
    """A rule of another program can contain a set. That rule is foreign, and its set has no name."""
    anonymous, foreign = nf.NFT_SET_ANONYMOUS, nf.NFT_SET_MAP | nf.NFT_SET_INTERVAL
    kernel.lists[GETSET] = [
        a_set("__set0", uint32(nf.NFTA_SET_FLAGS, anonymous)),
        a_set("foreign", uint32(nf.NFTA_SET_FLAGS, foreign)),
    ]
    assert read_table(kernel) == FoundTable(Program({"foreign": FOREIGN_COLLECTION}), 7)


def test_a_dormant_table_is_marked(kernel: FakeKernel) -> None:
    kernel.flags = nf.NFT_TABLE_F_DORMANT
    assert read_table(kernel) == FoundTable(Program(), 7, is_dormant=True)


def test_objects_that_no_program_has_are_listed(kernel: FakeKernel) -> None:
    place = uint32(nf.NFTA_HOOK_HOOKNUM, nf.NF_INET_FORWARD) + uint32(nf.NFTA_HOOK_PRIORITY, 7)
    chain = string(nf.NFTA_CHAIN_TABLE, TABLE) + string(nf.NFTA_CHAIN_NAME, "late") + nested(nf.NFTA_CHAIN_HOOK, place)
    kernel.lists = defaultdict(
        list,
        {
            GETCHAIN: [HEADER + chain],
            GETOBJ: [HEADER + string(nf.NFTA_OBJ_TABLE, TABLE) + string(nf.NFTA_OBJ_NAME, "quota")],
            GETFLOWTABLE: [HEADER + string(nf.NFTA_FLOWTABLE_TABLE, TABLE) + string(nf.NFTA_FLOWTABLE_NAME, "fast")],
        },
    )
    assert read_table(kernel).unknown_parts == (
        "the base chain late with a hook, priority, type or policy of its own",
        "the object quota",
        "the flowtable fast",
    )


class ResizingKernel(NetlinkSocket):
    """A kernel with a set whose hash table is resized during the first listing, or during each listing."""

    def __init__(self, resizes: int) -> None:
        self.resizes = resizes

    def dump(self, type: int, body: bytes) -> list[bytes]:
        self.resizes -= 1
        ports = [1, 2, 1] if self.resizes >= 0 else [1, 2, 3]
        return [a_list_of(port) for port in ports]


def a_list_of(port: int) -> bytes:
    counts = uint32(nf.NFTA_COUNTER_PACKETS, port)
    element = nested(
        nf.NFTA_LIST_ELEM,
        nested(nf.NFTA_SET_ELEM_KEY, attribute(nf.NFTA_DATA_VALUE, port_key(port))),
        nested(nf.NFTA_SET_ELEM_EXPR, nested(nf.NFTA_EXPR_DATA, counts)),
    )
    return HEADER + nested(nf.NFTA_SET_ELEM_LIST_ELEMENTS, element)


def test_a_set_that_was_resized_while_it_was_listed_is_listed_again() -> None:
    assert [key for key, _, _ in read_counts(ResizingKernel(1), "s")] == [port_key(port) for port in (1, 2, 3)]


def test_a_set_that_is_resized_all_the_time_is_an_error() -> None:
    with pytest.raises(OSError, match="the set s was resized 20 times while it was read") as raised:
        list(read_counts(ResizingKernel(1_000), "s"))
    assert raised.value.errno == errno.EBUSY


@pytest.mark.takes_long
@in_own_network
def test_a_large_set_that_was_just_filled_is_read_whole() -> None:
    """The kernel resizes it in the background, on another CPU if there is one (on Linux 6.18: every time)."""
    use_all_cpus()
    counted = HashSet(ADDRESS[V4], counted=True)
    many = HashSet(ADDRESS[V4], frozenset(address_key(V4, i) for i in range(100_000)))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        commit(netlink, [AddTable(), AddCollection("s", many), AddElements("s", many)])
        assert read_table(netlink).program == Program({"s": many})
        commit(netlink, [AddCollection("counted", counted), AddElements("counted", many)])
        counts = list(read_counts(netlink, "counted"))
        assert len(counts) == len(many.elements)
        assert {key for key, _, _ in counts} == many.elements
