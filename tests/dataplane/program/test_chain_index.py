"""The chain index: which sets and maps each chain looks up, computed anew or from the index of an earlier program."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.program import Chain, Field, Lookup, Program, Rule, RuleVerdict

LOOKED_INTO = st.frozensets(st.sampled_from("abc"))
CHAINS = st.dictionaries(st.sampled_from(["one", "two", "three"]), LOOKED_INTO)


def chain(sets: frozenset[str]) -> Chain:
    return Chain(tuple(Rule((Lookup((Field.PORT,), one),), RuleVerdict.DROP) for one in sorted(sets)))


@given(st.lists(CHAINS, min_size=2, max_size=4), st.sets(st.integers(0, 3)))
def test_readers_are_the_same_whether_or_not_an_earlier_program_is_known(
    programs: list[dict[str, frozenset[str]]], asked: set[int]
) -> None:
    before, kept = Program(), dict[str, Chain]()
    for number, wanted in enumerate(programs):
        kept = {
            name: kept[name] if name in kept and kept[name].sets == sets else chain(sets)
            for name, sets in wanted.items()
        }
        present = Program({}, kept)
        present.index.follow(before.index)
        if number in asked:
            assert present.index.readers == Program({}, kept).index.readers == readers(kept)
        before = present


def readers(chains: dict[str, Chain]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, one in chains.items():
        for looked_into in one.sets:
            found.setdefault(looked_into, set()).add(name)
    return found
