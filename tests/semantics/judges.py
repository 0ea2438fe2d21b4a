"""The two judges, engine and naive evaluator, which get the same questions.

A judge takes objects and returns the function that answers about them, so that a table of cases can be checked with
both.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial

import pytest
from tests.semantics import naive
from tests.semantics.claims import OTHER, Answer
from tests.semantics.objects import Object

from ringfence import Cluster

Judge = Callable[[Iterable[Object]], Answer]


def engine(objects: Iterable[Object]) -> Answer:
    """The answer of ringfence to (source, destination, protocol, port)."""
    return answers_of(cluster_of(objects))


def by_the_letter(objects: Iterable[Object]) -> Answer:
    """The answer of the naive evaluator."""
    pair_of = cache(partial(naive.pair_of, list(objects)))
    return lambda source, destination, protocol, port: naive.allowed_between(
        pair_of(source, destination), protocol, port
    )


def answers_of(cluster: Cluster) -> Answer:
    """The answers of a cluster in its present state."""

    def answer(source: str, destination: str, protocol: str, port: int) -> bool:
        if protocol == OTHER:
            return cluster.can(source, destination).traffic.other
        return bool(cluster.can(source, destination, port=port, protocol=protocol))

    return answer


def cluster_of(objects: Iterable[Object]) -> Cluster:
    """A new cluster of these objects."""
    cluster = Cluster()
    for obj in objects:
        cluster.upsert(obj)
    return cluster


both_judges = pytest.mark.parametrize("judge", [pytest.param(engine), pytest.param(by_the_letter)])
