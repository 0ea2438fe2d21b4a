"""All isolated pods are closed at once when another program removes the table."""

import errno
import threading

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS, Program, RangeSet, base_program
from ringfence.dataplane.update import with_all_profiles_closed
from ringfence.sets.addresses import Family


def ready(program: Program | None = None) -> Kernel:
    """A kernel with a program in force that is ready to close it."""
    kernel = Kernel()
    kernel.apply(program or varied())
    kernel.prepare_to_close()
    return kernel


@in_own_network
def test_what_isolates_pods_is_there_again_and_allows_nothing() -> None:
    kernel = ready()
    nft("flush ruleset")
    kernel.close_if_removed()
    closed = Kernel().present
    assert closed == with_all_profiles_closed(varied()) != varied()


@in_own_network
@pytest.mark.parametrize("removed", ["inet", "bridge"])
def test_one_of_the_two_tables_may_be_left(removed: str) -> None:
    whole = base_program(holds=True, with_bridges=True)
    kernel = ready(whole)
    nft(f"delete table {removed} ringfence")
    kernel.close_if_removed()
    assert Kernel().present == whole


@in_own_network
def test_a_repair_opens_it_again_and_counts_once() -> None:
    kernel = ready()
    nft("delete table inet ringfence")
    kernel.close_if_removed()
    assert kernel.repair()
    assert Kernel().present == varied()
    assert kernel.repairs == 1
    assert kernel.changed_by is not None
    assert kernel.changed_by.program == "nft", "and not this process"
    assert not kernel.repair()


@in_own_network
def test_it_waits_for_nobody() -> None:
    """Here another thread changes the table for ever."""
    kernel = ready()
    nft("flush ruleset")
    with kernel._lock:
        thread = threading.Thread(target=kernel.close_if_removed)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert Kernel().has_table


@in_own_network
def test_revoked_connections_stay_revoked() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    kernel.revoke([7])
    kernel.prepare_to_close()
    nft("flush ruleset")
    kernel.close_if_removed()
    assert Kernel().revoked == {7}


@in_own_network
def test_a_table_that_is_there_is_left_alone() -> None:
    kernel = ready()
    kernel.close_if_removed()
    assert Kernel().present == varied()
    nft("flush ruleset")
    kernel.repair()  # somebody was faster
    kernel._standby._netlink.send(kernel._standby._messages[False][0])
    assert errno.EEXIST in {error.code for error in kernel._standby._netlink.errors()}
    assert Kernel().present == varied()


@in_own_network
def test_nothing_comes_back_after_it_was_removed_from_here() -> None:
    kernel = ready()
    kernel.remove()
    kernel.close_if_removed()
    kernel.prepare_to_close()
    kernel.close_if_removed()
    assert not Kernel().has_table


@in_own_network
def test_another_program_is_made_ready_although_another_thread_uses_the_table() -> None:
    kernel = ready()
    first = kernel._standby._messages
    kernel.prepare_to_close()
    assert kernel._standby._messages is first, "it is ready"
    kernel.revoke([9])
    with kernel._lock:
        thread = threading.Thread(target=kernel.prepare_to_close)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert kernel._standby._messages is not first


@in_own_network
def test_what_is_only_being_loaded_is_not_made_ready() -> None:
    """To close all pods must not take longer because somebody has large policies."""
    blocks = RangeSet(ADDRESS[Family.IPV4], frozenset((bytes([11, 0, i, 0]), bytes([11, 0, i, 9])) for i in range(200)))
    loading = varied().changed({"blocks4_of_somebody": blocks})
    kernel = ready(loading)
    nft("flush ruleset")
    kernel.close_if_removed()
    assert Kernel().present == with_all_profiles_closed(varied())
    assert kernel.repair()
    assert Kernel().present == loading


@in_own_network
def test_a_table_that_is_not_known_to_be_guarded_is_not_put_back() -> None:
    """At the start the table may be that of another version."""
    ready()
    later = Kernel()
    later.prepare_to_close()
    nft("flush ruleset")
    later.close_if_removed()
    assert not Kernel().has_table
