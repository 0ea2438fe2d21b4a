"""Facts about keys that no pod has, against sets by key."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.population.facts import HasLabel, LabelIn, ReadableFact
from ringfence.engine.population.unused_facts import UnusedFacts, key_of

FACTS: list[ReadableFact] = [
    HasLabel("app"),
    LabelIn("app", frozenset({"web"})),
    LabelIn("app", frozenset({"web", "db"})),
    HasLabel("tier"),
    ("app", "TCP"),
    ("http", "TCP"),
]


def another(fact: ReadableFact) -> ReadableFact:
    """An equal fact, as another policy reads it."""
    match fact:
        case LabelIn(key, values):
            return LabelIn(key, values)
        case HasLabel(key):
            return HasLabel(key)
        case name, protocol:
            return name, protocol


facts = st.sampled_from(FACTS).map(another)


@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "take"]), facts), max_size=20))
def test_facts_are_kept_by_what_they_are_about(steps: list[tuple[str, ReadableFact]]) -> None:
    unused, expected = UnusedFacts(), set[ReadableFact]()
    for step, fact in steps:
        if step == "add" and fact not in expected:
            unused.add(fact)
            expected.add(fact)
        elif step == "discard":
            assert unused.discard(fact) is (fact in expected)
            expected.discard(fact)
        elif step == "take":
            taken = set(unused.take(key_of(fact)))
            assert taken == {one for one in expected if key_of(one) == key_of(fact)}
            expected -= taken
    assert bool(unused) is bool(expected)
    for fact in FACTS:
        assert set(unused.about(key_of(fact))) == {one for one in expected if key_of(one) == key_of(fact)}
