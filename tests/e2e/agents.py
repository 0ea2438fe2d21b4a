"""Agents: `ringfence agent` as a process in a node's network, as users run it."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ringfence.agent.view import FOLLOWED

from .server import wait_until
from .world import World

LISTEN: Final = "127.0.0.1:9810"
_STOP_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 10.0


class Agent:
    """The agent of one node. It can be started again after it has ended, however that happened."""

    def __init__(
        self,
        world: World,
        node: str,
        log: Path,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.node = node
        self.log = log
        self.options = tuple(options)
        self._environment = {**os.environ, **(environment or {})}
        self._world = world
        self._said_before = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready."""
        self._said_before = len(self.words())
        self._process = self._spawn(self.options)
        if wait:
            self.await_ready()

    def await_ready(self) -> None:
        """Wait until all policies of the node are in force."""
        wait_until(lambda: self.pid is None or self.is_ready(), f"the agent of {self.node} is ready (see {self.log})")
        assert self.pid is not None, f"the agent has ended:\n{self.words()}"

    def stop(self) -> int:
        """End it in good order; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Kill it, start it again and wait until it is ready."""
        self.kill()
        self.start()

    def run(self, *options: str) -> tuple[int, str]:
        """Run another one on the same node until it ends by itself; its exit code, and what it said."""
        before = len(self.words())
        code = self._spawn(options).wait(_STOP_SECONDS)
        return code, self.words()[before:]

    def ask(self, path: str) -> tuple[int, str]:
        """What it answers by HTTP: the status and the text."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self._world.inside(self.node):
            try:
                with opener.open(f"http://{LISTEN}{path}", timeout=_ANSWER_SECONDS) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return refusal.code, refusal.read().decode()

    def is_ready(self) -> bool:
        """Whether it says that all policies of the node are in force."""
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """A metric, or the sum of all that have these labels."""
        written = [f'{key}="{value}"' for key, value in labels.items()]
        lines = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", self.ask("/metrics")[1], re.M)
        return sum(float(value) for labelled, value in lines if all(one in labelled for one in written))

    def interruptions(self) -> dict[str, float]:
        """How often the watch of each kind was interrupted, of the kinds that every server has."""
        kinds = [one.kind for one in FOLLOWED if not one.row.is_custom]
        return {kind: self.metric("ringfence_watch_restarts_total", kind=kind) for kind in kinds}

    def await_interruptions(self, before: Mapping[str, float]) -> None:
        """Wait until the watch of every kind was interrupted since then."""
        wait_until(
            lambda: all(count > before[kind] for kind, count in self.interruptions().items()),
            "all watches are interrupted",
        )

    def words(self) -> str:
        """All that it, and those before it, have said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def words_since_start(self) -> str:
        """What it has said since it was last started."""
        return self.words()[self._said_before :]

    def memory(self) -> float:
        """Megabytes that it has resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def _spawn(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        usual = {"--node": self.node, "--kubeconfig": str(self._world.agents_kubeconfig), "--listen": LISTEN}
        # An option may be given once only, so one that is in `options` replaces the usual one.
        arguments = [word for name, value in usual.items() if name not in options for word in (name, value)]
        arguments = ["agent", *arguments, *options]
        # A test run that is killed cannot end its agents: the kernel does it for it.
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "ringfence", *arguments]
        with self._world.inside(self.node), self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment)


@contextmanager
def agents(
    world: World,
    folder: Path,
    nodes: Sequence[str],
    *options: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[list[Agent]]:
    """An agent on each of these nodes, ready; afterwards they are gone, and what they put into the kernel, too."""
    logs = {node: folder / f"agent-{node}.log" for node in nodes}
    running = [Agent(world, node, log, options, environment) for node, log in logs.items()]
    try:
        for agent in running:
            agent.start(wait=False)
        for agent in running:
            agent.await_ready()
        yield running
    finally:
        for agent in running:
            agent.kill()
            agent.run("--cleanup")
