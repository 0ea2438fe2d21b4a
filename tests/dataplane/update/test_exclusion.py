"""A part that the kernel refuses closes the pods of the profiles that need it, and no other pods."""

import pytest
from tests.dataplane.network import number
from tests.dataplane.programs import TCP, key, program
from tests.dataplane.update.random_programs import V4

from ringfence.dataplane.program import (
    ADDRESS,
    CLOSED,
    DENIED,
    DROPS,
    ISOLATED,
    PEER,
    PORT,
    Dispatch,
    Field,
    Lookup,
    Move,
    Packet,
    Program,
    ProtocolIs,
    RangeMap,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    admits,
    port_key,
    profile_chain,
)
from ringfence.dataplane.update.exclusion import is_needed, profiles_using, with_profiles_closed, without_unneeded
from ringfence.model.policies import Direction

IN = Direction.INGRESS
PROGRAM = program({(IN, 0): [(2, TCP, 80)], (IN, 1): [(2, TCP, 80)]})


def packet(to: int) -> Packet:
    return Packet(V4, number(2), number(to), TCP, 80)


def test_a_set_is_needed_by_the_profiles_that_look_into_it() -> None:
    assert profiles_using(PROGRAM, "ingress_0_4") == {"ingress_0"}


def test_a_chain_is_needed_by_itself() -> None:
    assert profiles_using(PROGRAM, "ingress_1") == {"ingress_1"}


def test_objects_that_every_program_has_belong_to_no_profile() -> None:
    for name in ("forward", "revoked", DENIED[IN], DROPS[IN, V4], ISOLATED[IN, V4], "", "unheard of"):
        assert profiles_using(PROGRAM, name) == frozenset()


def test_pods_of_an_excluded_profile_are_allowed_nothing_and_others_as_before() -> None:
    closed = with_profiles_closed(PROGRAM, ["ingress_0"])
    assert admits(PROGRAM, packet(0))
    assert not admits(closed, packet(0))
    assert admits(closed, packet(1))
    verdicts = closed.collections[ISOLATED[IN, V4]]
    assert isinstance(verdicts, VerdictMap)
    assert verdicts.chain_of(key(0, V4)) == CLOSED[IN]


def test_an_excluded_profile_leaves_nothing_behind_that_only_it_needed() -> None:
    closed = with_profiles_closed(PROGRAM, ["ingress_0"])
    gone = {*PROGRAM.collections, *PROGRAM.chains} - {*closed.collections, *closed.chains}
    assert gone == {"ingress_0", "ingress_0_4", "ingress_0_6"}


def test_objects_that_no_packet_reaches_are_not_needed() -> None:
    """It is being loaded. A profile leads to it only when all of it is loaded."""
    loading = PROGRAM.changed(
        {"more": RangeMap(PORT, {"part": frozenset([(port_key(1), port_key(2))])}), "ports": RangeSet(PORT)},
        {"part": profile_chain(IN, (on_port("ports"),))},
    )
    assert [name for name in ("more", "part", "ports") if is_needed(loading, name)] == []
    assert all(is_needed(loading, name) for name in (*PROGRAM.chains, *PROGRAM.collections))
    assert without_unneeded(loading) == PROGRAM == without_unneeded(PROGRAM)


# --- profiles that look into maps of peers ----------------------------------------------------------------------------

WEB, HTTPS = "web_chain", "https_chain"
"""Chains to which maps of peers lead: one is shared by two profiles."""


def on_port(ports: str) -> Rule:
    return Rule((ProtocolIs(TCP), Lookup((Field.PORT,), ports)), RuleVerdict.RETURN)


def one_port(port: int) -> RangeSet:
    return RangeSet(PORT, frozenset({(port_key(port), port_key(port))}))


def looking_into(peers: str) -> Rule:
    return Rule((), Dispatch((PEER[IN][V4],), peers))


def peers_at(chains: dict[int, str]) -> VerdictMap:
    return VerdictMap(ADDRESS[V4], goto=True).moved(Move(key(pod, V4), None, chain) for pod, chain in chains.items())


def by_peer() -> Program:
    """Pods 0 and 1 as above; pod 3 admits pod 2 to port 80, pod 4 admits pod 2 as well and pod 1 to port 443."""
    subjects = PROGRAM.collections[ISOLATED[IN, V4]]
    assert isinstance(subjects, VerdictMap)
    moves = [Move(key(pod, V4), None, f"ingress_{pod}") for pod in (3, 4)]
    return PROGRAM.changed(
        {
            ISOLATED[IN, V4]: subjects.moved(moves),
            "peers_3": peers_at({2: WEB, 1: DENIED[IN]}),
            "peers_4": peers_at({2: WEB, 1: HTTPS}),
            "web_port": one_port(80),
            "https_port": one_port(443),
        },
        {
            "ingress_3": profile_chain(IN, (looking_into("peers_3"),)),
            "ingress_4": profile_chain(IN, (looking_into("peers_4"),)),
            WEB: profile_chain(IN, (on_port("web_port"),)),
            HTTPS: profile_chain(IN, (on_port("https_port"),)),
        },
    )


@pytest.mark.parametrize("part", [WEB, "web_port"])
def test_a_chain_of_peers_and_what_it_looks_into_is_needed_by_all_profiles_that_lead_to_it(part: str) -> None:
    assert profiles_using(by_peer(), part) == {"ingress_3", "ingress_4"}


@pytest.mark.parametrize("part", [HTTPS, "https_port", "peers_4", "ingress_4"])
def test_a_chain_of_peers_is_needed_by_no_other_profile(part: str) -> None:
    assert profiles_using(by_peer(), part) == {"ingress_4"}


def test_a_chain_of_peers_stays_as_long_as_another_profile_leads_to_it() -> None:
    closed = with_profiles_closed(by_peer(), ["ingress_4"])
    assert admits(by_peer(), packet(4))
    assert not admits(closed, packet(4))
    assert admits(closed, packet(3))
    assert admits(closed, packet(0))
    gone = {*by_peer().collections, *by_peer().chains} - {*closed.collections, *closed.chains}
    assert gone == {"ingress_4", "peers_4", HTTPS, "https_port"}


def test_nothing_of_the_peers_stays_when_no_profile_leads_to_them() -> None:
    closed = with_profiles_closed(by_peer(), ["ingress_3", "ingress_4"])
    assert {*closed.collections, *closed.chains} == {*PROGRAM.collections, *PROGRAM.chains}, "the denying chain stays"
    assert not admits(closed, packet(3))
