"""The number of examples of an expensive property, in proportion to the hypothesis profile (`tests/conftest.py`)."""

from hypothesis import settings


def examples(in_ci: int) -> int:
    """The number of examples of a property: `in_ci` where others have 100, as in CI, and in proportion elsewhere."""
    return -(-in_ci * settings().max_examples // 100)
