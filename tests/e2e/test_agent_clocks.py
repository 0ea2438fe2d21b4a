"""Jumps of the wall clock: nothing that the agent does depends on the wall clock."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from .agents import Agent, agents
from .clocks import Clock
from .scene import Scene

YEAR: Final = 365 * 86_400


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def agent(scene: Scene, clock: Clock, tmp_path: Path) -> Iterator[Agent]:
    with agents(scene.world, tmp_path, ["n1"], environment=clock.environment) as [one]:
        scene.await_guard()
        yield one


def test_a_clock_that_jumps_back_and_forth_delays_no_change(scene: Scene, agent: Agent, clock: Clock) -> None:
    conversation = scene.traffic.conversation(scene.friend, scene.guarded)
    with scene.unharmed():
        for number, years in enumerate((10, -10, 20, 0)):
            clock.jump(years * YEAR)
            guest = scene.add(f"guest-{number}", "n2")
            scene.admit(f"guest-{number}")
            scene.await_reach(guest, scene.guarded, open=True)
            assert agent.is_ready()
            assert conversation.goes_on()


def test_watches_are_opened_again_although_the_clock_jumps(scene: Scene, agent: Agent, clock: Clock) -> None:
    with scene.unharmed():
        clock.jump(10 * YEAR)
        before = agent.interruptions()
        scene.world.control_plane.apiserver.kill()
        agent.await_interruptions(before)
        clock.jump(-10 * YEAR)
        scene.world.start_control_plane()
        guest = scene.add("guest", "n2")
        scene.admit("guest")
        scene.await_reach(guest, scene.guarded, open=True)
    years = {datetime.fromisoformat(text).year for text in re.findall(r'"time": ?"([^"]+)"', agent.words())}
    assert max(years) - min(years) >= 10, "the clock did jump"
