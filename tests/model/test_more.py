"""How many more of something a text leaves out."""

import pytest

from ringfence.model.more import more_of


@pytest.mark.parametrize(
    ("count", "names", "text"),
    [(1, ("rule",), "1 more rule"), (2, ("rule",), "2 more rules"), (3, ("policy", "policies"), "3 more policies")],
)
def test_one_thing_is_counted_in_the_singular(count: int, names: tuple[str, ...], text: str) -> None:
    assert more_of(count, *names) == text
