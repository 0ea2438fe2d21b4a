"""Reports of repairs: a single repair is reported at once; while the table is contested, reports become rarer."""

from ringfence.agent.repair_history import CONTESTED, PERIOD, REPORT_INTERVAL, RepairHistory


def test_single_repairs_are_reported_at_once() -> None:
    history = RepairHistory()
    assert history.add(1, 100.0) == 1
    assert history.add(1, 200.0) == 1
    assert not history.is_contested(200.0)
    assert history.overdue(1_000.0) is None


def test_three_repairs_in_a_minute_are_a_contest_until_a_minute_has_passed() -> None:
    history = RepairHistory()
    for at in range(CONTESTED - 1):
        history.add(1, 100.0 + at)
    assert not history.is_contested(102.0)
    history.add(1, 102.0)
    assert history.is_contested(102.0)
    assert history.is_contested(100.0 + PERIOD - 1)
    assert not history.is_contested(100.0 + PERIOD)


def test_several_repairs_that_are_seen_together_count_as_several() -> None:
    history = RepairHistory()
    assert history.add(10, 100.0) == 10
    assert history.is_contested(100.0)


def test_repairs_during_a_contest_are_reported_together() -> None:
    history = RepairHistory()
    assert [history.add(1, 100.0 + at) for at in range(6)] == [1, 1, 1, None, None, None]
    assert history.overdue(102.0 + REPORT_INTERVAL - 1) is None
    assert history.overdue(102.0 + REPORT_INTERVAL) == 3
    assert history.overdue(1_000.0) is None, "nothing is left to report"


def test_a_repair_after_a_contest_is_reported_at_once_with_those_not_yet_reported() -> None:
    history = RepairHistory()
    for _ in range(5):
        history.add(1, 100.0)
    assert history.add(1, 300.0) == 3
