"""Tests wait as long as a machine needs, and not for ever."""

import time

import pytest

from tests.waiting import Patience, eventually


def test_what_holds_sooner_or_later_is_waited_for() -> None:
    looks = iter([False, False, True])
    assert eventually(lambda: next(looks))


def test_what_never_holds_is_given_up() -> None:
    assert not eventually(lambda: False, seconds=0.05)


def test_a_machine_that_stands_still_uses_up_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    patience = Patience(20.0)
    for _ in range(30):
        now += 120.0
        assert patience.is_left()
    for _ in range(10):
        now += 120.0
        patience.is_left()
    assert not patience.is_left()
