"""The prepared messages of the standby process restore a removed table, and do no harm to a correct one."""

import errno
import os
import select
import threading

import msgspec
import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied
from tests.dataplane.standby_messages import LARGE, Ready

from ringfence.dataplane import preparation, table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS, Program, RangeSet, base_program
from ringfence.dataplane.restoration import restore
from ringfence.dataplane.update import with_all_profiles_closed
from ringfence.sets.addresses import Family


@in_own_network
def test_a_small_program_is_restored_as_a_whole() -> None:
    ready = Ready()
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().present == varied()


@in_own_network
def test_a_large_program_is_restored_only_as_far_as_it_isolates_pods() -> None:
    """Loading the whole program takes a while, in which forbidden packets would pass."""
    ready = Ready(LARGE)
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().present == with_all_profiles_closed(LARGE) != LARGE


@in_own_network
@pytest.mark.parametrize("removed", ["inet", "bridge"])
def test_a_table_is_restored_although_the_other_one_is_left(removed: str) -> None:
    whole = base_program(holds=True, with_bridges=True)
    ready = Ready(whole)
    nft(f"delete table {removed} ringfence")
    ready.stand_in()
    assert Kernel().present == whole


@in_own_network
@pytest.mark.parametrize("wanted", [varied(), LARGE], ids=["small", "large"])
def test_a_repair_follows_the_restoration_and_counts_once(wanted: Program) -> None:
    """This holds also where the table is restored completely: connections may have been opened in the meantime."""
    ready = Ready(wanted)
    kernel = ready.kernel
    nft("delete table inet ringfence")
    ready.stand_in()
    assert kernel.repair()
    assert Kernel().present == wanted
    assert kernel.repairs == 1
    assert kernel.changed_by is not None
    assert kernel.changed_by.program == "nft", "and not this process"
    assert not kernel.repair()
    nft("flush ruleset")
    ready.stand_in()
    assert kernel.repair()
    assert kernel.repairs == 2


@in_own_network
def test_all_connections_that_may_have_been_opened_without_the_table_are_judged() -> None:
    ready = Ready()
    ready.kernel.revoke_forbidden()
    assert ready.kernel._affected == frozenset()
    nft("flush ruleset")
    ready.stand_in()
    ready.kernel.repair()
    assert ready.kernel._affected is None


@in_own_network
def test_a_repair_that_was_faster_counts_once() -> None:
    ready = Ready(LARGE)
    nft("flush ruleset")
    ready.kernel.repair()
    ready.stand_in()
    assert not ready.kernel.repair()
    assert Kernel().present == LARGE
    assert ready.kernel.repairs == 1


@in_own_network
def test_revoked_connections_stay_revoked() -> None:
    ready = Ready()
    ready.kernel.revoke([7])
    ready.prepare()
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().revoked == {7}


@in_own_network
def test_many_revoked_connections_do_not_hold_up_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "REVOKED_SOON", 10)
    ready = Ready()
    ready.kernel.revoke(range(20_000))
    *before_the_last, _ = ready.prepare()[0].transactions
    nft("delete table inet ringfence")
    for transaction in before_the_last:
        ready.kernel.standby.sender.send(transaction)
    most = Kernel()
    assert most.present == varied()
    assert 10 <= len(most.revoked) < 20_000
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().revoked == set(range(20_000))


@in_own_network
def test_changes_of_the_standby_process_during_a_repair_are_read_back() -> None:
    """Its last transaction may follow the read of the repair and change what the repair has done."""
    ready = Ready()
    kernel = ready.kernel
    nft("delete table inet ringfence")
    first, *rest = ready.restorations[0].transactions
    kernel.standby.sender.send(first)
    kernel.revoke([7])
    kernel.repair()
    for transaction in rest:
        kernel.standby.sender.send(transaction)
    os.eventfd_write(kernel.standby.ended, 1)
    assert select.select(kernel.disturbances, [], [], 0)[0] == [kernel.standby.ended]
    assert not kernel.repair()
    after = Kernel()
    assert (after.present, after.revoked) == (varied(), frozenset({7}))
    assert not select.select(kernel.disturbances, [], [], 0)[0]


@in_own_network
def test_a_table_that_exists_is_left_alone() -> None:
    ready = Ready(LARGE)
    ready.stand_in()
    assert Kernel().present == LARGE
    nft("flush ruleset")
    ready.kernel.repair()  # Another program was faster.
    sender = ready.kernel.standby.sender
    sender.send(ready.restorations[0].transactions[0])
    assert errno.EEXIST in {error.code for error in sender.errors()}
    assert Kernel().present == LARGE


@in_own_network
def test_no_program_is_ready_after_the_agent_removed_the_table() -> None:
    ready = Ready()
    ready.kernel.remove()
    assert ready.kernel.changed.is_set()
    assert ready.prepare() == ()


@in_own_network
def test_another_program_is_made_ready_although_another_thread_uses_the_table() -> None:
    ready = Ready()
    kernel, first = ready.kernel, ready.restorations
    assert ready.prepare() is first, "it is ready"
    kernel.changed.clear()
    kernel.revoke([9])
    assert kernel.changed.is_set()
    with kernel._lock:
        thread = threading.Thread(target=ready.prepare)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert ready.restorations is not first


@in_own_network
def test_a_chain_that_is_being_loaded_is_not_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing all pods must not take longer because a tenant has large policies."""
    monkeypatch.setattr(table, "LOADED_AT_ONCE", 0)
    blocks = RangeSet(ADDRESS[Family.IPV4], frozenset((bytes([11, 0, i, 0]), bytes([11, 0, i, 9])) for i in range(200)))
    loading = varied().changed({"blocks4_of_somebody": blocks})
    ready = Ready(loading)
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().present == with_all_profiles_closed(varied())
    assert ready.kernel.repair()
    assert Kernel().present == loading


@in_own_network
def test_a_table_that_is_not_known_to_be_guarded_is_not_put_back() -> None:
    """At the start, the table may be that of another version."""
    Ready()
    assert Kernel().prepare() == ()


@in_own_network
def test_a_program_that_the_kernel_refuses_is_left_to_the_repair() -> None:
    ready = Ready()
    whole = ready.restorations[0]
    nft("flush ruleset")
    broken = msgspec.structs.replace(whole, transactions=(whole.transactions[0][:-40], *whole.transactions[1:]))
    restore(ready.kernel.standby.sender, [broken])
    assert not Kernel().has_table
    assert ready.kernel.repair()
    assert Kernel().present == varied()


@in_own_network
def test_what_is_too_large_for_the_socket_keeps_no_other_table_from_being_restored() -> None:
    """The socket refuses it itself (EMSGSIZE), and the kernel sees nothing of it."""
    ready = Ready(base_program(holds=True, with_bridges=True))
    first, second = ready.restorations
    nft("flush ruleset")
    sender = ready.kernel.standby.sender
    restore(sender, [msgspec.structs.replace(first, transactions=(bytes(2 * sender.limit),)), second])
    family = {1: "inet", 7: "bridge"}[second.family]
    assert nft("list tables").split() == ["table", family, "ringfence"]
