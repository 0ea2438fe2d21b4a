"""Shares: how much time each namespace has used recently."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.shares import CLUSTER, SHARE, WINDOW, Shares

charges = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0.0001, 10), st.floats(0, 5)),
    min_size=1,
    max_size=20,
)


def test_a_namespace_that_has_used_no_time_has_not_used_its_share() -> None:
    assert Shares().used("a", 5) == 0
    assert not Shares().is_used_up("a", 5)


def test_used_time_fades() -> None:
    shares = Shares()
    shares.charge("a", 2.0, now=10)
    assert shares.used("a", 10) == pytest.approx(2.0)
    assert shares.used("a", 10 + WINDOW) == pytest.approx(2.0 / math.e)
    assert shares.is_used_up("a", 10 + WINDOW)
    assert not shares.is_used_up("a", 10 + 5 * WINDOW)


def test_cluster_scoped_objects_come_before_all_namespaces_and_never_use_up_a_share() -> None:
    shares = Shares()
    shares.charge(CLUSTER, 100.0, now=10)
    assert not shares.is_used_up(CLUSTER, 10)
    assert shares.rank(CLUSTER) < shares.rank("anybody")


@given(charges)
def test_time_used_is_the_sum_of_what_has_faded_since(charged: list[tuple[str, float, float]]) -> None:
    shares, now = Shares(), 1_000.0
    log: list[tuple[str, float, float]] = []
    for namespace, seconds, pause in charged:
        now += pause
        shares.charge(namespace, seconds, now)
        log.append((namespace, seconds, now))
        for one in "abc":
            expected = sum(s * math.exp((at - now) / WINDOW) for name, s, at in log if name == one)
            assert shares.used(one, now) == pytest.approx(expected, rel=1e-6, abs=1e-12)
            assert shares.is_used_up(one, now) is (shares.used(one, now) > SHARE)
        by_rank = sorted("abc", key=shares.rank)
        assert by_rank == sorted(by_rank, key=lambda one: shares.used(one, now)), "a rank says who has used less"


def test_namespaces_that_used_little_time_long_ago_are_forgotten_first() -> None:
    shares = Shares()
    for number in range(5_000):
        shares.charge(f"n{number}", 0.01, now=number)
    assert len(shares._ranks) <= 1_001
    assert shares.used("n4999", 4_999) == pytest.approx(0.01)
