"""A tenant with the right to create policies in one namespace keeps the agent busy. Other tenants are not affected."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
import pytest

from tests.semantics.objects import Object, admits, block, labelled, pod, policy, port

from . import bulk
from .agents import Agent
from .scene import Scene
from .server import wait_until
from .world import CONTROL_PLANE, PORTS, Connection, World, new_namespace, path_of

CHANGES = 3


class Tenant:
    """A namespace, one pod of it on the agent's node, and policies of any size."""

    def __init__(self, world: World, namespace: str) -> None:
        self.world = world
        self.namespace = new_namespace(world, namespace)
        self.pod = world.run(pod(f"{namespace}/own", {"role": "own"}), "n1")

    def large(self, number: int, role: str, blocks: int = 16_000, ranges: int = 0) -> Object:
        """A policy with this many blocks, for this many port ranges."""
        peers = [block(f"11.{number}.{i >> 7}.{2 * (i & 127)}/32") for i in range(blocks)]
        ports = [port(1 + 600 * i) | {"endPort": 300 + 600 * i} for i in range(ranges)]
        return policy(f"{self.namespace}/large-{number}", labelled(role=role), ingress=[admits(*peers, ports=ports)])

    def small(self, version: int) -> Object:
        """One of two versions of a policy."""
        peers = [block(f"12.0.0.{version}/32")]
        return policy(f"{self.namespace}/small", labelled(role="own"), ingress=[admits(*peers, ports=[port(80)])])

    @contextmanager
    def rewriting(self, *versions: Object) -> Iterator[None]:
        """While the context is open, these policies are written in turn, as fast as the API server takes them."""
        self.world.put(versions[0])
        ended, written = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._write, args=(versions, ended, written), daemon=True)
        with self.world.inside(CONTROL_PLANE):
            thread.start()
        try:
            assert written.wait(60), "the API server takes nothing"
            yield
        finally:
            ended.set()
            thread.join()

    def _write(self, versions: Sequence[Object], ended: threading.Event, written: threading.Event) -> None:
        bodies = [(path_of(one), msgspec.json.encode(one).decode()) for one in versions]
        while not ended.is_set():
            for path, body in bodies:
                assert self.world.control_plane.request("PUT", path, body).status == HTTPStatus.OK
            written.set()


@pytest.fixture
def tenant(world: World, scene: Scene) -> Iterator[Tenant]:
    one = Tenant(world, f"{scene.namespace}-tenant")
    try:
        yield one
    finally:
        world.clear(one.namespace)


def change_repeatedly(scene: Scene, agent: Agent) -> None:
    """Another tenant lets a guest in and out again; each change must come into force."""
    guest = f"{scene.namespace}/guest"
    if guest not in scene.world.topology.pod_by_name:
        scene.add("guest", "n2")
    for _ in range(CHANGES):
        scene.admit("guest")
        scene.await_reach(guest, scene.guarded, open=True)
        scene.world.delete(policy(f"{scene.namespace}/admit-guest"))
        scene.await_reach(guest, scene.guarded, open=False)
        assert agent.ask("/healthz")[0] == HTTPStatus.OK


def test_a_policy_that_is_rewritten_without_pause_delays_no_other_namespace(
    scene: Scene, tenant: Tenant, agent: Agent
) -> None:
    with scene.unharmed(), tenant.rewriting(tenant.small(1), tenant.small(2)):
        change_repeatedly(scene, agent)


@pytest.mark.parametrize("role", ["own", "nobodys"])
def test_six_policies_of_16_000_blocks_delay_no_other_namespace(
    scene: Scene, tenant: Tenant, agent: Agent, role: str
) -> None:
    six = [tenant.large(number, role) for number in range(6)]
    with scene.unharmed():
        bulk.write(scene.world, six)
        with tenant.rewriting(tenant.large(0, role, 15_000), six[0]):
            change_repeatedly(scene, agent)
        wait_until(lambda: agent.metric("ringfence_waiting_changes") == 0, "all are taken in")
        agent.restart()
    scene.await_guard()


def test_a_policy_of_2_000_blocks_and_100_ranges_of_ports_delays_no_other_namespace(
    scene: Scene, tenant: Tenant, agent: Agent
) -> None:
    versions = [tenant.large(0, "own", blocks, ranges=100) for blocks in (2_000, 1_999)]
    with scene.unharmed(), tenant.rewriting(*versions):
        change_repeatedly(scene, agent)


def test_pods_of_a_tenant_stay_closed_until_its_policies_are_in_force(
    scene: Scene, tenant: Tenant, agent: Agent
) -> None:
    """Afterwards they are in force: only the clients that they allow reach the tenant's pod."""
    asked = Connection(scene.stranger, tenant.pod, PORTS[0])
    assert scene.world.open(asked) == [True]
    bulk.write(scene.world, [tenant.large(number, "own") for number in range(6)])
    wait_until(lambda: scene.world.open(asked) == [False], "the tenant's pod is isolated")
    stranger = str(scene.world.address(scene.stranger))
    scene.world.put(policy(f"{tenant.namespace}/open", labelled(role="own"), ingress=[admits(block(f"{stranger}/32"))]))
    wait_until(lambda: scene.world.open(asked) == [True], "the stranger is let in")
    wait_until(lambda: agent.metric("ringfence_closed_pods", reason="share") == 0, "and stays so")
