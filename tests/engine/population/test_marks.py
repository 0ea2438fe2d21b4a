"""Marks stand for sets of facts."""

import random

from ringfence.engine.population.marks import NO_FACTS, new_mark


def test_all_facts_have_different_marks_even_if_the_random_module_starts_again() -> None:
    marks = set()
    for _ in range(100):
        random.seed(1)
        marks.add(new_mark())
    assert len(marks) == 100
    assert NO_FACTS not in marks
    assert max(mark.bit_length() for mark in marks) > 100
