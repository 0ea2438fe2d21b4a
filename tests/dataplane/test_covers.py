"""Damage that is not the removal of a table: a cover stands beside the damaged table until it is repaired."""

import select

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied
from tests.dataplane.standby_messages import FLUSH, LARGE, Ready, has_cover, words
from tests.dataplane.test_damage import DAMAGES, first_of_each_kind
from tests.dataplane.test_disturbances import disturbed

from ringfence.dataplane import table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables import commit
from ringfence.dataplane.program import base_program
from ringfence.dataplane.update import AddTable, with_all_profiles_closed

AWAKE = {
    damage: command
    for damage, command in DAMAGES.items()
    if "dormant" not in damage and damage != "the table for bridges is gone"
}


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
