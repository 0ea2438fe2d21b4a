"""The chain index: what each chain looks into and where it leads, found anew or from an earlier program's index."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.program import Chain, DispatchGroup, Field, Goto, Lookup, Program, Rule, RuleVerdict

NAMES = st.sampled_from(["one", "two", "three", "four"])

CHAINS = st.dictionaries(
    NAMES,
    st.builds(
        lambda looking, dispatching, end: Chain((*looking, *dispatching, *end)),
        st.lists(st.sampled_from("abc").map(lambda name: Rule((Lookup((Field.PORT,), name),), RuleVerdict.DROP))),
        st.lists(
            st.sampled_from("xyz").map(lambda name: Rule((), DispatchGroup(Field.SOURCE_4, "groups", name, "led"))),
            max_size=2,
        ),
        st.lists(NAMES.map(lambda name: Rule((), Goto(name))), max_size=1),
    ),
)


@given(st.lists(CHAINS, min_size=2, max_size=4), st.sets(st.integers(0, 3)))
def test_an_index_is_the_same_whether_or_not_an_earlier_program_is_known(
    programs: list[dict[str, Chain]], asked: set[int]
) -> None:
    before, kept = Program(), dict[str, Chain]()
    for number, wanted in enumerate(programs):
        kept = {name: kept[name] if kept.get(name) == chain else chain for name, chain in wanted.items()}
        present = Program({}, kept)
        present.index.follow(before.index)
        if number in asked:
            assert present.index.readers == Program({}, kept).index.readers == readers(kept)
            assert present.index.targets == Program({}, kept).index.targets == targets(kept)
            assert present.index.group_dispatches == Program({}, kept).index.group_dispatches
            assert present.index.classes_of_groups == Program({}, kept).index.classes_of_groups
            assert present.index.dispatches_in_a_row == Program({}, kept).index.dispatches_in_a_row
        before = present


def test_whether_a_dispatch_is_the_last_depends_on_the_chain_behind_it() -> None:
    """This chain looks up no groups itself, and only its end changes."""
    dispatching = [Rule((), DispatchGroup(Field.SOURCE_4, "groups", name, "led")) for name in "xy"]
    front = Chain((*dispatching, Rule((), Goto("behind"))))
    before = Program({}, {"front": front, "behind": Chain()})
    after = Program({}, {"front": front, "behind": Chain((Rule((), Goto("last")),)), "last": Chain()})
    for old, new, is_last in ((before, after, False), (after, before, True)):
        present = Program({}, dict(new.chains))
        present.index.follow(Program({}, dict(old.chains)).index)
        assert [two.last for two in present.index.dispatches_in_a_row["groups"]] == [is_last]


def readers(chains: dict[str, Chain]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, one in chains.items():
        for looked_into in one.sets:
            found.setdefault(looked_into, set()).add(name)
    return found


def targets(chains: dict[str, Chain]) -> set[str]:
    return {target for one in chains.values() for target in one.targets}
