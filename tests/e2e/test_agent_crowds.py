"""Very large inputs: large policies, many policies, many events, and unusual names."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.semantics.objects import Object, admits, block, labelled, namespace, pod, pods, policy, port, sends

from . import bulk
from .agents import Agent
from .scene import Scene
from .server import wait_until
from .world import World

PEERS: Final = 1_000
POLICIES: Final = 10_000
WRITERS: Final = 8
EVENTS: Final = int(os.environ.get("RINGFENCE_EVENTS", "100000"))
ELSEWHERE: Final = 500
GROWTH: Final = 40.0
"""Megabytes that may be wasted by the allocator's chance, but not by events."""


def test_a_policy_with_a_thousand_peers_is_enforced(scene: Scene, agent: Agent) -> None:
    """The peers are pods, addresses and ports. The last peer lets a guest in."""
    guest = scene.add("guest", "n2")
    blocks = [block(f"198.18.{i >> 8}.{i & 255}/32") for i in range(PEERS // 2)]
    others = [pods(labelled(role=f"nobody-{i}")) for i in range(PEERS // 2 - 1)]
    crowd = policy(
        f"{scene.namespace}/crowd",
        labelled(role="guarded"),
        ingress=[admits(*blocks, *others, pods(labelled(role="guest")))],
    )
    with scene.unharmed():
        scene.world.put(crowd)
        scene.await_reach(guest, scene.guarded, open=True)
        scene.world.put(
            policy(f"{scene.namespace}/crowd", labelled(role="guarded"), ingress=[admits(*blocks, *others)])
        )
        scene.await_reach(guest, scene.guarded, open=False)
        scene.world.delete(crowd)


def one_of_many(owner: str, number: int) -> Object:
    """A policy for the scene's pods or for no pod, in one direction or the other, with peers and ports of all kinds."""
    name, ports = f"{owner}/many-{number}", [port(1 + number % 1_000)]
    peers = [pods(labelled(role=f"nobody-{number}")), block(f"198.18.{number >> 8 & 255}.{number & 255}/32")]
    match number % 100:
        case 0:
            one = policy(name, labelled(role="guarded"), ingress=[admits(*peers, ports=ports)])
        case 1:
            one = policy(name, labelled(role="captive"), egress=[sends(*peers, ports=ports)])
        case _:
            one = policy(name, labelled(role=f"nobody-{number % 500}"), ingress=[admits(*peers, ports=ports)])
    return one | {"metadata": one["metadata"] | {"labels": {"many": "yes"}}}


def test_ten_thousand_policies_at_once_do_no_harm(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        bulk.write(scene.world, (one_of_many(scene.namespace, i) for i in range(POLICIES)))
        guest = scene.add("guest", "n2")
        scene.admit("guest")
        scene.await_reach(guest, scene.guarded, open=True)
        wait_until(lambda: agent.metric("ringfence_objects", kind="NetworkPolicy") > POLICIES, "all are known")
        agent.restart()
        scene.world.delete_all("NetworkPolicy", scene.namespace, many="yes")
        scene.world.delete(policy(f"{scene.namespace}/admit-guest"))
        scene.await_reach(guest, scene.guarded, open=False)
        wait_until(lambda: agent.metric("ringfence_objects", kind="NetworkPolicy") < 100, "the policies are forgotten")


def test_hundreds_of_policies_that_clients_write_at_once_do_no_harm(scene: Scene, agent: Agent) -> None:
    """Several clients write them at once, as the deployment of a whole cluster does."""
    some = [one_of_many(scene.namespace, number) for number in range(0, POLICIES, 20)]
    with scene.unharmed(), ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(scene.world.put, some))
        guest = scene.add("guest", "n2")
        scene.admit("guest")
        scene.await_reach(guest, scene.guarded, open=True)


def pods_elsewhere(owner: str, generation: int) -> Iterator[Object]:
    """Pods of another node. Their labels and addresses differ in every generation."""
    for i in range(ELSEWHERE):
        one = pod(
            f"{owner}/elsewhere-{i}", {"role": ("nobody", "friend")[generation % 2], "generation": f"{generation}"}
        )
        spec = one["spec"] | {"nodeName": "n2"}
        yield one | {"spec": spec, "status": {"phase": "Running", "podIPs": [{"ip": f"10.9.{i >> 8}.{i & 255}"}]}}


def test_memory_stays_bounded_through_many_events(scene: Scene, agent: Agent) -> None:
    """Each generation relabels every pod. A tenth of the events fills everything that has to be filled once."""
    generations = EVENTS // ELSEWHERE

    def live_through(some: range) -> float:
        for generation in some[:-1]:
            bulk.pour(scene.world, pods_elsewhere(scene.namespace, generation))
        bulk.write(scene.world, pods_elsewhere(scene.namespace, some[-1]))
        wait_until(lambda: agent.metric("ringfence_elements") > ELSEWHERE, "the last generation are friends, as before")
        guest = scene.add(f"guest-{some.stop}", "n2")
        scene.admit(f"guest-{some.stop}")
        scene.await_reach(guest, scene.guarded, open=True)
        return agent.memory()

    try:
        with scene.unharmed():
            before = live_through(range(generations // 10))
            after = live_through(range(generations // 10, generations))
    finally:
        bulk.erase(scene.world, pods_elsewhere(scene.namespace, 0))
    print(f"\nresident after {EVENTS // 10:,} events {before:.0f} MB, after {EVENTS:,} events {after:.0f} MB")
    assert after - before < GROWTH


HOSTILE: Final = [
    pytest.param('a"; }; flush ruleset; #', id="quotes and braces"),
    pytest.param("a\n}\ndelete table inet ringfence\n", id="newlines"),
    pytest.param("n" * 253, id="253 characters"),
    pytest.param("ä..\x1b[2J é", id="not even a name"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_change_nothing(world: World, scene: Scene, agent: Agent, name: str) -> None:
    """Namespaces, pods, labels and policies have names that only a write past the API server can store."""
    owner = namespace(scene.namespace + name)
    where = owner["metadata"]["name"]
    stranger = pod(f"{where}/x", {name: name}, addresses=[str(world.address(scene.stranger))], nodeName="n2")
    stranger["metadata"]["name"] = name
    rule = admits({"podSelector": {"matchLabels": {name: name}}, "namespaceSelector": {}})
    guest = policy(f"{scene.namespace}/x", labelled(role="guarded"), ingress=[rule])
    guest["metadata"]["name"] = name
    victim = policy(f"{where}/x", {"matchLabels": {name: name}}, ingress=[], egress=[])
    victim["metadata"]["name"] = name
    hostile = [owner, victim, guest, stranger]
    try:
        with scene.traffic.watched(arriving=scene.arriving, refused=scene.refused):
            bulk.write(world, hostile[:3])
            late = scene.add("late", "n2")
            scene.admit("late")
            scene.await_reach(late, scene.guarded, open=True)
            agent.restart()
            assert '"level": "error"' not in agent.words()
    finally:
        bulk.erase(world, hostile)
