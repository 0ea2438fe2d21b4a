"""Fixtures of the end-to-end tests: a shared control plane, and a namespace in it for each test."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ringfence.lab.network import linux
from ringfence.lab.network.pod_network import NodeNetwork

from . import parts
from .agents import Agent, agents
from .control_plane import ControlPlane, running
from .pod_networks import ROUTED
from .policy_definitions import install
from .scene import Scene, staged
from .world import RANGES, World, living, new_namespace

_numbers = itertools.count()

FOLDER: Final = Path(__file__).parent
LONGEST: Final = ("test_doctor_probe_full.py", "test_doctor_probe.py")
"""The files that take longest, minutes each, in which they mostly wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, then those with the most tests, so that all processes end together."""
    if not all(item.path.parent == FOLDER for item in items):
        return
    counts = Counter(item.path for item in items)
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (ranks.get(item.path.name, len(LONGEST)), -counts[item.path]))


@pytest.fixture(scope="session")
def real_parts() -> None:
    """Skip tests that need the real etcd, kube-apiserver and kubectl where these were not built."""
    absent = parts.missing(*parts.SERVERS, "kubectl")
    if absent:
        pytest.skip(f"{' and '.join(absent)} not found: `{parts.BUILD_COMMAND}` makes them first")


@pytest.fixture(scope="session")
def api_server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane that tests share. No test may break it."""
    with running(tmp_path_factory.mktemp("control-plane")) as control_plane:
        yield control_plane


@pytest.fixture
def own_api_server(real_parts: None, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of its own for a test that breaks it."""
    with running(tmp_path) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def policy_definitions() -> None:
    """Skip tests that need the definitions of the administrators' policies where these were not fetched."""
    if not all(parts.definitions(channel) for channel in parts.CHANNELS):
        pytest.skip(f"the definitions of the administrators' policies: `{parts.BUILD_COMMAND}` fetches them first")


@pytest.fixture(scope="session")
def experimental_server(
    real_parts: None, policy_definitions: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A shared control plane with all fields of the administrators' policies. No test may break it."""
    with running(tmp_path_factory.mktemp("experimental")) as control_plane:
        install(control_plane, "experimental")
        yield control_plane


@pytest.fixture(scope="session")
def standard_server(
    real_parts: None, policy_definitions: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A control plane with the fields that the standard channel of the administrators' policies has."""
    with running(tmp_path_factory.mktemp("standard")) as control_plane:
        install(control_plane, "standard")
        yield control_plane


@pytest.fixture
def namespace(api_server: ControlPlane) -> str:
    """A namespace for one test. It is not removed, because no controller empties namespaces here."""
    name = f"test-{next(_numbers)}"
    api_server.kubectl("create", "namespace", name)
    return name


@pytest.fixture(scope="session")
def world(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The cluster in which agents run. A test may break it if it repairs it afterwards."""
    try:
        with linux.returning_to_network_namespace():
            linux.unshare(linux.NamespaceKind.NETWORK)
    except OSError as error:
        pytest.skip(f"no network namespaces ({error.strerror}): be root, or `make test-e2e`, which needs no root")
    with living(tmp_path_factory.mktemp("world")) as one:
        yield one


@pytest.fixture
def network(request: pytest.FixtureRequest) -> NodeNetwork:
    """How the nodes link their pods: with routed links, unless the test chooses otherwise (`pod_networks.py`)."""
    chosen = getattr(request, "param", ROUTED)
    assert isinstance(chosen, NodeNetwork)
    return chosen


@pytest.fixture
def scene(world: World, network: NodeNetwork) -> Iterator[Scene]:
    """A guarded pod and traffic around it. Its agents run only if the test requests them."""
    world.link_pods(network)
    world.tend()
    owner = new_namespace(world, f"scene-{next(_numbers)}")
    try:
        with staged(world, owner) as one:
            yield one
    finally:
        world.tend()
        world.clear(owner)


@pytest.fixture
def agent(world: World, scene: Scene, tmp_path: Path) -> Iterator[Agent]:
    """The agent on the node of the guarded pod, with the policies of the scene in force."""
    with agents(world, tmp_path, ["n1"]) as [one]:
        scene.await_guard()
        yield one


@pytest.fixture
def tended(world: World) -> Iterator[World]:
    """The cluster, with kubelets that report their nodes as ready."""
    world.tend()
    for node in RANGES:
        world.ask(
            "PATCH",
            f"/api/v1/nodes/{node}/status",
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            "application/merge-patch+json",
        )
    yield world
    world.tend()
