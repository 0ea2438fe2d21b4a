"""Upstream's conformance cases for cluster policies, end to end: API server, agents, kernels, probes.

The cases are read from the folder in `RINGFENCE_CONFORMANCE`. They are not part of this project.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from ringfence.lab.network.topology import LabPort
from tests.semantics.objects import Object
from tests.semantics.test_admin_conformance import cases

from .agents import agents
from .cluster_policies import defined, delete_policies
from .pod_networks import ROUTED
from .server import ServerError, wait_until
from .world import Connection, World

NODE_OF: Final = {"node-0": "n1", "node-1": "n2", "node-2": "n1", "node-3": "n2"}
"""The hostNetwork pods share the nodes of others: none of the cases asks what they can reach."""

PATIENCE: Final = 0.1
"""Seconds of silence that count as no answer: what was only late is asked about again."""

CASES: Final = cases()


def moved(written: Any) -> Any:
    """The same objects with the addresses of the node on which they run here."""
    return json.loads(json.dumps(written).replace("10.244.1.", "10.244.2."))


def ports_of_all() -> tuple[LabPort, ...]:
    """The ports on which the pods answer: all ports that any case probes."""
    steps = (step for one in CASES for step in one.values[1].get("steps", ()))
    return tuple(sorted({LabPort(poke["port"], poke["protocol"]) for step in steps for poke in step["pokes"]}))


@pytest.fixture(scope="module")
def base(world: World, policy_definitions: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Object]]:
    """Upstream's pods on two nodes with an agent on each; yields their namespaces."""
    objects = moved(CASES[0].values[0])
    world.link_pods(ROUTED)
    world.tend()
    namespaces = [one for one in objects if one["kind"] == "Namespace"]
    world.put(*namespaces)
    for node in ("n1", "n2"):
        world.set_labels(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}, {"kubernetes.io/os": "linux"}
        )
    for one in objects:
        if one["kind"] == "Pod":
            addresses = () if one["spec"].get("hostNetwork") else (one["status"]["podIPs"][0]["ip"],)
            world.run(one, NODE_OF[one["spec"]["nodeName"]], *addresses, ports=ports_of_all())
    with defined(world), agents(world, tmp_path_factory.mktemp("agents"), ["n1", "n2"]):
        yield namespaces
    for one in namespaces:
        world.clear(one["metadata"]["name"])


@pytest.mark.parametrize(("_written", "case"), CASES)
def test_every_probe_has_the_expected_result(world: World, base: list[Object], _written: Any, case: Any) -> None:
    try:
        for step in moved(case["steps"]):
            for kind, owner, name in step["remove"]:
                world.delete({"kind": kind, "metadata": {"namespace": owner, "name": name}})
            world.put(*step["upsert"])
            assert disagreements(world, step["pokes"]) == []
    finally:
        delete_policies(world)
        for one in base:
            world.delete_all("NetworkPolicy", one["metadata"]["name"])
        world.put(*base)


def disagreements(world: World, pokes: list[Any]) -> list[Connection]:
    """The connections that do not reach the state that upstream expects, open or closed."""
    asked = [Connection(one["source"], one["destination"], LabPort(one["port"], one["protocol"])) for one in pokes]
    wrong = asked

    def agree() -> bool:
        nonlocal wrong
        observed = world.open(*asked, patience=PATIENCE)
        wrong = [one for one, poke, got in zip(asked, pokes, observed, strict=True) if poke["expected"] is not got]
        return not wrong

    with suppress(ServerError):
        wait_until(agree, "every probe has the expected result")
    return wrong
