"""A test run that is killed leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

from tests.waiting import eventually

from .world import World

RUN = """
import sys, time
from pathlib import Path
from tests.e2e.agents import agents
from tests.e2e.world import living
with living(Path(sys.argv[1])) as world, agents(world, Path(sys.argv[1]), ["n1"]):
    print("living", flush=True)
    time.sleep(60)
"""


def test_a_killed_test_run_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    """It leaves neither servers and agents nor networks.

    The fixture `world` skips the test where no world can be built.
    """
    interfaces = socket.if_nameindex()
    mark = f"RINGFENCE_TEST_MARK={uuid.uuid4().hex}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **dict([mark.split("=")])}
    with subprocess.Popen([sys.executable, "-c", RUN, tmp_path], stdout=subprocess.PIPE, env=environment) as run:
        assert run.stdout
        assert run.stdout.readline() == b"living\n"
        # The run, etcd, the API server, the agent, and the agent's standby process, which comes last.
        assert eventually(lambda: len(processes(mark)) == 5)
        run.send_signal(signal.SIGKILL)
    assert eventually(lambda: processes(mark) == [])
    assert socket.if_nameindex() == interfaces


def processes(mark: str) -> list[int]:
    """All processes that have the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:  # The process has just ended.
            continue
    return found
