"""What the end-to-end tests share: a control plane, and a namespace of it for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import parts
from .control_plane import ControlPlane, running

_numbers = itertools.count()


@pytest.fixture(scope="session")
def real_parts() -> None:
    """Skips what needs the real etcd, kube-apiserver and kubectl where they are not to be had."""
    absent = parts.missing(*parts.SERVERS, "kubectl")
    if absent:
        pytest.skip(f"{' and '.join(absent)} not found: `{parts.BUILD_COMMAND}` makes them first")


@pytest.fixture(scope="session")
def api_server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane that tests share: none may break it."""
    with running(tmp_path_factory.mktemp("control-plane")) as control_plane:
        yield control_plane


@pytest.fixture
def own_api_server(real_parts: None, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of the test's own, to break."""
    with running(tmp_path) as control_plane:
        yield control_plane


@pytest.fixture
def namespace(api_server: ControlPlane) -> str:
    """A namespace of the test's own; it stays, because nothing here empties namespaces."""
    name = f"test-{next(_numbers)}"
    api_server.kubectl("create", "namespace", name)
    return name
