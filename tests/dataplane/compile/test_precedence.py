"""Precedence: the first matching rule decides."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.compile.precedence import Cells, Ruling, allowed
from ringfence.engine.policies import Action
from ringfence.sets import intervals

WHOLE = (0, 9)
numbers = st.integers(*WHOLE)
sets = st.lists(st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=3).map(
    intervals.normalise
)
otherwise = st.lists(st.sampled_from(Action), min_size=1, max_size=3)
rulings = st.lists(st.builds(Ruling, st.integers(0, 2), st.sampled_from(Action), sets), max_size=8)


def decides(some: list[Ruling], last: list[Action], number: int) -> bool:
    """The reference: evaluate rule by rule, in the order of the source."""
    for profile, action_of_rest in enumerate(last):
        matching = (one for one in some if one.profile == profile and intervals.contains(one.numbers, number))
        first = next(matching, None)
        action = first.action if first else action_of_rest
        if action is not Action.PASS:
            return action is Action.ALLOW
    return True


@given(rulings, otherwise)
def test_each_number_is_decided_by_the_first_rule_about_it(some: list[Ruling], last: list[Action]) -> None:
    some = [one for one in some if one.profile < len(last)]
    found = allowed(some, last, WHOLE)
    assert found == intervals.normalise((one, one) for one in range(10) if decides(some, last, one))


@given(st.lists(sets, min_size=1, max_size=5))
def test_the_cells_of_a_set_contain_exactly_its_numbers(some: list[intervals.Intervals]) -> None:
    cells = Cells(some, WHOLE)
    assert [cells.numbers(cells.of(one)) for one in some] == some
    assert cells.numbers(cells.all) == (WHOLE,)
    assert cells.numbers(0) == ()


def test_many_rules_about_everything_cost_one_look_at_each_number() -> None:
    """This checks the work: each of a thousand rules is about all of ten thousand numbers."""
    every = tuple((number, number) for number in range(0, 20_000, 2))
    some = [
        Ruling(0, Action.DENY if i % 2 else Action.ALLOW, every if i == 0 else ((0, 19_999),)) for i in range(1_000)
    ]
    assert allowed(some, [Action.PASS], (0, 19_999)) == every
