"""The table of an earlier version is updated step by step: no packet is treated in another way meanwhile."""

from contextlib import suppress
from itertools import permutations

import pytest
from tests.dataplane.expectations import is_allowed
from tests.dataplane.network import in_own_network, number
from tests.dataplane.recorded_tables import BEFORE_SHARED_CHAINS, NAMES, compiled, replay
from tests.dataplane.test_disturbances import disturbed
from tests.dataplane.update.ways import check_way

from ringfence.dataplane.compile import PROTOCOL_NUMBERS
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Packet, Program, admits
from ringfence.dataplane.table import KernelTable
from ringfence.sets.addresses import FAMILIES

OUTSIDE = 200
"""An address that no policy is about."""

PACKETS = [
    Packet(family, number(source, family), number(destination, family), PROTOCOL_NUMBERS["UDP"], port)
    for family in FAMILIES
    for source, destination in permutations([*range(len(NAMES)), OUTSIDE], 2)
    for port in (80, 81, 82)
]


@in_own_network
def test_no_step_from_an_earlier_table_treats_a_packet_in_another_way() -> None:
    replay(BEFORE_SHARED_CHAINS)
    kernel = Kernel()
    earlier = kernel.present
    assert earlier
    state, program = compiled(earlier)
    assert earlier.chains.keys() != program.chains.keys(), "the form is another one"
    allowed = [is_allowed(state, packet) for packet in PACKETS]
    assert {*allowed} == {False, True}
    assert [admits(earlier, packet) for packet in PACKETS] == allowed
    check_way(earlier, program, packets=PACKETS)

    states: list[Program | None] = []
    with pytest.MonkeyPatch.context() as patch, disturbed(lambda count: states.append(Kernel().present)):
        patch.setattr(KernelTable, "_replace", lambda *arguments: pytest.fail("the table is replaced as a whole"))
        kernel.apply(program)
    assert Kernel().present == program
    assert len(states) > 1
    for present in (*states, program):
        assert present
        assert [admits(present, packet) for packet in PACKETS] == allowed


@in_own_network
def test_an_update_of_an_earlier_table_may_be_interrupted_anywhere() -> None:
    """The agent of the new version ends, and the next one finds a table that is partly of either form."""
    for last in range(1, 20):
        Kernel().remove()
        replay(BEFORE_SHARED_CHAINS)
        kernel = Kernel()
        state, program = compiled(kernel.present)
        allowed = [is_allowed(state, packet) for packet in PACKETS]

        def stop(count: int, last: int = last) -> None:
            if count > last:
                raise InterruptedError

        with disturbed(stop) as transactions, suppress(InterruptedError):
            kernel.apply(program)
        next_one = Kernel()
        assert next_one.present
        assert [admits(next_one.present, packet) for packet in PACKETS] == allowed
        _, program = compiled(next_one.present)
        next_one.apply(program)
        assert Kernel().present == program
        if transactions[0] <= last:
            return
    pytest.fail("it never ends")
