"""The namespace of an experiment: what happens when the API server refuses a request about it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.probe import Experiment, running
from ringfence.doctor.probe.experiment import ProbeSite
from ringfence.doctor.probe.ground import Ground, Refused
from ringfence.doctor.probe.manifests import Site, policy, service
from ringfence.render.doctor_report import ProofReport
from tests.sources.cluster.fake_api_server import connections_to, refuse, serving

FORBIDDEN = "pods is forbidden: you may not"

SITE = Site("p0", "n1", "run", "image")


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        pytest.param(lambda on: on.pods(), f"list .*/pods: {FORBIDDEN}", id="pods"),
        pytest.param(lambda on: on.foreign_policies(), f"list .*/networkpolicies: {FORBIDDEN}", id="policies"),
        pytest.param(lambda on: on.cluster_ip(service(SITE)), f"get .*/services/.*: {FORBIDDEN}", id="service"),
        # The server of this test knows no DELETE, and so refuses it, too.
        pytest.param(lambda on: on.delete(policy("deny", SITE, "", {})), "delete .*/networkpolicies/", id="delete"),
    ],
)
def test_a_refused_request_is_named(tmp_path: Path, request_of: Callable[[Ground], object], words: str) -> None:
    with serving(refuse(403, FORBIDDEN)) as server, pytest.raises(Refused, match=f"^{words}"):
        request_of(Ground(connections_to(server.url, tmp_path), "there", "run"))


def test_policies_of_others_that_may_not_be_listed_cost_no_proof(tmp_path: Path) -> None:
    proof = ProofReport("n1", IsEnforced.YES, "a policy denied a connection, and let another pass")
    with serving(refuse(403, FORBIDDEN)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProbeSite, "start", lambda site, full: None)
        patch.setattr(running, "prove", lambda site: proof)
        on = Ground(connections_to(server.url, tmp_path), "there", "run")
        found = running._run(on, Experiment(("n1",)), lambda line: None)
    assert (found.proofs, found.foreign_policies) == ((proof,), ())
    [unseen] = found.unseen
    assert FORBIDDEN in unseen.reason
