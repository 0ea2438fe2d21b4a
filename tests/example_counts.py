"""How many examples an expensive property has, in proportion to the profile of hypothesis (`tests/conftest.py`)."""

from hypothesis import settings


def examples(in_ci: int) -> int:
    """The number of examples of a property: `in_ci` where others have 100, as in CI, and in proportion elsewhere."""
    return -(-in_ci * settings().max_examples // 100)
