"""Expectations about isolation, where policies that are not read may isolate pods."""

from collections.abc import Iterable

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    pod,
    policy,
)
from tests.testing.worlds import TODAY, decoded, judged

from ringfence.testing.judging import Judge
from ringfence.testing.outcomes import Status

UNREAD: Object = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "guard", "namespace": "x"},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}
CLOSED = policy("x/closed", ingress=[])
EXPECTATIONS = pytest.mark.parametrize(
    "document",
    [
        pytest.param("tests: [{pods: x/web, isolated: ingress%s}]", id="pods that exist"),
        pytest.param("tests: [{pods: 'any-pod:x/*', isolated: ingress%s}]", id="possible pods"),
        pytest.param("invariants: [{every-namespace-default-deny: {direction: ingress}%s}]", id="every namespace"),
    ],
)
both_answers = pytest.mark.parametrize(
    ("policies", "accepted"), [([CLOSED], Status.PASSED), ([], Status.FAILED)], ids=["isolated", "not isolated"]
)


@EXPECTATIONS
@both_answers
def test_isolation_that_an_unread_policy_may_change_is_undecided(
    document: str, policies: Iterable[Object], accepted: Status
) -> None:
    cluster = cluster_of([pod("x/web"), UNREAD, *policies])
    (one,) = judged(cluster, document % "")
    assert (one.status, one.is_undecided) == (Status.ERROR, True)
    assert any("CiliumNetworkPolicy" in assumption for assumption in one.assumptions)
    (one,) = judged(cluster, document % ", accept: assumptions")
    assert one.status is accepted


@EXPECTATIONS
@both_answers
def test_a_judge_without_assumptions_names_none(document: str, policies: Iterable[Object], accepted: Status) -> None:
    cluster = cluster_of([pod("x/web"), UNREAD, *policies])
    judge = Judge(cluster.state, "x", today=TODAY, with_assumptions=False)
    (test,) = decoded(document % "").tests
    outcome = judge.outcome(test)
    assert (outcome.status, outcome.assumptions) == (accepted, ())


def test_a_pod_that_no_policy_can_isolate_is_named_with_the_reason() -> None:
    host = pod("x/host", {"app": "host"}, hostNetwork=True)
    (found,) = judged(cluster_of([host, policy("x/deny", ingress=[])]), "tests: [{pods: x/host, isolated: ingress}]")
    assert found.message.startswith("x/host is not isolated for ingress: ")
    assert "network" in found.message
