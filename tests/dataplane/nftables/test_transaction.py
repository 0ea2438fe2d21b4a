"""Transactions: each is applied as a whole or not at all, and there are as few as the maximum size allows."""

import errno
from functools import partial

import pytest
from tests.dataplane.network import in_own_network, lose_privileges

from ringfence.dataplane.nftables import commit, failure, read_table
from ringfence.dataplane.nftables.rule_encoding import encode_rule
from ringfence.dataplane.nftables.transaction import MOST_BYTES, fits_at_once
from ringfence.dataplane.program import (
    ADDRESS,
    PORT,
    Chain,
    HashSet,
    Logging,
    Program,
    Reaction,
    Rule,
    address_key,
    base_program,
    profile_chain,
)
from ringfence.dataplane.update import AddCollection, AddElements, AddTable, DeleteChain, commands_between
from ringfence.dataplane.update.comparison import RULES_AT_ONCE, compare, needs_closing
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.netlink.codec import decode_messages
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkError, NetlinkSocket
from ringfence.sets.addresses import Family

V4 = Family.IPV4


@in_own_network
def test_a_refused_transaction_changes_nothing_and_names_what_was_refused() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        with pytest.raises(KernelError, match=r"packet filter: delete chain absent: .*No such file") as raised:
            commit(netlink, [AddTable(), AddCollection("s", HashSet(ADDRESS[V4])), DeleteChain("absent")])
        assert (raised.value.code, raised.value.refused) == (errno.ENOENT, "absent")
        assert read_table(netlink).program is None
        assert commit(netlink, commands_between(None, base_program())) == 1, "the next one is not disturbed by it"
        assert read_table(netlink).program == base_program()


@in_own_network
def test_no_commands_need_no_transaction() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        assert commit(netlink, []) == 0


@in_own_network
def test_there_are_as_few_transactions_as_the_size_allows() -> None:
    many = HashSet(ADDRESS[V4], frozenset(address_key(V4, i) for i in range(30_000)))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        commit(netlink, [AddTable(), AddCollection("s", HashSet(ADDRESS[V4]))])
        before = read_table(netlink).generation
        count = commit(netlink, [AddElements("s", many)])
        found = read_table(netlink)
        size = len(many.elements) * 16  # bytes at least: a nested attribute in each of three others
        limit = min(netlink.limit, MOST_BYTES)
        assert size / limit < count <= 2 * size / limit + 1
        assert found.generation - before == count
        assert found.program == Program({"s": many})


def test_commands_that_fit_into_one_transaction_are_split_on_request() -> None:
    """The kernel holds its lock for the whole transaction."""
    many = HashSet(ADDRESS[V4], frozenset(address_key(V4, i) for i in range(30_000)))
    kernel = FakeKernel(10_000_000)
    assert commit(kernel, [AddElements("s", many)]) == len(kernel.sent) > 2
    assert max(map(len, kernel.sent)) <= MOST_BYTES


