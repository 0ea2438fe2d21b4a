"""Flushes that the kernel does not report yet: the standby process looks for signs of the table."""

import os
from functools import partial

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import IN, UDP, program, varied
from tests.dataplane.standby_messages import FLUSH, LARGE, Ready, has_cover

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS, HELD, Program, RangeSet, base_program
from ringfence.dataplane.restoration import Announcements, restore
from ringfence.sets.addresses import Family

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
