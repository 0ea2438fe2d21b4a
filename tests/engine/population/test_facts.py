"""Which facts a selector reads."""

import pytest

from ringfence.engine.population.facts import HasLabel, LabelFact, LabelIn, fact_read_by, facts_read_by
from ringfence.model.selectors import Operator, Selector, Term


@pytest.mark.parametrize(
    ("operator", "fact"),
    [
        pytest.param(Operator.IN, LabelIn("tier", frozenset({"a", "b"})), id="In: the label has one of the values"),
        pytest.param(Operator.NOT_IN, LabelIn("tier", frozenset({"a", "b"})), id="NotIn reads the same fact"),
        pytest.param(Operator.EXISTS, HasLabel("tier"), id="Exists: there is a label, whatever its value"),
        pytest.param(Operator.DOES_NOT_EXIST, HasLabel("tier"), id="DoesNotExist reads the same fact"),
    ],
)
def test_the_fact_that_decides_a_term(operator: Operator, fact: LabelFact) -> None:
    has_values = operator in (Operator.IN, Operator.NOT_IN)
    assert fact_read_by(Term("tier", operator, frozenset({"a", "b"} if has_values else ()))) == fact


def test_a_selector_reads_one_fact_for_each_term() -> None:
    terms = (Term("app", Operator.IN, frozenset({"web"})), Term("canary", Operator.DOES_NOT_EXIST))
    read = facts_read_by(Selector(terms))
    assert set(read) == {LabelIn("app", frozenset({"web"})), HasLabel("canary")}