@pytest.mark.parametrize("chains", [2, 10, RULES_AT_ONCE // 2])
def test_rules_that_may_change_without_closing_are_in_one_transaction(chains: int) -> None:
    """Between two transactions, packets would meet the old rules of one direction and the new rules of the other."""
    reaction = Reaction(logging=Logging(1, 10))
    largest = largest_rule(base_program(holds=True, reaction=reaction, with_bridges=True))
    allowing = (largest,) * (RULES_AT_ONCE // chains - 2)  # One more rule leads to the chain that denies.
    names = {f"chain_{i:032x}": Direction.EGRESS if i % 2 else Direction.INGRESS for i in range(chains)}
    old = Program(chains={name: Chain() for name in names})
    new = Program(chains={name: profile_chain(direction, allowing) for name, direction in names.items()})
    assert not needs_closing(new, compare(old, new)), "otherwise this test shows nothing"
    assert commit(FakeKernel(10_000_000), commands_between(old, new)) == 1


@pytest.mark.parametrize("chains", [2, 10])
def test_sides_close_only_if_the_rules_that_change_need_several_transactions(chains: int) -> None:
    """The bytes of the rules decide, not their number: most rules are much smaller than the largest."""
    kernel = FakeKernel(10_000_000)
    names = {f"chain_{i:032x}": Direction.EGRESS if i % 2 else Direction.INGRESS for i in range(chains)}
    old = Program(chains={name: Chain() for name in names})
    closing = []
    for rules in range(chains, 600, 30):
        allowing = (largest_rule(base_program()),) * (rules // chains)
        new = Program(chains={name: profile_chain(direction, allowing) for name, direction in names.items()})
        closing.append(needs_closing(new, compare(old, new), partial(fits_at_once, kernel)))
        assert closing[-1] is (commit(kernel, commands_between(old, new)) > 1)
    assert closing == sorted(closing)
    assert set(closing) == {False, True}


def largest_rule(program: Program) -> Rule:
    """The rule of a program whose encoding takes the most bytes."""
    rules = [rule for chain in program.chains.values() for rule in chain.rules if isinstance(rule, Rule)]
    return max(rules, key=lambda rule: len(encode_rule(rule)))


class FakeKernel(NetlinkSocket):
    """A kernel that accepts `size` bytes at once and records what it receives.

    `refused` are the places of refused messages.
    """

    def __init__(self, size: int, refused: tuple[int, ...] = ()) -> None:
        self.size = size
        self.refused = refused
        self.sent: list[bytes] = []
        self._sequence = 0

    @property
    def limit(self) -> int:
        return self.size

    def send(self, messages: bytes) -> None:
        if len(messages) > self.size:
            raise OSError(errno.EMSGSIZE, "Message too long")
        self.sent.append(messages)

    def errors(self) -> list[NetlinkError]:
        sequences = [one.sequence for one in decode_messages(self.sent[-1])]
        return [NetlinkError(errno.ENOENT, "", sequences[place]) for place in self.refused]


COMMANDS = [AddCollection(f"set_{i}", HashSet(PORT)) for i in range(6)]


@pytest.mark.parametrize("size", [400, 401, 402, 403, 404, 500, 600, 900])
def test_no_transaction_is_larger_than_what_can_be_sent_and_none_has_room_for_more(size: int) -> None:
    kernel = FakeKernel(size)
    assert commit(kernel, COMMANDS) == len(kernel.sent)
    messages = [list(decode_messages(one)) for one in kernel.sent]
    assert sum(len(some) - 2 for some in messages) == len(COMMANDS), "each has a beginning and an end"
    one_more = len(kernel.sent[-1]) // len(messages[-1])
    assert all(len(one) + 2 * one_more > size for one in kernel.sent[:-1])


def test_the_command_that_was_refused_first_is_named_even_if_the_whole_transaction_was_refused() -> None:
    with pytest.raises(KernelError) as raised:
        commit(FakeKernel(10_000, refused=(4, 0, 3)), COMMANDS)
    assert raised.value.refused == "set_2"


def test_a_command_that_is_too_long_to_be_sent_is_named() -> None:
    with pytest.raises(KernelError, match=r"add collection set_0: Message too long: raise the limit") as raised:
        commit(FakeKernel(60), COMMANDS[:1])
    assert raised.value.refused == "set_0"


@in_own_network
def test_without_rights_the_remedy_is_named() -> None:
    lose_privileges()
    with NetlinkSocket(NETLINK_NETFILTER) as netlink, pytest.raises(KernelError, match="NET_ADMIN") as raised:
        commit(netlink, [AddTable()])
    assert raised.value.refused == ""


def test_an_error_without_a_remedy_names_none() -> None:
    assert str(failure("it", errno.EXDEV, "why")) == "it: why"
    assert str(failure("it", errno.EPERM, "why")).startswith("it: why: run as root")
