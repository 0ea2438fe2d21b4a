"""The chain index: what each chain looks into and where it leads, found anew or from an earlier program's index."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.program import Chain, Field, Goto, Lookup, Program, Rule, RuleVerdict

References = tuple[frozenset[str], frozenset[str]]
"""The sets that a chain looks into, and the chains to which it goes."""

CHAINS = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.tuples(st.frozensets(st.sampled_from("abc")), st.frozensets(st.sampled_from("xyz"))),
)


def chain(references: References) -> Chain:
    sets, targets = references
    looking = [Rule((Lookup((Field.PORT,), one),), RuleVerdict.DROP) for one in sorted(sets)]
    return Chain((*looking, *(Rule((), Goto(one)) for one in sorted(targets))))


@given(st.lists(CHAINS, min_size=2, max_size=4), st.sets(st.integers(0, 3)))
def test_an_index_is_the_same_whether_or_not_an_earlier_program_is_known(
    programs: list[dict[str, References]], asked: set[int]
) -> None:
    before, kept = Program(), dict[str, Chain]()
    for number, wanted in enumerate(programs):
        kept = {
            name: kept[name]
            if name in kept and (kept[name].sets, kept[name].targets) == references
            else chain(references)
            for name, references in wanted.items()
        }
        present = Program({}, kept)
        present.index.follow(before.index)
        if number in asked:
            assert present.index.readers == Program({}, kept).index.readers == readers(kept)
            assert present.index.targets == Program({}, kept).index.targets == targets(kept)
        before = present


def readers(chains: dict[str, Chain]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, one in chains.items():
        for looked_into in one.sets:
            found.setdefault(looked_into, set()).add(name)
    return found


def targets(chains: dict[str, Chain]) -> set[str]:
    return {target for one in chains.values() for target in one.targets}
