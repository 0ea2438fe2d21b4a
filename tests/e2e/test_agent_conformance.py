"""The upstream conformance list, end to end: kubectl, API server, agents, kernels, probes."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from ringfence.lab.network.topology import LabPort
from tests.semantics.conformance import (
    CASES,
    FAMILIES,
    NAMESPACES,
    PODS,
    PORTS,
    Case,
    Step,
    address,
    expected,
    model,
)
from tests.semantics.objects import NAME_LABEL, Object, key_of

from .agents import agents
from .pod_networks import ROUTED
from .server import ServerError, wait_until
from .world import Connection, World

PATIENCE = 0.1
"""Seconds of silence that count as no answer: what was only late is asked about again."""

NODE_OF = {"x": "n1", "y": "n2", "z": "n2"}


@pytest.fixture(scope="module")
def cluster(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The nine pods on two nodes, with an agent on each."""
    world.link_pods(ROUTED)
    world.tend()
    for obj in model():
        if obj["kind"] == "Namespace":
            world.put(obj)
        else:
            owner, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
            world.run(obj, NODE_OF[owner], *(address(f"{owner}/{name}", family) for family in FAMILIES))
    with agents(world, tmp_path_factory.mktemp("agents"), ["n1", "n2"]):
        yield world
    for owner in NAMESPACES:
        world.clear(owner)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.title}")
def test_every_pair_of_pods_fares_as_upstream_demands(cluster: World, case: Case) -> None:
    """Over both families, on one node and across nodes, after each step."""
    changed = [obj for step in case.steps for obj in step.upsert]
    try:
        for step in case.steps:
            carry_out(cluster, step)
            assert await_agreement(cluster, case, step) == []
    finally:
        undo(cluster, changed)


def carry_out(cluster: World, step: Step) -> None:
    """Have kubectl make the changes of a step."""
    for kind, owner, name in step.remove:
        cluster.kubectl("delete", kind, name, f"--namespace={owner}")
    policies = [obj for obj in step.upsert if obj["kind"] == "NetworkPolicy"]
    if policies:
        cluster.kubectl_apply(*policies)
    for obj in step.upsert:
        if obj["kind"] != "NetworkPolicy":
            label(cluster, obj, *(f"{key}={value}" for key, value in obj["metadata"]["labels"].items()))


def undo(cluster: World, changed: list[Object]) -> None:
    """Have the cluster as it was."""
    for owner in NAMESPACES:
        cluster.delete_all("NetworkPolicy", owner)
    for obj in changed:
        if obj["kind"] != "NetworkPolicy":
            label(cluster, obj, *(f"{key}-" for key in obj["metadata"]["labels"] if key not in ("pod", NAME_LABEL)))


def label(cluster: World, obj: Object, *labels: str) -> None:
    kind, owner, name = key_of(obj)
    cluster.kubectl("label", "--overwrite", kind, name, *([f"--namespace={owner}"] if owner else []), *labels)


def await_agreement(cluster: World, case: Case, step: Step) -> list[Connection]:
    """The connections that do not come to fare as they should."""
    questions = [
        Connection(source, destination, LabPort(port, protocol), family)
        for source in PODS
        for destination in PODS
        for protocol in case.protocols
        for port in PORTS
        for family in FAMILIES
    ]
    demanded = [expected(step, one.source, one.destination, one.port.protocol, one.port.number) for one in questions]
    wrong = questions

    def agrees() -> bool:
        nonlocal wrong
        observed = cluster.open(*questions, patience=PATIENCE)
        wrong = [one for one, want, got in zip(questions, demanded, observed, strict=True) if want is not got]
        return not wrong

    with suppress(ServerError):
        wait_until(agrees, "everybody fares as demanded")
    return wrong
