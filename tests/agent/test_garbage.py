"""Full garbage collections, which traverse all objects, are rare."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringfence.agent.garbage import COLLECTION_INTERVAL, Collections, stop_full_collections


@contextmanager
def collected() -> Iterator[list[int]]:
    """The generations that are collected while the context is open. Generation 2 is a full collection."""
    generations: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            generations.append(info["generation"])

    gc.callbacks.append(note)
    try:
        yield generations
    finally:
        gc.callbacks.remove(note)


@pytest.fixture
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(50, 2, 2)
    yield
    gc.set_threshold(*before)


def _make_many_objects() -> None:
    _ = [[number] for number in range(100_000)]


@pytest.mark.usefixtures("_thresholds")
def test_objects_that_a_tenant_makes_never_have_all_objects_traversed() -> None:
    with collected() as before:
        _make_many_objects()
    stop_full_collections()
    with collected() as after:
        _make_many_objects()
    assert 2 in before
    assert set(after) == {0, 1}


def test_all_objects_that_came_after_the_first_view_are_traversed_from_time_to_time() -> None:
    collections = Collections()
    collections.freeze(100.0)
    with collected() as generations:
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL - 1)
        assert 2 not in generations
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL)
        assert generations.count(2) == 1
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL + 1)
        assert generations.count(2) == 1
