"""The upstream conformance list, end to end: kubectl, API server, agents, kernels, probes."""

from collections.abc import Callable, Iterator
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
from .pod_networks import BRIDGE_LOOSE, FLANNEL_STRICT, PTP_STRICT, ROUTED, name_of
from .server import ServerError, wait_until
from .world import Connection, World

PATIENCE = 0.1
"""Seconds of silence that count as no answer: what was only late is asked about again."""

NODE_OF = {"x": "n1", "y": "n2", "z": "n2"}

OTHER_POD_NETWORKS = (PTP_STRICT, BRIDGE_LOOSE, FLANNEL_STRICT)


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The nine pods on two nodes, with an agent on each."""
    world.link_pods(getattr(request, "param", ROUTED))
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


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.title}")


@every_case
def test_every_pair_of_pods_connects_as_upstream_requires(cluster: World, case: Case) -> None:
    """This holds over both families, on one node and across nodes, after each step. kubectl makes the changes."""
    follow(cluster, case, apply_by_kubectl)


@pytest.mark.parametrize("cluster", OTHER_POD_NETWORKS, ids=map(name_of, OTHER_POD_NETWORKS), indirect=True)
@every_case
def test_every_pair_of_pods_connects_as_upstream_requires_on_other_pod_networks(cluster: World, case: Case) -> None:
    follow(cluster, case, apply_by_request)


def follow(cluster: World, case: Case, apply: Callable[[World, Object], None]) -> None:
    """Take all steps of a case, and then undo them."""
    try:
        for step in case.steps:
            for kind, owner, name in step.remove:
                cluster.delete({"kind": kind, "metadata": {"namespace": owner, "name": name}})
            for obj in step.upsert:
                apply(cluster, obj)
            assert await_agreement(cluster, case, step) == []
    finally:
        for owner in NAMESPACES:
            cluster.delete_all("NetworkPolicy", owner)
        for obj in (obj for step in case.steps for obj in step.upsert if obj["kind"] != "NetworkPolicy"):
            cluster.set_labels(obj, dict.fromkeys(obj["metadata"]["labels"].keys() - {"pod", NAME_LABEL}))


def apply_by_kubectl(cluster: World, obj: Object) -> None:
    """Make kubectl create a policy, or label any other object."""
    kind, owner, name = key_of(obj)
    if kind == "NetworkPolicy":
        cluster.kubectl_apply(obj)
        return
    labels = (f"{key}={value}" for key, value in obj["metadata"]["labels"].items())
    cluster.kubectl("label", "--overwrite", kind, name, *([f"--namespace={owner}"] if owner else []), *labels)


def apply_by_request(cluster: World, obj: Object) -> None:
    """Do the same without kubectl, which takes ten times as long."""
    if obj["kind"] == "NetworkPolicy":
        cluster.put(obj)
    else:
        cluster.set_labels(obj, obj["metadata"]["labels"])


def await_agreement(cluster: World, case: Case, step: Step) -> list[Connection]:
    """The connections that do not reach the state that the list requires, open or closed."""
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
        wait_until(agrees, "every pair connects as required")
    return wrong
