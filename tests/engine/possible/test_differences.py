"""Where two sets of policies differ, against all pods of a small universe and random connections."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.engine.possible.worlds import connections, meaning_of, naive_verdict
from tests.semantics.objects import Object, key_of
from tests.strategies import Strategy, several

from ringfence.engine.possible import (
    ExactAddress,
    PossibleConnection,
    allowed_only_by,
    connection_box,
)


def sets_of(policies: Strategy, most: int) -> Strategy:
    """Sets of policies of different names."""
    return several(policies, 0, most).map(lambda some: list({key_of(one): one for one in some}.values()))


any_policies = st.one_of(strategies.policies, strategies.policies, cluster_policy_strategies.cluster_policies)


@st.composite
def pairs_of_sets(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """Two sets of policies, of which one is an edited copy of the other."""
    one = draw(sets_of(any_policies, 4))
    kept = [policy for policy in one if draw(st.integers(0, 3))]
    other = {key_of(policy): policy for policy in (*kept, *draw(sets_of(any_policies, 2)))}
    return one, draw(st.permutations(list(other.values())))


def first_difference(mine: Sequence[Object], theirs: Sequence[Object]) -> PossibleConnection | None:
    """A connection that one set allows and the other denies, whatever the addresses of domain names are."""
    for connection in allowed_only_by(meaning_of(mine), meaning_of(theirs)):
        if not any(
            isinstance(end, ExactAddress) and end.domain_names for end in (connection.source, connection.destination)
        ):
            return connection
    return None


@given(pairs_of_sets())
def test_a_difference_is_real(pair: tuple[list[Object], list[Object]]) -> None:
    for mine, theirs in (pair, pair[::-1]):
        connection = first_difference(mine, theirs)
        if connection is not None:
            assert naive_verdict(mine, connection)
            assert not naive_verdict(theirs, connection)


@given(pairs_of_sets(), st.lists(connections(), min_size=5, max_size=5))
def test_a_connection_that_is_judged_differently_is_in_a_difference(
    pair: tuple[list[Object], list[Object]], some: list[PossibleConnection]
) -> None:
    meanings = tuple(map(meaning_of, pair))
    for connection in some:
        verdicts = [naive_verdict(policies, connection) for policies in pair]
        for (mine, theirs), differs in (
            (meanings, verdicts == [True, False]),
            (meanings[::-1], verdicts == [False, True]),
        ):
            point = connection_box(connection, mine.axes | theirs.axes)
            assert (next(allowed_only_by(mine, theirs, within=point), None) is not None) is differs
