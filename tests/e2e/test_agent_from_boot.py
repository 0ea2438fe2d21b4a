"""A node boots while the API server is unavailable: its pods are closed until their policies are known."""

from pathlib import Path

import pytest

from .agents import Agent
from .scene import Scene
from .server import wait_until
from .world import PORTS, RANGES, Connection

BY_HAND = tuple(word for cidr in RANGES["n1"] for word in ("--pod-range", cidr))


@pytest.mark.parametrize("way", ["remembered", "by hand"])
def test_pods_are_closed_until_the_api_server_is_back(scene: Scene, agent: Agent, tmp_path: Path, way: str) -> None:
    world, state = scene.world, tmp_path / "state" / "pod-ranges.json"
    agent.options = ("--state-file", str(state)) if way == "remembered" else BY_HAND
    agent.restart()
    if way == "remembered":
        wait_until(state.exists, "the pod ranges are kept")
    agent.kill()
    assert agent.run("--cleanup")[0] == 0, "nothing is left in the kernel, as after a boot"
    scene.await_reach(scene.stranger, scene.guarded, open=True)
    world.control_plane.apiserver.kill()
    agent.start(wait=False)
    wait_until(lambda: "all pods are closed" in agent.words_since_start(), "it holds the pods")
    for source, destination in [
        (scene.stranger, scene.guarded),
        (scene.friend, scene.guarded),
        (scene.distant_friend, scene.guarded),
        (scene.guarded, scene.stranger),
    ]:
        scene.await_reach(source, destination, open=False)
    assert world.open(*(Connection("n1", scene.guarded, PORTS[0], family) for family in (4, 6))) == [True, True]
    assert agent.ask("/readyz")[0] == 503
    world.start_control_plane()
    agent.await_ready()
    scene.await_reach(scene.friend, scene.guarded, open=True)
    scene.await_reach(scene.guarded, scene.stranger, open=True)
    scene.await_reach(scene.stranger, scene.guarded, open=False)


def test_rules_of_the_last_run_stay_in_force(scene: Scene, agent: Agent, tmp_path: Path) -> None:
    state = tmp_path / "pod-ranges.json"
    agent.options = ("--state-file", str(state))
    agent.restart()
    wait_until(state.exists, "the pod ranges are kept")
    with scene.unharmed():
        scene.world.control_plane.apiserver.kill()
        agent.kill()
        agent.start(wait=False)
        wait_until(lambda: "watch interrupted" in agent.words_since_start(), "it has tried")
        scene.await_reach(scene.friend, scene.guarded, open=True)
        scene.world.start_control_plane()
        agent.await_ready()


def test_a_damaged_file_stops_nothing(scene: Scene, agent: Agent, tmp_path: Path) -> None:
    state = tmp_path / "pod-ranges.json"
    state.write_text('{"node": "n1", "podRanges": ["0.0.0.0/0"]}')
    agent.options = ("--state-file", str(state))
    agent.kill()
    assert agent.run("--cleanup")[0] == 0
    agent.start()
    assert "the pod ranges of the last run are not used" in agent.words_since_start()
    scene.await_guard()
    wait_until(lambda: RANGES["n1"][0] in state.read_text(), "it is replaced")
    agent.stop()
    assert agent.run("--cleanup", "--state-file", str(state))[0] == 0
    assert not state.exists()
