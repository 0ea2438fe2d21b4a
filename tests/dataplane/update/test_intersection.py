"""Intersection: a chain that allows what an old and a new chain both allow, while a packet may meet either of them."""

from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.network import number
from tests.dataplane.programs import TCP, Peer, key, program

from ringfence.dataplane.program import (
    DENIED,
    ISOLATED,
    Chain,
    ForeignRule,
    Move,
    Packet,
    Program,
    VerdictMap,
    admits,
)
from ringfence.dataplane.update.intersection import Intersections, unused_name
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

IN = Direction.INGRESS
DENIED_IN = DENIED[IN]
NOTHING_REWRITTEN: frozenset[str] = frozenset()
PEERS = [(pod, TCP, port) for pod in (2, 3) for port in (80, 81)]

OLD = program({(IN, 0): PEERS[:2], (IN, 5): PEERS[:1]})
NEW = program({(IN, 1): PEERS[1:3], (IN, 5): PEERS[1:]})
"""The chain ingress_5 is in both, with other rules."""


def peers_admitted(old: Program, new: Program, both: Intersections, chain: str) -> set[Peer]:
    """The peers that reach pod 0 if the chain decides for it, while the kernel holds both programs."""
    everything = old.changed(new.collections, {**new.chains, **both.chains})
    name = ISOLATED[IN, Family.IPV4]
    verdicts = everything.collections[name]
    assert isinstance(verdicts, VerdictMap)
    pod = key(0, Family.IPV4)
    moved = verdicts.moved([Move(pod, verdicts.chain_of(pod), chain)])
    tried = everything.changed({name: moved}, {})
    return {peer for peer in PEERS if admits(tried, packet(peer))}


def packet(peer: Peer) -> Packet:
    pod, protocol, port = peer
    return Packet(Family.IPV4, number(pod), number(0), protocol, port)


@given(st.sets(st.sampled_from(PEERS), min_size=1), st.sets(st.sampled_from(PEERS), min_size=1))
def test_an_intersection_allows_what_both_chains_allow(old_peers: set[Peer], new_peers: set[Peer]) -> None:
    old, new = program({(IN, 0): old_peers}), program({(IN, 1): new_peers})
    both = Intersections(old, new, NOTHING_REWRITTEN)
    chain = both.between("ingress_0", "ingress_1")
    assert chain is not None
    assert peers_admitted(old, new, both, chain) == old_peers & new_peers


def test_where_one_of_the_two_is_no_chain_the_other_one_decides() -> None:
    both = Intersections(OLD, NEW, NOTHING_REWRITTEN)
    assert both.between("ingress_0", None) == "ingress_0"
    assert both.between(None, "ingress_1") == "ingress_1"
    assert both.between(None, None) is None
    assert both.chains == {}


def test_a_chain_that_denies_everything_decides_whichever_of_the_two_it_is() -> None:
    both = Intersections(OLD, NEW, NOTHING_REWRITTEN)
    assert both.between("ingress_0", DENIED_IN) == DENIED_IN
    assert both.between(DENIED_IN, "ingress_1") == DENIED_IN
    assert both.chains == {}


def test_two_chains_have_one_intersection_however_often_it_is_requested() -> None:
    both = Intersections(OLD, NEW, NOTHING_REWRITTEN)
    first = both.between("ingress_0", "ingress_1")
    made = dict(both.chains)
    assert both.between("ingress_0", "ingress_1") == first
    assert both.chains == made


def test_a_rewritten_chain_is_copied_because_its_rules_change_under_its_name() -> None:
    both = Intersections(OLD, NEW, frozenset({"ingress_5"}))
    before, after = both.between("ingress_5", None), both.between(None, "ingress_5")
    assert before is not None
    assert after is not None
    assert before != after, "the old and the new rules are two copies"
    assert both.chains[before] == OLD.chains["ingress_5"]
    assert both.chains[after] == NEW.chains["ingress_5"]
    assert both.between("ingress_5", None) == before, "the same copy serves every pod"


@given(st.sets(st.sampled_from(PEERS), min_size=1), st.sets(st.sampled_from(PEERS), min_size=1))
def test_a_rewritten_chain_allows_what_its_old_and_its_new_rules_allow(
    old_peers: set[Peer], new_peers: set[Peer]
) -> None:
    old, other = program({(IN, 0): old_peers}), program({(IN, 1): new_peers})
    new = other.changed({}, {"ingress_0": other.chains["ingress_1"]})
    both = Intersections(old, new, frozenset({"ingress_0"}))
    both.chains["ingress_0"] = both.in_place_of("ingress_0")
    assert peers_admitted(old, new, both, "ingress_0") == old_peers & new_peers


def test_a_base_chain_gets_its_new_rules_at_once() -> None:
    both = Intersections(OLD, NEW, frozenset({"forward"}))
    assert both.in_place_of("forward") == NEW.chains["forward"]
    assert both.chains == {}


def test_nothing_stays_in_force_of_a_chain_with_rules_of_another_program() -> None:
    foreign = OLD.changed({}, {"ingress_5": Chain((*OLD.chains["ingress_5"].rules, ForeignRule(b"")))})
    both = Intersections(foreign, NEW, frozenset({"ingress_5"}))
    assert both.in_place_of("ingress_5") == NEW.chains["ingress_5"]


def test_names_that_either_program_has_are_not_used() -> None:
    old = OLD.changed({}, {"both_0": OLD.chains["ingress_0"]})
    new = NEW.changed({}, {"both_1": NEW.chains["ingress_1"]})
    both = Intersections(old, new, frozenset({"ingress_5"}))
    both.between("ingress_5", "ingress_5")
    assert set(both.chains) == {"both_2", "both_3", "both_4"}


def test_an_unused_name_is_the_first_that_no_mapping_has() -> None:
    assert unused_name("copy", {"copy_0": 1}, {"copy_2": 1}) == "copy_1"
    assert unused_name("copy") == "copy_0"
