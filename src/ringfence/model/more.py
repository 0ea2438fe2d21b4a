"""How many more of something a text leaves out: `1 more rule`, `2 more rules`."""


def more_of(count: int, one: str, several: str = "") -> str:
    """The number of things that are left out; `several` is the plural, by default `one` and an s."""
    return f"{count} more {one if count == 1 else several or f'{one}s'}"
