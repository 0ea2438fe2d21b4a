"""Simulates a kernel that lacks a feature: requests for it are replaced by requests that every kernel refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringfence.dataplane.nftables import expressions, requests, rule_decoding, rule_encoding, set_descriptions
from ringfence.dataplane.program import Collection, Hook


@contextmanager
def lacking_expression(name: str) -> Iterator[None]:
    """While the context is open, each rule with such an expression has one whose name the kernel does not know."""
    encode = expressions._expression

    def renamed(kind: str, *settings: bytes) -> bytes:
        return encode(f"no_{kind}" if kind == name else kind, *settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expressions, "_expression", renamed)
        _forget()
        yield
    _forget()


def _forget() -> None:
    """Forget the results of all functions that encode or decode rules."""
    for one in (*vars(rule_encoding).values(), *vars(rule_decoding).values()):
        if hasattr(one, "cache_clear"):
            one.cache_clear()


@contextmanager
def lacking_sets(like: type[Collection]) -> Iterator[None]:
    """While the context is open, all sets of this sort are of a kind that the kernel does not know."""
    flags = set_descriptions._flags
    with pytest.MonkeyPatch.context() as patch:
        unknown = 1 << 30
        patch.setattr(set_descriptions, "_flags", lambda one: flags(one) | (unknown if isinstance(one, like) else 0))
        yield


@contextmanager
def lacking_hook(hook: Hook) -> Iterator[None]:
    """While the context is open, base chains of this hook have a hook that the kernel does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(requests._HOOK_NUMBERS, hook, 9)
        yield


@contextmanager
def lacking_bridges() -> Iterator[None]:
    """While the context is open, the table for bridges is of a family that the kernel does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "BRIDGE_HEADER", bytes([99, 0, 0, 0]))
        yield
