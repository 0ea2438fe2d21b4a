"""Garbage collections are short, and full ones, which traverse all objects, are rare."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from weakref import ref

import pytest

from ringfence.agent.garbage import (
    COLLECTION_INTERVAL,
    MIDDLE,
    WHOLE_INTERVAL,
    YOUNG,
    Collections,
    shorten_collections,
)


class Collection(NamedTuple):
    """One collection: its generation (2 is a full collection), and how many objects it traverses."""

    generation: int
    objects: int


@contextmanager
def collected() -> Iterator[list[Collection]]:
    """The collections while the context is open."""
    found: list[Collection] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            traversed = range(info["generation"] + 1)
            found.append(Collection(traversed[-1], sum(len(gc.get_objects(generation=one)) for one in traversed)))

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


@pytest.fixture
def _thresholds() -> Iterator[None]:
    # A full collection waits until the new objects are a quarter of all. Those of other tests, frozen, do not count.
    gc.collect()
    gc.freeze()
    gc.collect()
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def _make_many_objects() -> None:
    _ = [[number] for number in range(100_000)]


def _generations(collections: list[Collection]) -> set[int]:
    return {one.generation for one in collections}


@pytest.mark.usefixtures("_thresholds")
def test_objects_that_a_tenant_makes_never_have_all_objects_traversed() -> None:
    gc.set_threshold(50, 2, 2)
    with collected() as before:
        _make_many_objects()
    shorten_collections()
    with collected() as after:
        _make_many_objects()
    assert 2 in _generations(before)
    assert _generations(after) == {0, 1}


@pytest.mark.usefixtures("_thresholds")
def test_objects_that_a_tenant_makes_are_traversed_a_few_at_a_time() -> None:
    gc.collect()
    gc.set_threshold(50_000)  # a command sets a threshold of this order
    with collected() as before:
        _make_many_objects()
    shorten_collections()
    with collected() as after:
        _make_many_objects()
    assert max(one.objects for one in before) > 50_000
    assert max(one.objects for one in after) < 2 * YOUNG * (MIDDLE + 1)


class _Knot:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def _unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_unfrozen")
def test_objects_are_traversed_from_time_to_time() -> None:
    collections = Collections()
    collections.freeze(100.0)
    with collected() as found:
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL - 1)
        assert 2 not in _generations(found)
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL)
        assert [one.generation for one in found].count(2) == 1
        collections.collect_if_due(100.0 + COLLECTION_INTERVAL + 1)
        assert [one.generation for one in found].count(2) == 1


@pytest.mark.usefixtures("_unfrozen")
def test_objects_that_are_left_of_a_collection_are_traversed_once_a_day() -> None:
    collections = Collections()
    collections.freeze(0.0)
    kept = [[number] for number in range(50_000)]
    knots = [_Knot()]
    with collected() as found:
        for number in range(1, 3):
            collections.collect_if_due(number * COLLECTION_INTERVAL)
    first, second = (one.objects for one in found if one.generation == 2)
    assert second < 1_000 < len(kept) < first
    gone = ref(knots.pop())
    collections.collect_if_due(3 * COLLECTION_INTERVAL)
    assert gone() is not None
    collections.collect_if_due(WHOLE_INTERVAL)
    assert gone() is None
