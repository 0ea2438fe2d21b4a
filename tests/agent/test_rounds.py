"""When the agent enforces the changes that it has taken in."""

import pytest

from ringfence.agent.rounds import LONGEST_PAUSE, Rounds


def test_the_first_change_is_enforced_at_once() -> None:
    rounds = Rounds()
    assert not rounds.is_due(0)
    rounds.add_change(5, now=5)
    assert rounds.is_due(5)


def test_a_round_is_for_all_changes_so_far_and_counts_from_the_oldest() -> None:
    rounds = Rounds()
    rounds.add_change(5, now=5)
    rounds.add_change(6, now=6)
    assert rounds.begin() == 5
    assert not rounds.is_due(10)
    assert rounds.begin() is None


def take_round(rounds: Rounds, began: float, seconds: float) -> float:
    """When the next round may begin after a round that took this many seconds."""
    rounds.add_change(began, now=began)
    rounds.begin()
    rounds.end(began, began + seconds)
    return rounds.next_start


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [
        pytest.param(0.02, 0.02, id="as long as the last round took"),
        pytest.param(60, LONGEST_PAUSE, id="but not long"),
    ],
)
def test_the_third_round_in_a_row_is_followed_by_a_pause(seconds: float, pause: float) -> None:
    rounds = Rounds()
    first = take_round(rounds, 10, seconds)
    assert first == 10 + seconds, "there is no pause yet"
    second = take_round(rounds, first, seconds)
    assert second == first + seconds
    third = take_round(rounds, second, seconds)
    assert third == pytest.approx(second + seconds + pause)


def test_a_change_does_not_wait_for_rounds_that_only_load_large_chains() -> None:
    rounds = Rounds()
    start = take_round(rounds, 10, 0.02)
    for _ in range(9):
        assert rounds.begin() is None
        rounds.end(start, start + 0.02, has_changes=False)
        start += 0.02
    rounds.add_change(start, now=start)
    assert rounds.is_due(start)


def test_a_change_waits_for_the_pause_to_end() -> None:
    rounds = Rounds()
    start = 10.0
    for _ in range(3):
        start = take_round(rounds, start, 0.5)
    rounds.add_change(start - 0.25, now=start - 0.25)
    assert not rounds.is_due(start - 0.01)
    assert rounds.is_due(start)


def test_after_a_lull_there_is_no_pause() -> None:
    rounds = Rounds()
    start = 10.0
    for _ in range(3):
        start = take_round(rounds, start, 0.05)
    assert take_round(rounds, start + 0.2, 0.05) == pytest.approx(start + 0.25)


def test_rounds_that_are_apart_are_no_storm() -> None:
    rounds = Rounds()
    start = 10.0
    for _ in range(10):
        assert take_round(rounds, start, 0.05) == start + 0.05
        start += 0.2
