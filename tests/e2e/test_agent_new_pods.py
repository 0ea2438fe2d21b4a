"""All policies that are older than a new pod apply to it, even if their watch is behind the watch of pods.

Only the watch of one kind is disturbed. The agent receives changes of all other kinds at once.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.semantics.objects import admits, labelled, namespace, namespaces, policy

from .agents import Agent
from .disturbances import broken, stalled, watch_of
from .scene import Scene
from .server import wait_until
from .streams import is_open
from .world import World

RIGHT = {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]}


def watch_of_policies(scene: Scene) -> int:
    """The port of the agent's watch of policies."""
    passing = policy(f"{scene.namespace}/passing", labelled(role="nobody"), ingress=[])

    def change() -> None:
        scene.world.put(passing)
        scene.world.delete(passing)

    return watch_of(scene.world, "n1", change)


def watch_of_namespaces(scene: Scene) -> int:
    """The port of the agent's watch of namespaces."""

    def change() -> None:
        for label in ("seen=yes", "seen-"):
            scene.world.kubectl("label", "namespace", scene.namespace, label)

    return watch_of(scene.world, "n1", change)


@contextmanager
def silent(scene: Scene) -> Iterator[None]:
    """The watch of policies delivers nothing."""
    with stalled(scene.world, "n1", watch_of_policies(scene)):
        yield


@contextmanager
def interrupted(scene: Scene) -> Iterator[None]:
    """The watch of policies is broken, and the server refuses to open another one."""
    world, connection = scene.world, watch_of_policies(scene)
    rules = json.loads(world.kubectl("get", "clusterrole", "agent", "-o", "json"))["rules"]
    without = [rule for rule in rules if rule["apiGroups"] != RIGHT["apiGroups"]]
    try:
        set_rules(world, without)
        with broken(world, connection):
            policies = "networkpolicies.networking.k8s.io"
            wait_until(lambda: not may_watch(world, policies), "the right is gone")
            yield
    finally:
        set_rules(world, rules)


def set_rules(world: World, rules: object) -> None:
    world.kubectl("patch", "clusterrole", "agent", "--type=merge", "-p", json.dumps({"rules": rules}))


def may_watch(world: World, resource: str) -> bool:
    with world.inside("control-plane"):
        asked = ("auth", "can-i", "watch", resource, "--all-namespaces", "--as=system:serviceaccount:default:agent")
        return world.control_plane.kubectl(*asked, check=False).returncode == 0


@pytest.mark.parametrize("disturbed", [silent, interrupted])
def test_a_policy_that_is_older_than_a_new_pod_isolates_it_from_the_first_packet_on(
    scene: Scene, agent: Agent, disturbed: Callable[[Scene], AbstractContextManager[None]]
) -> None:
    world, path = scene.world, f"{scene.namespace}/waiting"
    with scene.unharmed():
        with disturbed(scene):
            world.put(policy(path, labelled(role="waiting"), ingress=[]))
            waiting = scene.pod("waiting")
            world.schedule(waiting, "n1")
            world.connect(waiting, "n1")
            inward = [scene.traffic.datagrams(scene.stranger, path, family=family) for family in (4, 6)]
            with scene.traffic.watched(arriving=[], refused=inward):
                world.report(path)
                if disturbed is interrupted:
                    wait_until(lambda: path in agent.ask("/readyz")[1], "it says which pod is closed")
                    assert agent.metric("ringfence_closed_pods", reason="new") == 1
        outward = scene.traffic.datagrams(path, scene.stranger)
        with scene.traffic.watched(arriving=[], refused=inward):
            wait_until(is_open(outward), "the waiting is released")
    agent.await_ready()


def test_a_namespace_that_was_relabelled_before_a_new_pod_lends_it_no_rights(scene: Scene, agent: Agent) -> None:
    world, path = scene.world, f"{scene.namespace}/late"
    world.put(namespace(scene.namespace, trust="yes"))
    trusted = namespaces(labelled(trust="yes"), labelled(role="late"))
    world.put(policy(f"{scene.namespace}/more", labelled(role="guarded"), ingress=[admits(trusted)]))
    world.run(scene.pod("first", "late"), "n1")
    scene.await_reach(f"{scene.namespace}/first", scene.guarded, open=True)
    with scene.unharmed():
        with stalled(world, "n1", watch_of_namespaces(scene)):
            world.kubectl("label", "namespace", scene.namespace, "trust-")
            late = scene.pod("late")
            world.schedule(late, "n1")
            world.connect(late, "n1")
            stream = scene.traffic.datagrams(path, scene.guarded)
            with scene.traffic.watched(arriving=[], refused=[stream]):
                world.report(path)
                scene.await_reach(path, scene.stranger, open=True)
        scene.await_reach(f"{scene.namespace}/first", scene.guarded, open=False)
