"""The peer index: the rules that name one identity, of all namespaces, and of no policy that has changed."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.policies.peer_index import PeerGroup, PeerIndex, PlacedRule, ScopeIndex
from ringfence.engine.policies.rules import CompiledRule, Peers
from ringfence.sets import bitsets
from ringfence.sets.traffic import ALL_TRAFFIC

EVERYONE: Final = 0b111


def rule(name: str) -> PlacedRule:
    return PlacedRule(CompiledRule(0, Peers(everyone=False), ALL_TRAFFIC), 0b1, (0, name, "", 0))


def scope(selected: int = 0, **peers: int) -> ScopeIndex:
    """The index of a namespace with one rule for each name; `peers` are the identities that it names."""
    return ScopeIndex(selected, [PeerGroup(bits, [rule(name)]) for name, bits in peers.items()], EVERYONE)


def names(index: PeerIndex, bit: int) -> list[str]:
    return sorted(placed.place[1] for placed in index.naming(bit))


def test_a_rule_is_found_by_every_identity_that_it_names() -> None:
    index = PeerIndex()
    index.update(1, {"x": scope(a=0b011, b=0b110, everyone=EVERYONE, nobody=0)})
    assert [names(index, bit) for bit in range(3)] == [["a", "everyone"], ["a", "b", "everyone"], ["b", "everyone"]]


@given(st.lists(st.sets(st.integers(0, 199)), max_size=5))
def test_a_rule_is_found_by_the_identities_that_it_names_however_many_they_are(peers: list[set[int]]) -> None:
    groups = [PeerGroup(bitsets.of(some), [rule(f"{number}")]) for number, some in enumerate(peers)]
    index = PeerIndex()
    index.update(1, {"x": ScopeIndex(0, groups, (1 << 200) - 1)})
    for bit in (0, 7, 199):
        assert names(index, bit) == [f"{number}" for number, some in enumerate(peers) if bit in some]


def test_rules_of_all_namespaces_are_found() -> None:
    index = PeerIndex()
    index.update(1, {"x": scope(a=0b001, c=EVERYONE), "y": scope(b=0b001)})
    assert names(index, 0) == ["a", "b", "c"]


def test_a_change_replaces_the_rules_of_its_namespace_only() -> None:
    index = PeerIndex()
    index.update(1, {"x": scope(old=0b001, gone=EVERYONE), "y": scope(other=0b001)})
    index.update(2, {"x": scope(new=0b001)})
    assert names(index, 0) == ["new", "other"]
    assert index.version == 2


def test_what_policies_select_is_known_for_all_namespaces_together() -> None:
    index = PeerIndex()
    index.update(1, {"x": scope(0b001), "y": scope(0b100)})
    assert index.selected == 0b101
    index.update(2, {"y": scope(0b010)})
    assert index.selected == 0b011
