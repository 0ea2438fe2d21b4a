"""`ringfence agent status` on a node, as an operator runs it."""

import json
import subprocess
import sys

from tests.render.json_shapes import AGENT_STATUS, fits
from tests.semantics.objects import labelled, policy

from .agents import Agent
from .scene import Scene
from .server import wait_until


def status(scene: Scene, *arguments: str, node: str = "n1") -> subprocess.CompletedProcess[str]:
    """The output of the command on a node."""
    command = [sys.executable, "-m", "ringfence", "agent", "status", *arguments]
    with scene.world.inside(node):
        return subprocess.run(command, capture_output=True, text=True)


def test_the_status_says_which_policies_isolate_a_pod_and_that_no_change_waits(scene: Scene, agent: Agent) -> None:
    shown = status(scene, scene.guarded)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Agent:    enforce on n1 since " in shown.stdout
    assert f"Ingress:  isolated by {scene.namespace}/guard\n" in shown.stdout
    assert "Egress:   no policy isolates it\n" in shown.stdout
    document = json.loads(status(scene, str(scene.world.address(scene.guarded, family=6)), "-o", "json").stdout)
    assert fits(document, AGENT_STATUS)
    [pod] = document["pods"]
    assert pod["name"] == "guarded"
    wait_until(
        lambda: (
            json.loads(status(scene, scene.guarded, "-o", "json").stdout)["pods"][0]["ingress"]["addresses"][0][
                "deniedPackets"
            ]
            > 0
        ),
        "denied packets are counted",
    )


def test_a_new_policy_is_shown_with_how_long_it_has_been_in_force(scene: Scene, agent: Agent) -> None:
    def egress() -> dict[str, object]:
        found = json.loads(status(scene, scene.guarded, "-o", "json").stdout)["pods"][0]["egress"]
        assert isinstance(found, dict)
        return found

    scene.world.put(policy(f"{scene.namespace}/out", labelled(role="guarded"), egress=[{}]))
    wait_until(lambda: egress()["policies"] == [f"{scene.namespace}/out"], "the policy is shown")
    assert "isolated by" in status(scene).stdout


def test_pods_that_are_not_on_the_node_are_refused_with_the_reason(scene: Scene, agent: Agent) -> None:
    for asked, reason in (
        (scene.stranger, f"the pod {scene.stranger} runs on the node n2: ask there"),
        ("nobody", "the agent of the node n1 knows no pod default/nobody"),
    ):
        shown = status(scene, asked)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert reason in shown.stderr


def test_without_the_agent_the_kernel_says_who_is_isolated(scene: Scene, agent: Agent) -> None:
    address = str(scene.world.address(scene.guarded))
    with scene.unharmed():
        agent.kill()
        shown = status(scene, address)
        assert shown.returncode == 1
        assert "none runs on this node; the rules in the kernel stay in force" in shown.stdout
        assert [line.split() for line in shown.stdout.splitlines() if line.startswith(address)] == [
            [address, "isolated", "open"]
        ]
        agent.start()
    assert "since before the agent started" in status(scene, scene.guarded).stdout


def test_an_agent_that_cannot_reach_the_api_server_says_so(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        scene.world.control_plane.apiserver.kill()
        wait_until(lambda: "has not been watched for" in status(scene).stdout, "it says so")
        assert status(scene).returncode == 1
        scene.world.start_control_plane()
        agent.await_ready()
        assert status(scene).returncode == 0
