"""Laboratories in the background."""

from collections.abc import Iterator

import pytest
from tests.lab.processes import User, user
from tests.lab.sandboxes import require_namespaces
from tests.lab.shop import SHOP


@pytest.fixture(scope="package", autouse=True)
def namespaces() -> None:
    require_namespaces()


@pytest.fixture(scope="module")
def shop() -> Iterator[User]:
    """A user with a running laboratory, for tests that do not change it."""
    with user(rootless=False) as owner:
        up = owner.run("lab", "up", "-f", "-", manifests=SHOP)
        assert up.returncode == 0, up.stderr
        yield owner
