"""What is sent when another program removes the table brings it back, and does no harm if it is there."""

import errno
import os
import select
import threading
from collections.abc import Sequence
from functools import partial

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import IN, UDP, program, varied

from ringfence.dataplane import preparation, table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS, Program, RangeSet, base_program
from ringfence.dataplane.restoration import Restoration, restore_removed
from ringfence.dataplane.update import with_all_profiles_closed
from ringfence.sets.addresses import Family

LARGE = program({(IN, pod): [(9, UDP, 80 + i) for i in range(100)] for pod in range(40)})


class Ready:
    """A kernel with a program in force, and what is ready to be sent for it."""

    def __init__(self, program: Program | None = None) -> None:
        self.kernel = Kernel()
        self.kernel.apply(program or varied())
        self.prepare()

    def prepare(self) -> Sequence[Restoration]:
        self.restorations = self.kernel.prepare()
        return self.restorations

    def stand_in(self) -> None:
        """Do what the process that stands by does when the kernel reports a change."""
        standby = self.kernel.standby
        begin, end = (partial(os.eventfd_write, event, 1) for event in (standby.begun, standby.ended))
        restore_removed(standby.sender, self.restorations, begin, end)


@in_own_network
def test_a_small_program_is_there_again_as_a_whole() -> None:
    ready = Ready()
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().present == varied()


@in_own_network
def test_of_a_large_one_is_there_again_what_isolates_pods_and_it_allows_nothing() -> None:
    """To load it as a whole takes a while, in which what it forbids would pass."""
    ready = Ready(LARGE)
    nft("flush ruleset")
    ready.stand_in()
    assert Kernel().present == with_all_profiles_closed(LARGE) != LARGE


@in_own_network
@pytest.mark.parametrize("removed", ["inet", "bridge"])
def test_one_of_the_two_tables_may_be_left(removed: str) -> None:
    whole = base_program(holds=True, with_bridges=True)
    ready = Ready(whole)
    nft(f"delete table {removed} ringfence")
    ready.stand_in()
    assert Kernel().present == whole


@in_own_network
@pytest.mark.parametrize("wanted", [varied(), LARGE], ids=["small", "large"])
def test_a_repair_follows_and_counts_once(wanted: Program) -> None:
    """Also where the table is there again as it was: connections may have been opened meanwhile."""
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
def test_all_connections_are_judged_that_may_have_been_opened_before_it_was_there_again() -> None:
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
def test_what_it_did_while_the_table_was_repaired_is_read_back() -> None:
    """Its last transaction may come after the repair has read the table, and change what the repair has done."""
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
def test_a_table_that_is_there_is_left_alone() -> None:
    ready = Ready(LARGE)
    ready.stand_in()
    assert Kernel().present == LARGE
    nft("flush ruleset")
    ready.kernel.repair()  # somebody was faster
    sender = ready.kernel.standby.sender
    sender.send(ready.restorations[0].transactions[0])
    assert errno.EEXIST in {error.code for error in sender.errors()}
    assert Kernel().present == LARGE


@in_own_network
def test_nothing_is_ready_after_it_was_removed_from_here() -> None:
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
def test_what_is_only_being_loaded_is_not_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """To close all pods must not take longer because somebody has large policies."""
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
    """At the start the table may be that of another version."""
    Ready()
    assert Kernel().prepare() == ()


@in_own_network
def test_what_the_kernel_refuses_is_left_to_the_repair() -> None:
    ready = Ready()
    whole = ready.restorations[0]
    nft("flush ruleset")
    broken = Restoration(whole.question, (whole.transactions[0][:-40], *whole.transactions[1:]))
    restore_removed(ready.kernel.standby.sender, [broken])
    assert not Kernel().has_table
    assert ready.kernel.repair()
    assert Kernel().present == varied()
