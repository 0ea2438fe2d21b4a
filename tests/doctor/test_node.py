"""`doctor --node`: whether the agent could enforce policies on this node."""

import json
from collections.abc import Iterator

import pytest

from ringfence.doctor import node
from ringfence.lab.network import linux
from tests.cli.test_inputs import run
from tests.dataplane.network import nft


@pytest.fixture(autouse=True)
def inside_a_network() -> Iterator[None]:
    """The test's own network namespace, in which this thread is root."""
    try:
        with linux.returning_to_network_namespace():
            linux.unshare(linux.NamespaceKind.NETWORK)
            yield
    except OSError as error:
        pytest.skip(f"needs network namespaces ({error.strerror})")


def test_a_node_that_can_enforce_says_so_and_that_nothing_does() -> None:
    result = run("doctor", "--node")
    assert result.exit_code == 0
    assert "it has all that the agent needs" in result.stdout
    assert "no ringfence rules are in the kernel" in result.stdout


def test_rules_that_another_program_has_made_dormant_are_named() -> None:
    nft("add table inet ringfence { flags dormant; }")
    assert "dormant" in run("doctor", "--node").stdout


def test_ipvs_keeps_the_agent_from_enforcing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "translates_with_ipvs", lambda: True)
    result = run("doctor", "--node", "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["subject"] == "services"


def test_node_is_about_no_cluster() -> None:
    assert run("doctor", "--node", "--probe").exit_code == 2
