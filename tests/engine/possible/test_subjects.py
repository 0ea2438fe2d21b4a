"""Dividing possible pods by the policies that would select them."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import labelled, policy

from ringfence.engine.possible import Budget, Undecided, Universe
from ringfence.engine.possible.subjects import subjects_in
from ringfence.model.policies import Direction


def test_a_division_that_takes_too_long_names_the_policy_at_which_it_ends() -> None:
    state = cluster_of([policy("x/p", labelled(app="web", tier="front"), ingress=[])]).state
    budget = Budget()
    universe = Universe(state.namespaces, budget.step)
    budget.left = 0
    with pytest.raises(Undecided) as undecided:
        subjects_in(state.tiers, universe, "x", Direction.INGRESS, budget)
    assert str(undecided.value.place) == "x/p"
