"""Agents and cluster policies: definitions that come and go, rights, changes under traffic, and reports."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.semantics.objects import Object, labelled, namespace

from . import parts
from .agents import Agent, agents
from .cluster_policies import define, defined, delete_policies, enforced, grant, revoke, served_kinds, undefine
from .policy_definitions import GROUP
from .scene import Scene
from .server import wait_until
from .world import World

pytestmark = pytest.mark.usefixtures("policy_definitions")


def pods_with_role(role: str) -> Object:
    # AdminNetworkPolicies need both selectors.
    return {"pods": {"namespaceSelector": {}, "podSelector": labelled(role=role)}}


FRIENDS: Final = pods_with_role("friend")
STRANGERS: Final = pods_with_role("stranger")
GUARDED: Final = pods_with_role("guarded")
NAMES: Final[Object] = {"domainNames": ["*.example.com"]}


def rule(action: str, *peers: Object) -> Object:
    return {"action": action, "from": list(peers or ({"namespaces": {}},))}


def cluster_policy(name: str, *ingress: Object, priority: int = 5, **spec: object) -> Object:
    """A policy about the guarded pod."""
    spec = {"tier": "Admin", "priority": priority, "subject": GUARDED, "ingress": list(ingress), **spec}
    metadata = {"name": name}
    return {"apiVersion": f"{GROUP}/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": metadata, "spec": spec}


def admin_policy(name: str, *ingress: Object, priority: int = 5) -> Object:
    spec = {"priority": priority, "subject": GUARDED, "ingress": list(ingress)}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.fixture(scope="class")
def kinds(world: World) -> Iterator[None]:
    """While the context is open, the definitions exist and agents may read the policies."""
    with defined(world):
        yield


class TestDefinitions:
    def test_definitions_may_come_and_go_while_an_agent_runs(self, scene: Scene, agent: Agent) -> None:
        """A policy whose definition was created just before a new pod applies to it, and soon to old pods as well."""
        world = scene.world
        assert served_kinds(agent) == 0
        grant(world)
        define(world)
        try:
            everybody = {"namespaces": labelled(**{"kubernetes.io/metadata.name": scene.namespace})}
            world.put(cluster_policy("shut", rule("Deny"), subject=everybody))
            waiting, path = scene.pod("waiting"), f"{scene.namespace}/waiting"
            world.schedule(waiting, "n1")
            world.connect(waiting, "n1")
            inward = scene.traffic.datagrams(scene.stranger, path)
            with scene.traffic.watched(arriving=[], refused=[inward, *scene.refused[:2]]):
                world.report(path)
                scene.await_reach(scene.friend, scene.guarded, open=False)
                wait_until(lambda: agent.metric("ringfence_closed_pods", reason="new") == 0, "the waiting is known")
            # The pod has woken one kind. The agent finds the others by the checks that it does every half a minute.
            assert served_kinds(agent) >= 1
        finally:
            undefine(world)
            revoke(world)
        scene.await_reach(scene.friend, scene.guarded, open=True)
        scene.await_guard()
        wait_until(lambda: "the API server no longer has this kind" in agent.words_since_start(), "the agent says so")
        wait_until(lambda: served_kinds(agent) == 0, "all kinds are gone")
        assert agent.is_ready()

    def test_kinds_that_an_agent_may_not_list_are_not_taken_for_empty(self, scene: Scene, tmp_path: Path) -> None:
        define(scene.world)
        try:
            agent = Agent(scene.world, "n1", tmp_path / "log", ("--max-lag=0.5",))
            agent.start(wait=False)
            try:
                wanted = f"the verbs list and watch on clusternetworkpolicies.{GROUP} are needed"
                wait_until(lambda: wanted in not_ready(agent), "the agent says what is missing")
                assert f"ClusterNetworkPolicy.{GROUP}" in not_ready(agent).split("not listed yet")[1]
                assert agent.metric("ringfence_chains") == 0, "nothing is programmed"
                grant(scene.world)
                agent.await_ready()
                scene.await_guard()
            finally:
                agent.kill()
                agent.run("--cleanup")
        finally:
            undefine(scene.world)
            revoke(scene.world)

    def test_policies_of_a_later_version_are_read_as_the_version_that_is_known(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        """The API server has ClusterNetworkPolicies only as v1beta1, with the same fields."""
        world, [written] = scene.world, [one for one in parts.definitions("experimental") if "_cluster" in one.name]
        grant(world)
        world.kubectl(
            "apply", "--server-side", "--filename=-", stdin=written.read_text().replace("v1alpha2", "v1beta1")
        )
        world.kubectl("wait", "--for=condition=Established", f"crd/clusternetworkpolicies.{GROUP}")
        try:
            stop = cluster_policy("stop", rule("Deny", FRIENDS)) | {"apiVersion": f"{GROUP}/v1beta1"}
            wait_until(lambda: applies(world, stop), "the kind is served")
            with agents(world, tmp_path, ["n1"]) as [agent]:
                scene.await_reach(scene.friend, scene.guarded, open=False)
                assert f"it is read as {GROUP}/v1alpha2" in agent.words()
        finally:
            world.kubectl("delete", "customresourcedefinition", f"clusternetworkpolicies.{GROUP}")
            revoke(world)


def applies(world: World, obj: Object) -> bool:
    with suppress(AssertionError):
        world.kubectl_apply(obj)
        return True
    return False


def not_ready(agent: Agent) -> str:
    try:
        return agent.ask("/readyz")[1]
    except OSError:
        return ""


def guard_by_cluster_policies(scene: Scene) -> list[Callable[[], None]]:
    """Changes after each of which friends, and only friends, reach the guarded pod."""
    put, delete = scene.world.put, scene.world.delete
    closed = rule("Accept", FRIENDS), rule("Deny", STRANGERS)
    relabelled = {"namespaces": labelled(zone=scene.namespace)}
    return [
        lambda: put(cluster_policy("a", *closed)),
        lambda: delete(scene.guard),
        lambda: put(cluster_policy("b", rule("Accept", FRIENDS), rule("Deny"), priority=9)),
        lambda: put(cluster_policy("a", *closed, priority=20)),
        lambda: put(cluster_policy("b", rule("Pass", FRIENDS), rule("Deny"), priority=30)),
        lambda: delete(cluster_policy("b")),
        lambda: put(admin_policy("a", {**closed[0], "action": "Allow"}, closed[1], priority=3)),
        lambda: put(cluster_policy("a", *closed, tier="Baseline")),
        lambda: put(cluster_policy("zone", *closed, subject=relabelled)),
        lambda: put(namespace(scene.namespace, zone=scene.namespace)),
        lambda: delete(admin_policy("a")),
        lambda: delete(cluster_policy("a")),
        lambda: put(cluster_policy("c", *closed, priority=1000)),
        lambda: put(namespace(scene.namespace)),
        lambda: put(scene.guard),
        lambda: delete(cluster_policy("c")),
    ]


@pytest.mark.usefixtures("kinds")
class TestInForce:
    @pytest.fixture
    def agent(self, world: World, kinds: None, scene: Scene, tmp_path: Path) -> Iterator[Agent]:
        with agents(world, tmp_path, ["n1"], "--log-denied") as [one]:
            scene.await_guard()
            yield one
            delete_policies(world)

    def test_no_packet_is_lost_or_leaks_while_cluster_policies_change(self, scene: Scene, agent: Agent) -> None:
        """Priorities are swapped, policies and tiers are added and removed, and the namespace is relabelled."""
        with scene.unharmed():
            for change in guard_by_cluster_policies(scene):
                with enforced(agent):
                    change()

    @pytest.mark.parametrize("tightened", ["a Deny is added", "priorities are swapped", "the namespace is relabelled"])
    def test_only_connections_that_a_cluster_policy_denies_end(
        self, scene: Scene, agent: Agent, tightened: str
    ) -> None:
        """Connections that are denied now end. The others do not lose a byte."""
        world, stop = scene.world, cluster_policy("stop", rule("Deny", FRIENDS), priority=5)
        zone = {"namespaces": labelled(zone=scene.namespace)}
        match tightened:
            case "a Deny is added":
                before, after = [], [stop]
            case "priorities are swapped":
                accept = cluster_policy("go", rule("Accept", FRIENDS), priority=1)
                before, after = [accept, stop], [cluster_policy("go", rule("Accept", FRIENDS), priority=9)]
            case _:
                before = [cluster_policy("stop", rule("Deny", FRIENDS), subject=zone)]
                after = [namespace(scene.namespace, zone=scene.namespace)]
        world.put(*before)
        scene.await_reach(scene.friend, scene.guarded, open=True)
        talks = [scene.traffic.conversation(scene.friend, scene.guarded, server_speaks=who) for who in (False, True)]
        others = [scene.traffic.conversation(scene.guarded, scene.stranger, server_speaks=who) for who in (False, True)]
        assert all(talk.goes_on() for talk in (*talks, *others))
        with scene.traffic.watched(arriving=scene.arriving[2:], refused=scene.refused):
            world.put(*after)
            assert all(talk.ends() for talk in talks)
        assert all(talk.goes_on() for talk in others)

    def test_the_log_names_the_cluster_policy_that_denies(self, scene: Scene, agent: Agent) -> None:
        """The log names the policy that denies. Its Event, the log and the status name what cannot be enforced."""
        world = scene.world
        by_name = {"action": "Deny", "to": [NAMES]}
        stop = cluster_policy("stop", rule("Deny", STRANGERS), egress=[by_name], priority=2)
        scene.await_reach(scene.guarded, scene.stranger, open=True)
        world.put(stop)
        scene.await_reach(scene.guarded, scene.stranger, open=False)
        denial = "denied by ingress of ClusterNetworkPolicy stop (Admin): rule 0 denies it: from[0] matches"
        wait_until(lambda: denial in agent.words_since_start(), "the denial is logged")
        problem = "spec.egress[0].to[0].domainNames: the agent does not know the addresses of domain names"
        assert problem in agent.words_since_start()
        assert agent.metric("ringfence_unusable_objects") == 1
        assert agent.metric("ringfence_dropped_packets_total", direction="egress") > 0
        wait_until(lambda: problem in events_for(world, "stop"), "an Event says so")


def events_for(world: World, name: str) -> str:
    return world.kubectl("events", "--namespace=default", f"--for=clusternetworkpolicy.{GROUP}/{name}")
