"""Work that is done one step at a time."""

import pytest

from ringfence.steps import Pace, Steps, finish


def counted(done: list[int], *, fails: bool = False) -> Steps[str]:
    for number in range(3):
        done.append(number)
        yield
    if fails:
        raise KeyError
    return "done"


def test_nothing_is_done_before_the_first_step() -> None:
    done: list[int] = []
    steps = counted(done)
    assert done == []
    next(steps)
    assert done == [0]


def test_all_steps_are_done_at_once_and_give_the_result() -> None:
    done: list[int] = []
    assert finish(counted(done)) == "done"
    assert done == [0, 1, 2]


def test_what_a_step_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        finish(counted([], fails=True))


def test_a_pause_is_due_after_as_many_pieces_as_a_step_has_at_most() -> None:
    pace = Pace(3)
    assert [pace.is_pause_due() for _ in range(7)] == [False, False, True, False, False, True, False]
    assert pace.is_pause_due(2)
    assert pace.is_pause_due(100), "one piece that is longer than a step"
    assert not pace.is_pause_due(2)
