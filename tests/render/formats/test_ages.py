"""Ages, as kubectl writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ringfence.render.formats.ages import age

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (65, "65s"),
        (2 * MINUTE - 1, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 5, "2m5s"),
        (3 * MINUTE, "3m"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE, "10m"),
        (120 * MINUTE, "120m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + MINUTE, "3h1m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY, "8d"),
        (30 * DAY, "30d"),
        (2 * 365 * DAY - 1, "729d"),
        (2 * 365 * DAY, "2y"),
        (2 * 365 * DAY + DAY, "2y1d"),
        (8 * 365 * DAY - 1, "7y364d"),
        (8 * 365 * DAY, "8y"),
        (100 * 365 * DAY + 5 * DAY, "100y"),
    ],
)
def test_an_older_age_is_coarser(seconds: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


def test_parts_of_a_second_do_not_count() -> None:
    assert age(NOW - timedelta(seconds=4.999), NOW) == "4s"


@pytest.mark.parametrize(
    ("ahead", "text"),
    [(0.5, "0s"), (1, "0s"), (1.999, "0s"), (2, "<invalid>"), (3_600, "<invalid>")],
)
def test_clocks_may_differ_by_less_than_two_seconds(ahead: float, text: str) -> None:
    assert age(NOW + timedelta(seconds=ahead), NOW) == text


def test_an_unknown_time() -> None:
    assert age(None, NOW) == "<unknown>"


def test_time_zones_do_not_matter() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert age(elsewhere - timedelta(hours=5), NOW) == "5h"
