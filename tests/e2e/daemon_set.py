"""A DaemonSet of the API server. The test acts as its controller and as the kubelets of the nodes.

Where a kubelet would start a container, the test starts a process in the network of the node, with the arguments, the
environment and the rights of the pod template. A program takes the place of the image, selected by the image's tag.
"""

import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

from .server import wait_until
from .world import World

Object = dict[str, Any]
_ANSWER_SECONDS: Final = 10.0


class DaemonSetPods:
    """The pods of one DaemonSet on some nodes."""

    def __init__(self, world: World, path: str, nodes: Iterable[str], programs: Mapping[str, Sequence[str]]) -> None:
        """`path` is the path of the DaemonSet in the API; `programs` maps each image tag to the program to start."""
        self._world = world
        self._path = path
        self._programs = programs
        self.containers: dict[str, Container | None] = dict.fromkeys(nodes)

    def roll_out(self, log: Path, environment: Mapping[str, str]) -> None:
        """Replace all pods by those of the present template, by the update strategy: no pod starts beside an old one.

        As many pods as may be unavailable are replaced at once. The next ones follow when these are ready.
        """
        spec = self._world.ask("GET", self._path)["spec"]
        strategy = spec["updateStrategy"]
        assert (strategy["type"], strategy["rollingUpdate"]["maxSurge"]) == ("RollingUpdate", 0)
        nodes = list(self.containers)
        at_once = _portion(strategy["rollingUpdate"]["maxUnavailable"], len(nodes))
        for first in range(0, len(nodes), at_once):
            batch = nodes[first : first + at_once]
            for node in batch:
                self._end(node)
            for node in batch:
                self.containers[node] = self._start(node, spec["template"]["spec"], log, environment)
            for node in batch:
                self._container(node).await_ready()

    def close(self) -> None:
        """Kill all pods at once."""
        for container in self.containers.values():
            if container:
                container.process.kill()
                container.process.wait()

    def _end(self, node: str) -> None:
        if container := self.containers[node]:
            container.stop()

    def _container(self, node: str) -> "Container":
        container = self.containers[node]
        assert container
        return container

    def _start(self, node: str, spec: Object, log: Path, environment: Mapping[str, str]) -> "Container":
        assert spec["hostNetwork"]
        [template] = spec["containers"]
        fields = {"spec.nodeName": node, "status.hostIP": str(self._world.address(node))}
        variables = {one["name"]: _value(one, fields) for one in template["env"]}
        arguments = [_expanded(one, variables) for one in template["args"]]
        _, _, tag = template["image"].rpartition(":")
        command = [*_rights(template["securityContext"]), *self._programs[tag], "agent", *arguments]
        with self._world.inside(node), log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment, **variables},
            )
        return Container(self._world, node, spec, process)


class Container:
    """The one container of a pod."""

    def __init__(self, world: World, node: str, spec: Object, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._world = world
        self._node = node
        self._grace: float = spec["terminationGracePeriodSeconds"]
        self._probe: Object = spec["containers"][0]["readinessProbe"]["httpGet"]

    def await_ready(self) -> None:
        """Wait until the readiness probe of the container succeeds."""
        wait_until(lambda: self.process.poll() is not None or self.is_ready(), f"the agent of {self._node} is ready")
        assert self.process.poll() is None, "the agent has ended"

    def is_ready(self) -> bool:
        """Whether its readiness probe succeeds now."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        host = self._probe.get("host") or self._world.address(self._node)
        url = f"http://{host}:{self._probe['port']}{self._probe['path']}"
        try:
            with self._world.inside(self._node), opener.open(url, timeout=_ANSWER_SECONDS):
                return True
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return False
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the container gracefully. It must stop before it would be killed."""
        self.process.terminate()
        assert self.process.wait(self._grace) == 0


def _portion(written: int | str, total: int) -> int:
    """A number of pods, or a percentage of all pods, rounded up."""
    return written if isinstance(written, int) else ceil(int(written.removesuffix("%")) / 100 * total)


def _value(variable: Object, fields: Mapping[str, str]) -> str:
    """The value of an environment variable of a template."""
    if "value" in variable:
        return str(variable["value"])
    return fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]


def _expanded(argument: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], argument)


def _rights(context: Object) -> list[str]:
    """The command prefix that starts a program with the rights of a security context and ends it with the test."""
    assert context["capabilities"]["drop"] == ["ALL"]
    assert not context["allowPrivilegeEscalation"]
    kept = ",".join(["-all", *(f"+{one.lower()}" for one in context["capabilities"]["add"])])
    return ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", f"--bounding-set={kept}", "--inh-caps=-all", "--"]
