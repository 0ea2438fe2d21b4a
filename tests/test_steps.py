"""Work that is done one step at a time."""

import pytest

from ringfence.steps import Steps, finish


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
