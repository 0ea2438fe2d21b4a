"""The target of the agent's log stalls, fills up or is closed: policies stay in force, and changes take effect."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from ringfence.agent.settings import DEFAULT_LOG_GROUP
from ringfence.lab.probing.servers import NON_BLOCKING
from ringfence.netlink.packet_log import LogGroup
from tests.semantics.objects import policy

from .agents import Agent, agents
from .scene import Scene
from .server import wait_until
from .world import World

DENIED_PORTS: Final = range(10_000, 10_400)
"""Their denials take some ten times as much as fits into the pipe."""

F_SETPIPE_SZ: Final = 1031
PIPE_BYTES: Final = 4096


class Mute(Agent):
    """An agent whose log is not a file, so that the test cannot read it."""

    def words(self) -> str:
        return ""


@contextmanager
def mute(world: World, log: Path) -> Iterator[Agent]:
    agent = Mute(world, "n1", log, ("--log-denied", "--log-rate=100000"))
    try:
        agent.start()
        yield agent
    finally:
        agent.kill()
        agent.log = Path(os.devnull)
        agent.run("--cleanup")


def deny_many(scene: Scene) -> None:
    """Cause dropped packets that each produce a line in the log."""
    address = str(scene.world.address(scene.guarded))
    with scene.world.inside(scene.stranger), socket.socket(socket.AF_INET, socket.SOCK_DGRAM | NON_BLOCKING) as sender:
        for port in DENIED_PORTS:
            sender.sendto(b"x", (address, port))


def await_changes(scene: Scene, agent: Agent) -> None:
    """Check that a policy takes effect when it is created and when it is deleted, and that the agent is ready."""
    with scene.traffic.watched(arriving=scene.arriving, refused=[]):
        scene.admit("stranger")
        scene.await_reach(scene.stranger, scene.guarded, open=True)
        scene.world.delete(policy(f"{scene.namespace}/admit-stranger", {}))
        scene.await_reach(scene.stranger, scene.guarded, open=False)
    assert agent.is_ready()
    with scene.unharmed():
        pass


def test_a_reader_of_the_log_that_stalls_holds_up_nothing(world: World, scene: Scene, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, F_SETPIPE_SZ, PIPE_BYTES)
    with mute(world, log) as agent:
        scene.await_guard()
        deny_many(scene)
        await_changes(scene, agent)
        text = b""

        def is_complete() -> bool:
            nonlocal text
            with suppress(BlockingIOError):
                text += os.read(reading, 1 << 16)
            return text.count(b"denied by ingress") > len(DENIED_PORTS)

        wait_until(is_complete, "the lines that waited are written")
        assert agent.metric("ringfence_dropped_log_lines_total") == 0
    os.close(reading)


@pytest.mark.parametrize("log", ["/dev/full", "closed"])
def test_a_log_that_cannot_be_written_holds_up_nothing(world: World, scene: Scene, tmp_path: Path, log: str) -> None:
    path = tmp_path / "log"
    reading = None
    if log == "closed":
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    else:
        path.symlink_to(log)
    with mute(world, path) as agent:
        if reading is not None:
            os.close(reading)
        scene.await_guard()
        deny_many(scene)
        await_changes(scene, agent)
        assert agent.metric("ringfence_dropped_log_lines_total") > len(DENIED_PORTS) / 2


def test_a_log_group_that_another_program_uses_stops_the_logging_alone(
    world: World, scene: Scene, tmp_path: Path
) -> None:
    with world.inside("n1"):
        other = LogGroup(DEFAULT_LOG_GROUP)
    with agents(world, tmp_path, ["n1"], "--log-denied") as [agent]:
        scene.await_guard()
        taken = "another program listens to it: choose another --log-group"
        wait_until(lambda: taken in agent.words(), "it says that the group is used")
        assert agent.is_ready()
        await_changes(scene, agent)
        assert agent.metric("ringfence_failures_total", stage="log") > 0
        other.close()
        wait_until(lambda: "denied packets are logged again" in agent.words(), "the group is used")
        wait_until(lambda: "denied by ingress of" in agent.words(), "denied packets are logged")
