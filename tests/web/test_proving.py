"""A cell is proven by real packets between two pods that stand for it, under the policies with the edits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from tests import strategies
from tests.lab.sandboxes import in_sandbox
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object
from tests.web.local_pages import ServedPage, served

import ringfence.web.app
from ringfence.cluster import Cluster
from ringfence.engine.population import is_one_pod
from ringfence.errors import LaboratoryError
from ringfence.lab.proofs import prove
from ringfence.sets.traffic import NO_TRAFFIC
from ringfence.web.edit_effects import passing
from ringfence.web.proving import CellQuestion, cell_question
from ringfence.web.simulation import PolicyKey, Simulation

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
DB_POLICY = PolicyKey("NetworkPolicy", "prod", "db-policy")
API_TO_DB = {"source": "prod/api", "destination": "prod/db"}
ON_NODE = """
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: prod}
spec: {hostNetwork: true, containers: [{name: c, image: c}]}
"""


@pytest.fixture
def _laboratory() -> None:
    """Skips where there can be no laboratory."""
    in_sandbox(lambda: None)


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(lambda: Cluster.load(EXAMPLE), "example")


@given(strategies.clusters())
def test_the_laboratory_has_all_that_decides_about_the_two_pods(objects: list[Object]) -> None:
    simulation = Simulation(lambda: cluster_of(objects), "random")
    members = [one for one in simulation.cluster.state.members() if not one.host_network]
    for source in members[:4]:
        for destination in members[:4]:
            if is_one_pod(source, destination):
                continue
            question = cell_question(simulation, str(source.reference), str(destination.reference))
            small = Cluster()
            for one in question.asked.objects:
                small.upsert(one, is_stored=True)
            allowed = passing(simulation.cluster.state, source, destination)
            assert small.can(question.asked.source, question.asked.destination).traffic == allowed == question.traffic


def test_the_ports_are_those_of_the_destination_the_borders_of_what_passes_and_another(simulation: Simulation) -> None:
    text = str(simulation.text(DB_POLICY)["yaml"]).replace("3306", "5000")
    simulation.edit(DB_POLICY, text)
    ports = cell_question(simulation, "prod/api", "prod/db").asked.ports
    assert list(map(str, ports)) == ["3306/TCP", "5000/TCP", "4999/TCP", "5001/TCP", "9999/TCP"]


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (("prod/web", "prod/web"), "both ends are one pod"),
        (("prod/web", "internet"), "only connections between two pods"),
        (("prod/agent", "prod/web"), "on the host network"),
        (("prod/web", "prod/agent"), "on the host network"),
    ],
)
def test_what_no_laboratory_can_open_is_refused(tmp_path: Path, ends: tuple[str, str], message: str) -> None:
    (tmp_path / "agent.yaml").write_text(ON_NODE)
    simulation = Simulation(lambda: Cluster.load(EXAMPLE, tmp_path), "example")
    with pytest.raises(LaboratoryError, match=message):
        cell_question(simulation, *ends)


@pytest.mark.usefixtures("_laboratory")
def test_the_kernel_is_compared_with_the_engine_port_by_port(simulation: Simulation) -> None:
    question = cell_question(simulation, "prod/api", "prod/db")
    wrong = CellQuestion(question.asked, NO_TRAFFIC).answer()
    assert wrong["agrees"] is False
    assert wrong["probes"][0] == {"protocol": "TCP", "port": 3306, "expected": False, "observed": True}


@pytest.mark.usefixtures("_laboratory")
def test_the_edits_are_in_force_in_the_laboratory() -> None:
    with served(lambda: Cluster.load(EXAMPLE)) as page:
        (policy,) = [one for one in page.ask_json("/report.json")["policies"] if one["name"] == "db-policy"]
        key = {"kind": "NetworkPolicy", "namespace": "prod", "name": "db-policy"}
        page.ask_json("/edit", {**key, "text": policy["yaml"].replace("3306", "3307")})
        proof = page.ask_json("/prove", API_TO_DB)
    assert proof["agrees"] is True
    observed = {one["port"]: one["observed"] for one in proof["probes"]}
    assert observed == {3306: False, 3307: True, 3308: False, 9999: False}


def test_a_laboratory_that_takes_too_long_is_ended(simulation: Simulation) -> None:
    question = cell_question(simulation, "prod/api", "prod/db").asked
    with pytest.raises(LaboratoryError, match=r"no answer within 0\.01 seconds"):
        prove(question, seconds=0.01)


@pytest.fixture
def page() -> Iterator[ServedPage]:
    with served(lambda: Cluster.load(EXAMPLE)) as found:
        yield found


def test_one_cell_is_proven_at_a_time(page: ServedPage) -> None:
    with ringfence.web.app._PROVING:
        status, _, said = page.ask("/prove", API_TO_DB)
    assert status == 409
    assert "another cell is being proven" in said
    assert page.ask("/prove", {**API_TO_DB, "destination": "prod/nobody"})[0] == 400, "and then the next one may be"


def test_what_cannot_be_proven_is_an_answer_that_says_why(page: ServedPage) -> None:
    proof = page.ask_json("/prove", {"source": "prod/web", "destination": "prod/web"})
    reason = "both ends are one pod, and policies do not apply to what it sends to itself"
    assert proof == {"unproven": reason, "probes": []}


@pytest.mark.parametrize("body", [b"", b"[]", {"source": "prod/api"}, {**API_TO_DB, "ports": []}])
def test_what_is_not_a_cell_is_refused(page: ServedPage, body: object) -> None:
    assert page.ask("/prove", body)[0] == 400


def test_nothing_is_proven_by_a_link(page: ServedPage) -> None:
    assert page.ask("/prove?source=prod/api&destination=prod/db")[0] == 405
    assert page.ask("/prove", API_TO_DB, origin="https://evil.example")[0] == 403
