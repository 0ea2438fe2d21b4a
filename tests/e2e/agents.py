"""Agents: each is a `ringfence agent` process in the network of a node, as users run it."""

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
    """The agent of one node. It can be started again after it has ended, for whatever reason."""

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
        """The process id, while the agent runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, *, wait: bool = True) -> None:
        """Start the agent, and wait until it is ready."""
        self._said_before = len(self.words())
        self._process = self._spawn(self.options)
        if wait:
            self.await_ready()

    def await_ready(self) -> None:
        """Wait until all policies of the node are in force."""
        wait_until(lambda: self.pid is None or self.is_ready(), f"the agent of {self.node} is ready (see {self.log})")
        assert self.pid is not None, f"the agent has ended:\n{self.words()}"

    def stop(self) -> int:
        """Stop the agent gracefully; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """Kill the agent, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Kill the agent, start it again and wait until it is ready."""
        self.kill()
        self.start()

    def run(self, *options: str) -> tuple[int, str]:
        """Run another agent on the same node until it ends by itself; return its exit code and its output."""
        before = len(self.words())
        code = self._spawn(options).wait(_STOP_SECONDS)
        return code, self.words()[before:]

    def ask(self, path: str) -> tuple[int, str]:
        """Send an HTTP request to the agent; return the status and the text."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self._world.inside(self.node):
            try:
                with opener.open(f"http://{LISTEN}{path}", timeout=_ANSWER_SECONDS) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return refusal.code, refusal.read().decode()

    def is_ready(self) -> bool:
        """Whether the agent reports that all policies of the node are in force."""
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, or the sum of its series that have these labels."""
        written = [f'{key}="{value}"' for key, value in labels.items()]
        lines = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", self.ask("/metrics")[1], re.M)
        return sum(float(value) for labelled, value in lines if all(one in labelled for one in written))

    def interruptions(self) -> dict[str, float]:
        """How often the watch of each kind was interrupted. Only kinds that every server has are included."""
        kinds = [one.kind for one in FOLLOWED if not one.row.is_custom]
        return {kind: self.metric("ringfence_watch_restarts_total", kind=kind) for kind in kinds}

    def await_interruptions(self, before: Mapping[str, float]) -> None:
        """Wait until the watch of every kind has been interrupted since then."""
        wait_until(
            lambda: all(count > before[kind] for kind, count in self.interruptions().items()),
            "all watches are interrupted",
        )

    def words(self) -> str:
        """The output of this agent and of those that ran before it."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def words_since_start(self) -> str:
        """The output of the agent since its last start."""
        return self.words()[self._said_before :]

    def memory(self) -> float:
        """The resident memory in megabytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def _spawn(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        usual = {"--node": self.node, "--kubeconfig": str(self._world.agents_kubeconfig), "--listen": LISTEN}
        # An option may be given only once, so one in `options` replaces the usual one.
        arguments = [word for name, value in usual.items() if name not in options for word in (name, value)]
        arguments = ["agent", *arguments, *options]
        # A test run that is killed cannot end its agents: the kernel ends them.
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
    """An agent on each of these nodes, all ready. Afterwards the agents and their objects in the kernel are removed."""
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
