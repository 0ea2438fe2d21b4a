"""The full experiment of `doctor` in a cluster with real kernels: it measures how policies are enforced."""

from pathlib import Path

import pytest

from .agents import agents
from .doctor_runs import prove
from .world import World


@pytest.mark.timeout(600)  # most of the time it waits until answers are steady
def test_the_full_experiment_measures_that_an_agent_enforces_as_upstream(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"]):
        _, found = prove(tended, "--probe=full", "--on", "n1")
    values = {one["topic"]: one["value"] for one in found["measured"]}
    assert values == {
        "node-to-own-pod": "always",
        "ipv6": "yes",
        "standalone-pods": "yes",
        "endPort": "yes",
        "named-ports": "yes",
        "sctp": "yes",
        "negations": "yes",
        "ipBlock-pods": "yes",
        "except": "own-block",
        "service-port": "target",
        "pod-to-own-node": "policy",
        "established": "cut",
        "pod-start": "closed",
    }
    assert {one["answer"] for one in found["measured"]} == {"as upstream"}


_ESTABLISHED_ALONE = """
import ringfence.doctor.probe.experiment as experiment
from ringfence.cli import main
experiment.CASES = tuple(case for case in experiment.CASES if case.topic == "established")
main()
"""


def test_the_full_experiment_measures_what_an_agent_is_configured_to_do_differently(
    tended: World, tmp_path: Path
) -> None:
    """The agent lets connections continue, and new pods connect before it knows them.

    Other cases are left out to save time.
    """
    with agents(tended, tmp_path, ["n1"], "--existing-connections", "keep", "--unknown-pods", "allow"):
        _, found = prove(tended, "--probe=full", "--on", "n1", program=("-c", _ESTABLISHED_ALONE))
    assert {one["topic"]: one["value"] for one in found["measured"]} == {"established": "continue", "pod-start": "open"}
