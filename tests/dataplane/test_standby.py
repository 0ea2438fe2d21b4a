"""The prepared messages of the standby process restore or cover a changed table, and do no harm to a correct one."""

import errno
import os
import re
import select
import threading
from collections.abc import Sequence
from functools import partial

import msgspec
import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import IN, UDP, program, varied
from tests.dataplane.test_damage import DAMAGES, first_of_each_kind
from tests.dataplane.test_disturbances import disturbed

from ringfence.dataplane import preparation, table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables import commit
from ringfence.dataplane.program import ADDRESS, HELD, Program, RangeSet, base_program
from ringfence.dataplane.restoration import Announcements, Damage, Restoration, restore
from ringfence.dataplane.update import AddTable, with_all_profiles_closed
from ringfence.sets.addresses import Family

LARGE = program({(IN, pod): [(9, UDP, 80 + i) for i in range(100)] for pod in range(40)})


class Ready:
    """A kernel with a program in force, and the messages that are ready to be sent for it."""

    def __init__(self, program: Program | None = None) -> None:
        self.kernel = Kernel()
        self.kernel.apply(program or varied())
        self.prepare()

    def prepare(self) -> Sequence[Restoration]:
        self.restorations = self.kernel.prepare()
        return self.restorations

    def stand_in(self) -> None:
        """Act as the standby process does when the kernel reports a change."""
        standby = self.kernel.standby
        announcing = Announcements(*(partial(os.eventfd_write, event, 1) for event in standby.announcements))
        damage = Damage()
        while received := standby.listener.waiting():
            damage.note(received, self.restorations)
        restore(standby.sender, self.restorations, damage, announcing)


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


# --- other damage than a removed table --------------------------------------------------------------------------------

AWAKE = {
    damage: command
    for damage, command in DAMAGES.items()
    if "dormant" not in damage and damage != "the table for bridges is gone"
}
FLUSH = "flush map inet ringfence ingress4"


def words(family: str, table: str = "ringfence") -> list[str]:
    """The sorted words of nft's listing of a table, with the name of the first table."""
    listed = nft("-s", "list", "ruleset", family)
    parts = re.findall(rf"^table {family} {table} {{.*?^}}", listed, re.MULTILINE | re.DOTALL)
    return sorted(re.split(r"[\s,]+", "".join(parts).replace(table, "ringfence")))


def has_cover() -> bool:
    return "ringfence_beside" in nft("list tables")


@pytest.mark.parametrize("damage", first_of_each_kind(AWAKE))
@in_own_network
def test_a_damaged_table_is_covered_until_it_is_repaired(damage: str) -> None:
    ready = Ready()
    ready.kernel.revoke([1, 2])
    ready.prepare()
    family = "bridge" if "bridge ringfence" in AWAKE[damage] else "inet"
    with ready.kernel.standby.listening():
        before = words(family)
        nft(AWAKE[damage])
        damaged = words(family)
        ready.stand_in()
        assert words(family, "ringfence_beside") == before
        assert words(family) == damaged, "only the repair knows what it may change"
        assert ready.kernel.repair()
        assert words(family) == before
        assert not has_cover()
        assert ready.kernel.repairs == 1
        assert not ready.kernel.repair()


@in_own_network
def test_the_cover_of_a_large_program_isolates_pods_and_allows_nothing() -> None:
    ready = Ready(LARGE)
    with ready.kernel.standby.listening():
        nft(FLUSH)
        ready.stand_in()
        covered = words("inet", "ringfence_beside")
        assert ready.kernel.repair()
        ready.kernel.apply(with_all_profiles_closed(LARGE))
        assert words("inet") == covered


@in_own_network
def test_a_cover_that_comes_after_the_repair_is_removed_in_a_transaction_that_is_no_repair() -> None:
    ready = Ready()
    with ready.kernel.standby.listening():
        nft(FLUSH)
        assert ready.kernel.repair()
        ready.stand_in()
        assert has_cover()
        assert select.select(ready.kernel.disturbances, [], [], 0)[0] == [ready.kernel.standby.covered]
        before = ready.kernel.transactions
        ready.kernel.repair()
        assert not has_cover()
        assert ready.kernel.transactions > before
        assert ready.kernel.repairs == 1


@in_own_network
def test_another_program_is_not_held_back_by_a_cover() -> None:
    ready = Ready(LARGE)
    with ready.kernel.standby.listening():
        nft(FLUSH)
        ready.stand_in()
        ready.kernel.apply(varied())
        assert not has_cover()
        assert Kernel().present == varied()


@pytest.mark.parametrize("table", ["inet", "bridge"])
@in_own_network
def test_a_dormant_table_is_woken_and_counts_as_repaired(table: str) -> None:
    """This holds also if the table is large: its content is known exactly, so nothing has to be closed."""
    ready = Ready(base_program(holds=True, with_bridges=True))
    ready.kernel.revoke_forbidden()
    with ready.kernel.standby.listening():
        nft(f"add table {table} ringfence {{ flags dormant; }}")
        ready.stand_in()
        assert "dormant" not in nft("list ruleset")
        assert not has_cover()
        ready.kernel.repair()
        assert ready.kernel.repairs == 1
        assert ready.kernel._affected is None, "connections may have been opened meanwhile"


