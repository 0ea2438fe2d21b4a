"""The Node of the machine: an agent that does not know it leaves the kernel unchanged and reports the right name."""

import pytest

from tests.semantics.objects import labelled, policy

from .agents import Agent
from .scene import Scene
from .server import wait_until

REMEDY = "this machine has an address of the Node n1: use --node n1"


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        pytest.param("worker.example.org", f"there is no Node worker.example.org: {REMEDY}", id="no Node's name"),
        pytest.param("n2", f"the Node n2 is another machine: {REMEDY}", id="the name of another machine"),
    ],
)
def test_a_wrong_node_name_removes_no_isolation(scene: Scene, agent: Agent, name: str, mistake: str) -> None:
    agent.kill()
    agent.options = ("--node", name)
    with scene.unharmed():
        agent.start(wait=False)
        wait_until(lambda: mistake in agent.words_since_start(), "it says which name is right")
        status, text = agent.ask("/readyz")
        assert (status, text) == (503, f"{mistake}: until then the rules in the kernel stay as they are\n")
        assert agent.ask("/healthz")[0] == 200
    agent.options = ()
    agent.restart()
    scene.world.put(policy(f"{scene.namespace}/late", labelled(role="friend"), ingress=[]))
    scene.await_reach(scene.stranger, scene.friend, open=False)


def test_while_its_node_is_deleted_nothing_changes(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        scene.world.ask("DELETE", "/api/v1/nodes/n1")
        wait_until(lambda: not agent.is_ready(), "it knows")
        assert "there is no Node n1" in agent.ask("/readyz")[1]
        scene.world.join("n1")
        agent.await_ready()
