"""A part that the kernel refuses closes the pods of the profiles that need it, and no others."""

from tests.dataplane.network import number
from tests.dataplane.programs import TCP, key, program
from tests.dataplane.update.random_programs import V4

from ringfence.dataplane.program import DENIED, DROPS, ISOLATED, Packet, VerdictMap, admits
from ringfence.dataplane.update.exclusion import profiles_using, with_profiles_closed
from ringfence.model.policies import Direction

IN = Direction.INGRESS
PROGRAM = program({(IN, 0): [(2, TCP, 80)], (IN, 1): [(2, TCP, 80)]})


def packet(to: int) -> Packet:
    return Packet(V4, number(2), number(to), TCP, 80)


def test_a_set_is_needed_by_the_profiles_that_look_into_it() -> None:
    assert profiles_using(PROGRAM, "ingress_0_4") == {"ingress_0"}


def test_a_chain_is_needed_by_itself() -> None:
    assert profiles_using(PROGRAM, "ingress_1") == {"ingress_1"}


def test_what_every_program_has_belongs_to_no_profile() -> None:
    for name in ("forward", "revoked", DENIED[IN], DROPS[IN, V4], ISOLATED[IN, V4], "", "unheard of"):
        assert profiles_using(PROGRAM, name) == frozenset()


def test_pods_of_an_excluded_profile_are_allowed_nothing_and_others_what_they_were() -> None:
    closed = with_profiles_closed(PROGRAM, ["ingress_0"])
    assert admits(PROGRAM, packet(0))
    assert not admits(closed, packet(0))
    assert admits(closed, packet(1))
    verdicts = closed.collections[ISOLATED[IN, V4]]
    assert isinstance(verdicts, VerdictMap)
    assert verdicts.chain_of(key(0, V4)) == DENIED[IN]


def test_an_excluded_profile_leaves_nothing_behind_that_only_it_needed() -> None:
    closed = with_profiles_closed(PROGRAM, ["ingress_0"])
    gone = {*PROGRAM.collections, *PROGRAM.chains} - {*closed.collections, *closed.chains}
    assert gone == {"ingress_0", "ingress_0_4", "ingress_0_6"}
