"""The chart is upgraded and rolled back under traffic: no forbidden packet passes, and no other packet is lost."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.dataplane.network import nft

from . import parts
from .daemon_set import DaemonSetPods
from .scene import Scene
from .server import wait_until
from .streams import is_closed, is_open
from .test_deployment import CHART
from .world import CONTROL_PLANE

PRESENT: Final[str] = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
OLDER: Final = "0.0.1"
"""A version whose table has to be replaced: see `older_version.py`."""

PROGRAM: Final = [sys.executable, "-m", "ringfence"]
OLDER_PROGRAM: Final = [sys.executable, str(Path(__file__).with_name("older_version.py"))]
PATH: Final = "/apis/apps/v1/namespaces/kube-system/daemonsets/ringfence-agent"


class Release:
    """The chart, installed by helm, and its agents on both nodes."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._folder = folder
        self.log = folder / "agents.log"
        self.pods = DaemonSetPods(scene.world, PATH, ("n1", "n2"), {PRESENT: PROGRAM, OLDER: OLDER_PROGRAM})

    def helm(self, command: str, *arguments: str) -> None:
        """Make helm change the release, and replace the agents."""
        world = self._scene.world
        program = parts.find("helm")
        assert program
        options = ["--namespace=kube-system", f"--kubeconfig={world.control_plane.kubeconfig}"]
        with world.inside(CONTROL_PLANE):
            environment = {"HOME": str(self._folder)}
            done = subprocess.run(
                [program, command, "ringfence", *arguments, *options], capture_output=True, text=True, env=environment
            )
            assert done.returncode == 0, done.stderr
            if command == "uninstall":
                return
            account = world.control_plane.existing_account("ringfence-agent", "kube-system")
        self.pods.roll_out(self.log, {"KUBECONFIG": str(account)})

    def chart(self, version: str) -> str:
        """The folder of the chart in a given version."""
        folder = self._folder / f"chart-{version}"
        shutil.copytree(CHART, folder)
        described = (folder / "Chart.yaml").read_text()
        (folder / "Chart.yaml").write_text(described.replace(PRESENT, version))
        return str(folder)


@pytest.fixture
def release(scene: Scene, tmp_path: Path) -> Iterator[Release]:
    if parts.find("helm") is None:
        pytest.skip(f"helm not found: `{parts.BUILD_COMMAND}` fetches it first")
    one = Release(scene, tmp_path)
    try:
        yield one
    finally:
        one.pods.close()
        for node in ("n1", "n2"):
            with scene.world.inside(node):
                subprocess.run([*PROGRAM, "agent", "--cleanup"], check=True, capture_output=True)
        one.helm("uninstall", "--no-hooks", "--ignore-not-found")


OLD_VALUES: Final = "unknownPods=allow,spoofedSources=allow,logDenied=true,podRanges={10.0.0.0/8},metrics.expose=true"


@pytest.mark.parametrize("version", [PRESENT, OLDER], ids=["the same program", "an older program"])
def test_an_upgrade_and_a_rollback_lose_and_pass_nothing(scene: Scene, release: Release, version: str) -> None:
    release.helm("install", release.chart(version), f"--set={OLD_VALUES}")
    scene.await_guard()
    kept = scene.traffic.conversation(scene.distant_friend, scene.guarded)
    ended = scene.traffic.datagrams(scene.friend, scene.guarded, answered=True)
    assert kept.goes_on()
    wait_until(is_open(ended), "the friend is heard")
    scene.relabel(scene.friend, "former-friend")
    wait_until(is_closed(ended), "the connection is ended")
    with scene.traffic.watched(arriving=scene.arriving[1:], refused=[*scene.refused, scene.arriving[0], ended]):
        release.helm("upgrade", str(CHART))
        assert counts_spoofed_packets(scene)
        release.helm("rollback", "1")
        assert counts_spoofed_packets(scene) is (version == PRESENT)
        release.helm("rollback", "2")
        assert counts_spoofed_packets(scene)
        assert kept.goes_on()


def counts_spoofed_packets(scene: Scene) -> bool:
    """Whether the table is that of the present version."""
    with scene.world.inside("n1"):
        return "counter" in nft("list", "set", "inet", "ringfence", "spoofed")