@in_own_network
def test_a_cover_that_is_damaged_as_well_is_made_anew() -> None:
    ready = Ready()
    with ready.kernel.standby.listening():
        before = words("inet")
        nft(FLUSH)
        ready.stand_in()
        nft("flush table inet ringfence_beside")
        ready.stand_in()
        assert words("inet", "ringfence_beside") == before
        nft("delete table inet ringfence_beside")
        ready.stand_in()
        assert words("inet", "ringfence_beside") == before
        assert ready.kernel.repair()
        assert words("inet") == before
        assert not has_cover()


@in_own_network
def test_a_cover_stays_while_others_damage_the_table_again() -> None:
    """The others damage it before any transaction of the repair, also before the one that would remove the cover."""
    ready = Ready()
    with ready.kernel.standby.listening():
        for at in range(1, 10):
            nft(FLUSH)
            ready.stand_in()

            def disturb(count: int, at: int = at) -> None:
                assert has_cover()
                if count == at:
                    nft(FLUSH)

            with disturbed(disturb) as transactions:
                assert ready.kernel.repair()
            assert Kernel().present == varied()
            assert not has_cover()
            if transactions[0] < at:
                return
    pytest.fail("no repair took less than nine transactions")


@in_own_network
def test_changes_of_other_tables_are_no_damage() -> None:
    ready = Ready()
    with ready.kernel.standby.listening():
        nft("add table inet other; add table ip ringfence; add set ip ringfence more { type ipv4_addr; }")
        nft("add table ip ringfence_beside; delete table ip ringfence_beside")
        ready.stand_in()
        assert not has_cover()
        assert not ready.kernel.standby.has_covered()
        assert not ready.kernel.repair()


@in_own_network
def test_a_cover_is_removed_although_other_tables_change_all_the_time() -> None:
    ready = Ready()
    with ready.kernel.standby.listening(), pytest.MonkeyPatch.context() as patch:
        nft(FLUSH)
        ready.stand_in()
        assert ready.kernel.repair()
        nft(FLUSH)
        ready.stand_in()
        patch.setattr(table, "read_table", lambda netlink: pytest.fail("all is read back"))
        others = iter(["add table inet other", "delete table inet other"])
        with disturbed(lambda count: nft(command) if (command := next(others, "")) else None):
            assert ready.kernel.repair()
        assert next(others, None) is None
        assert not has_cover()


@in_own_network
def test_a_second_table_that_was_made_for_another_reason_is_left_alone() -> None:
    """The agent creates one itself while it replaces a table of another version."""
    ready = Ready()
    with ready.kernel.standby.listening():
        commit(ready.kernel._netfilter, [AddTable()], "ringfence_beside")
        nft(FLUSH)
        ready.stand_in()
        assert words("inet", "ringfence_beside") == sorted(["table", "inet", "ringfence", "{", "}"])


# --- damage that the kernel does not report ---------------------------------------------------------------------------


HOLDING = base_program(holds=True, with_bridges=True).changed(
    {HELD[Family.IPV4]: RangeSet(ADDRESS[Family.IPV4], frozenset({(bytes([10, 1, 0, 0]), bytes([10, 1, 255, 255]))}))}
)


def look(ready: Ready) -> bool:
    """Act as the standby process does while the kernel reports no changes. Returns whether there is a cover then."""
    covered = partial(os.eventfd_write, ready.kernel.standby.covered, 1)
    restore(
        ready.kernel.standby.sender, ready.restorations, announcements=Announcements(cover=covered), reads_signs=True
    )
    return has_cover()


@pytest.mark.parametrize("wanted", [varied(), LARGE, HOLDING], ids=["small", "large", "holding"])
@in_own_network
def test_a_whole_table_is_not_covered(wanted: Program) -> None:
    ready = Ready(wanted)
    assert not look(ready)
    assert not ready.kernel.standby.has_covered()


@pytest.mark.parametrize(
    ("wanted", "flush"),
    [
        (varied(), FLUSH),
        (LARGE, FLUSH),
        (HOLDING, "flush set inet ringfence held4"),
        (HOLDING, "flush chain inet ringfence forward"),
        (HOLDING, "flush table bridge ringfence"),
    ],
)
@in_own_network
def test_a_flush_that_the_kernel_does_not_report_is_covered_once(wanted: Program, flush: str) -> None:
    ready = Ready(wanted)
    nft(flush)
    assert look(ready)
    assert ready.kernel.standby.has_covered()
    assert look(ready)
    assert not ready.kernel.standby.has_covered(), "there is one already"
    ready.kernel.standby.assume_changes()
    ready.kernel.repair()
    assert Kernel().present == wanted
    assert not look(ready)


@in_own_network
def test_a_pod_that_was_removed_after_the_preparation_is_no_flush() -> None:
    """Its element was a sign, but those of other pods are there."""
    ready = Ready(program({(IN, pod): [(9, UDP, 80)] for pod in range(3)}))
    ready.kernel.apply(program({(IN, 2): [(9, UDP, 80)]}))
    assert not look(ready)
