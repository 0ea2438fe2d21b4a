"""Other programs change the table during an update: in the end the new program is in force, and nothing was refused."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EAGAIN, ERESTART

import pytest
from tests.dataplane.network import Network, address, in_own_network, nft
from tests.dataplane.programs import IN, OUT, TCP, UDP, program, varied
from tests.dataplane.simulation import carried_out

from ringfence.dataplane import table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables import FoundTable, commit_transaction, read_handle, read_table
from ringfence.dataplane.nftables.transaction import Transaction
from ringfence.dataplane.program import Chain, Program, base_program, fixed_chains
from ringfence.dataplane.restoration import restore
from ringfence.dataplane.update import RenameChain
from ringfence.errors import KernelError
from ringfence.netlink.socket import NetlinkSocket

OTHER = program({(IN, 0): [(1, TCP, 443), (2, UDP, 80)], (OUT, 1): [], (IN, 2): [(0, TCP, 80)]})

DISTURBANCES = {
    "the ruleset is flushed": "flush ruleset",
    "the table is flushed": "flush table inet ringfence",
    "a map is flushed": "flush map inet ringfence ingress4",
    "the table is dormant": "add table inet ringfence { flags dormant; }",
    "a rule is inserted": "insert rule inet ringfence forward accept",
}


@contextmanager
def disturbed(disturbance: Callable[[int], object]) -> Iterator[list[int]]:
    """Call a function before each transaction, with the number of the transaction.

    The yielded list contains how many transactions there were.
    """
    count = [0]

    def disturbed_commit(netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None) -> None:
        count[0] += 1
        disturbance(count[0])
        commit_transaction(netlink, transaction, generation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit_transaction", disturbed_commit)
        yield count


@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(varied(), OTHER, id="smaller"),
        pytest.param(OTHER, varied(), id="larger", marks=pytest.mark.takes_long),
    ],
)
@in_own_network
def test_a_disturbance_before_any_transaction_of_a_change_is_undone(
    disturbance: str, old: Program, new: Program
) -> None:
    undo_each(disturbance, old, new)


@pytest.mark.repeats_lines
@pytest.mark.parametrize("disturbance", DISTURBANCES)
@in_own_network
def test_a_disturbance_of_a_large_transaction_is_undone(disturbance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a transaction is committed, nobody listens for the changes of others."""
    monkeypatch.setattr(table, "LISTENED_TO", 0)
    undo_each(disturbance, OTHER, varied())


ISOLATING = {
    "the map of isolated pods": "flush map inet ringfence ingress4",
    "a pod of this map": f"delete element inet ringfence ingress4 {{ {address(0)} }}",
    "the revoked connections": "flush set inet ringfence revoked",
    "the rules of a base chain": "flush chain inet ringfence forward",
    "a rule that replaces one of a base chain": "replace rule inet ringfence forward handle HANDLE accept",
    "the rules of a profile": "flush chain inet ringfence ingress_varied",
    "a rule that lets every packet pass": "insert rule inet ringfence ingress_varied accept",
    "the ports of pods on bridges": "flush map bridge ringfence bridge_from",
}
"""Changes after which forbidden packets pass."""


