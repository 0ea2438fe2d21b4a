"""Versions of plugins, on which their traits depend."""

import re
from typing import Final

from ringfence.errors import InputError

Version = tuple[int, ...]
"""The numbers of a version: `1.19.5` is (1, 19, 5)."""

# At most nine digits each, because int() takes quadratic time for long texts.
_VERSION: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:[-+].*)?", re.DOTALL)


def version_of(text: str) -> Version:
    """The numbers of a version; what follows a `-` or a `+` does not count. Raises InputError if there are none."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is not a version: use numbers, such as 1.19 or v1.19.5")
    return tuple(map(int, found[1].split(".")))


def is_within(version: Version, since: str, until: str) -> bool:
    """Whether a version is `since` or later, and before `until`; an empty one is not a bound.

    Only the numbers that a bound has are compared: 1.16.3 is not before 1.16.
    """
    return (not since or _cut(version, since) >= version_of(since)) and (
        not until or _cut(version, until) < version_of(until)
    )


def _cut(version: Version, bound: str) -> Version:
    """A version with as many numbers as a bound: cut, or filled up with zeros."""
    length = len(version_of(bound))
    return (*version, *(0,) * length)[:length]