@pytest.mark.parametrize("part", ISOLATING)
@in_own_network
def test_what_isolates_pods_is_restored_before_a_large_table_is_read(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here nobody listens to the change, and so any part of the table may have changed. It takes long to read all."""
    monkeypatch.setattr(table, "LISTENED_TO", 0)
    kernel = Kernel()
    kernel.apply(varied())
    kernel.revoke([1, 2])
    before = [read_table(kernel._netfilter).program]
    forward = nft("-a", "list", "chain", "inet ringfence forward")
    damage = ISOLATING[part].replace("HANDLE", re.findall(r"# handle (\d+)", forward)[-1])
    states: list[Program | None] = []

    def read(netlink: NetlinkSocket) -> FoundTable:
        found = read_table(netlink)
        states.append(found.program)
        return found

    monkeypatch.setattr(table, "read_table", read)
    with disturbed(lambda count: nft(damage) if count == 1 else None):
        kernel.apply(OTHER)
    assert states[:1] == before
    assert kernel.repairs == 1, "connections that were opened in between are judged"
    assert Kernel().present == OTHER


@in_own_network
def test_a_large_table_is_read_if_an_isolating_part_cannot_be_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LISTENED_TO", 0)
    kernel = Kernel()
    kernel.apply(varied())
    damage = "flush map inet ringfence ingress4; flush chain inet ringfence ingress_varied; {}"
    name = next(name for name in varied().chains["ingress_varied"].sets if name not in base_program().collections)
    with disturbed(lambda count: nft(damage.format(f"delete set inet ringfence {name}")) if count == 1 else None):
        kernel.apply(OTHER)
    assert Kernel().present == OTHER


def undo_each(disturbance: str, old: Program, new: Program) -> None:
    """Repeat an update once for each of its transactions, and disturb a different transaction each time."""
    kernel = Kernel()
    kernel.apply(old)
    with disturbed(lambda count: None) as transactions:
        kernel.apply(new)
    for at in range(1, transactions[0] + 1):
        kernel.apply(old)
        kernel.revoke([1, 2])
        with disturbed(lambda count, at=at: nft(DISTURBANCES[disturbance]) if count == at else None):  # type: ignore[misc]
            kernel.apply(new)
        assert (kernel.present, kernel.repairs) == (new, at)
        after = Kernel()
        assert (after.present, after.revoked) == (new, frozenset({1, 2}))


@in_own_network
def test_a_change_right_after_a_flush_closes_no_pod() -> None:
    """A missing table is not treated as a refusal of the profile that was about to be added to it."""
    network = Network(3)
    kernel = Kernel()
    kernel.apply(program({(IN, 0): [(1, UDP, 80)]}))
    nft("flush ruleset")
    kernel.apply(program({(IN, 0): [(2, UDP, 80)]}))
    server = network.udp(0, 80)
    network.udp(1).sendto(b"no", (address(0), 80))
    network.udp(2).sendto(b"yes", (address(0), 80))
    assert network.delivered(server) == b"yes"


@in_own_network
def test_connections_are_revoked_although_the_table_has_just_been_flushed() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    nft("flush ruleset")
    kernel.revoke([1, 2])
    after = Kernel()
    assert (after.present, after.revoked) == (varied(), frozenset({1, 2}))


@in_own_network
def test_updates_that_are_disturbed_one_after_another_leave_no_more_than_one_of_them() -> None:
    """Each creates chains and sets for the time being, and is disturbed before packets reach them."""
    kernel, left = Kernel(), list[set[str]]()
    kernel.apply(varied())
    permanent = {*varied().collections, *varied().chains, *OTHER.collections, *OTHER.chains}

    def disturb_if_anything_is_temporary(count: int) -> None:
        present = Kernel().present
        assert present
        temporary = {*present.collections, *present.chains} - permanent
        if temporary and len(left) < 5:
            left.append(temporary)
            nft("flush set inet ringfence revoked; add element inet ringfence revoked { 5 }")

    with disturbed(disturb_if_anything_is_temporary):
        kernel.apply(OTHER)
    assert len(left) == 5
    assert max(map(len, left)) == len(left[0])
    assert Kernel().present == OTHER


@in_own_network
def test_what_a_process_left_that_ended_during_an_update_is_deleted_first() -> None:
    kernel, states = Kernel(), list[Program | None]()
    kernel.apply(varied())
    nft("add chain inet ringfence both_0; add set inet ringfence copy_0 { type ipv4_addr; }")
    after = Kernel()
    with disturbed(lambda count: states.append(Kernel().present)):
        after.apply(OTHER)
    found, cleaned = states[:2]
    assert found
    assert cleaned
    assert found.chains.keys() - cleaned.chains.keys() >= {"both_0"}
    assert found.collections.keys() - cleaned.collections.keys() >= {"copy_0"}
    assert fixed_chains(cleaned) == fixed_chains(varied()), "everything is in force as before"
    assert Kernel().present == OTHER


@pytest.mark.parametrize("removal", ["delete chain inet ringfence ingress_1", "delete table inet ringfence"])
@in_own_network
def test_a_chain_that_another_program_removes_before_it_gets_its_new_name_is_created_again(removal: str) -> None:
    old, new = program({(IN, 1): [(0, TCP, 80)]}), program({(IN, 1): [(0, UDP, 80)]})
    new = carried_out(new, [RenameChain("ingress_1", "ingress_other")])
    kernel = Kernel()
    kernel.apply(old)
    asked: list[str] = []

    def removed(netlink: NetlinkSocket, chain: str) -> int:
        if not asked:
            nft("flush map inet ringfence ingress4; flush map inet ringfence ingress6")
            nft(removal)
        asked.append(chain)
        return read_handle(netlink, chain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "read_handle", removed)
        kernel.apply(new)
    assert asked
    assert Kernel().present == new


@in_own_network
def test_a_table_that_is_never_left_alone_is_an_error_that_blames_no_profile() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    with disturbed(lambda count: nft("flush ruleset")), pytest.raises(KernelError) as raised:
        kernel.apply(OTHER)
    assert type(raised.value) is KernelError
    assert raised.value.code == EAGAIN
    assert str(raised.value) == "other programs changed the table inet ringfence 20 times while it was repaired"
    assert kernel.repair(), "it is tried again"
    assert Kernel().present == OTHER


@in_own_network
def test_the_fixed_chains_get_their_rules_back_in_the_first_transaction() -> None:
    """This holds for any other repair: without these rules, nothing is in force."""
    kernel = Kernel()
    kernel.apply(varied())
    nft("flush table inet ringfence")
    states: list[Program] = []
    with disturbed(lambda count: states.append(Kernel().present)):
        assert kernel.repair()
    assert fixed_chains(states[1]) == fixed_chains(varied())
    assert states[1].chains["ingress_varied"] == Chain()
    assert Kernel().present == varied()


@in_own_network
def test_changes_of_other_tables_disturb_nothing() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "read_table", lambda netlink: pytest.fail("it is read back"))
        with disturbed(lambda count: nft("add table inet other; delete table inet other")):
            kernel.apply(OTHER)
        assert not kernel.repair()


@in_own_network
def test_a_large_transaction_is_refused_at_once_after_a_transaction_of_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Searching for the objects of a missing table, and undoing earlier commands, would delay all other programs."""
    monkeypatch.setattr(table, "LISTENED_TO", 0)
    kernel, refusals = Kernel(), list[int]()
    kernel.apply(varied())

    def commit(netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None) -> None:
        if not refusals:
            nft("flush ruleset")
        try:
            commit_transaction(netlink, transaction, generation)
        except KernelError as error:
            refusals.append(error.code)
            raise

    monkeypatch.setattr(table, "commit_transaction", commit)
    kernel.apply(OTHER)
    assert refusals == [ERESTART]
    assert Kernel().present == OTHER


@in_own_network
def test_pods_that_the_standby_process_has_closed_stay_closed_while_the_table_is_loaded_again() -> None:
    """The repair finds no table. There is a table when the repair sends its first transaction."""
    wanted = TestAFlushOfALargeProgram.WANTED
    kernel = Kernel()
    kernel.apply(wanted)
    restorations, states = kernel.prepare(), list[Program]()
    nft("flush ruleset")

    def before(count: int) -> None:
        if count == 1:
            restore(kernel.standby.sender, restorations)
        states.append(Kernel().present)

    with disturbed(before):
        assert kernel.repair()
    assert all(any(chain.hook for chain in state.chains.values()) for state in states)
    assert Kernel().present == wanted


class TestAFlushOfALargeProgram:
    """A program that takes a while to load is closed first, so that no packet that it forbids passes."""

    WANTED = program({(IN, pod): [(9, UDP, 80 + i) for i in range(100)] for pod in range(40)})

    @in_own_network
    def test_every_isolated_pod_is_closed_in_the_first_transactions(self) -> None:
        kernel = Kernel()
        kernel.apply(self.WANTED)
        states: list[Program] = []
        nft("flush ruleset")
        with disturbed(lambda count: states.append(Kernel().present)):
            assert kernel.repair()
        closed = states[2]
        assert closed.chains == base_program().chains
        assert {
            name: one.size for name, one in closed.collections.items() if one != base_program().collections[name]
        } == {
            "ingress4": 40,
            "ingress6": 40,
            "denied_ingress4": 40,
            "denied_ingress6": 40,
        }
        assert Kernel().present == self.WANTED

    @in_own_network
    def test_a_new_table_is_not_closed_first(self) -> None:
        """Everything was allowed before. Packets that the program allows must pass throughout."""
        states: list[Program] = []
        with disturbed(lambda count: states.append(Kernel().present)):
            Kernel().apply(self.WANTED)
        before_the_last = states[-1]
        assert before_the_last.collections == self.WANTED.collections
        assert before_the_last.chains == {name: one for name, one in self.WANTED.chains.items() if not one.hook}
        assert not any(chain.hook for state in states for chain in state.chains.values())


@in_own_network
def test_a_table_with_foreign_parts_is_left_alone_until_a_program_is_known() -> None:
    Kernel().apply(varied())
    nft("insert rule inet ringfence forward counter accept")
    kernel = Kernel()
    nft("flush chain inet ringfence input")
    assert not kernel.repair()
    kernel.apply(varied())
    assert Kernel().present == varied()
