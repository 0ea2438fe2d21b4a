"""Tests of which the answer depends on an assumption."""

import pytest
from tests.testing.worlds import API_TO_DB, TODAY, decoded, judged, message, status, three_tier

from ringfence.cluster import Cluster
from ringfence.testing.judging import Judge
from ringfence.testing.outcomes import Status


def with_an_unread_policy() -> Cluster:
    cluster = three_tier()
    cluster.upsert(
        {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "guard", "namespace": "prod"},
            "spec": {"endpointSelector": {}, "ingress": [{}]},
        }
    )
    return cluster


@pytest.mark.parametrize("expect", ["deny", "allow", "{only-from: [prod/api]}"])
def test_an_answer_that_depends_on_an_assumption_is_an_error(expect: str) -> None:
    cluster = with_an_unread_policy()
    source = "" if "only" in expect else "from: prod/api, "
    test = f"{source}to: prod/db, port: 3306, expect: {expect}"
    (one,) = judged(cluster, f"tests: [{{{test}}}]")
    assert (one.status, one.is_undecided) == (Status.ERROR, True)
    assert any("CiliumNetworkPolicy" in assumption for assumption in one.assumptions)
    assert status(cluster, f"{test}, accept: assumptions") == ("failed" if expect == "deny" else "passed")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("tests: [{pods: prod/db, isolated: ingress}]", "passed", id="pods that are isolated"),
        pytest.param("tests: [{pods: prod/web, isolated: ingress}]", "failed", id="pods that are not"),
        pytest.param("invariants: [every-namespace-default-deny]", "failed", id="default deny"),
        pytest.param("invariants: [{no-path: {from: internet, to: prod/db}}]", "passed", id="no path"),
        pytest.param("invariants: [no-cross-namespace]", "failed", id="no connection across namespaces"),
    ],
)
def test_whatever_depends_on_an_assumption_is_an_error_unless_assumptions_are_accepted(
    written: str, expected: str
) -> None:
    cluster = with_an_unread_policy()
    tests = decoded(written).tests
    (found,) = cluster.judged(tests)
    assert (found.status, found.is_undecided) == (Status.ERROR, True)
    assert any("CiliumNetworkPolicy" in assumption for assumption in found.assumptions)
    as_if_accepted = Judge(cluster.state, "default", today=TODAY, with_assumptions=False).outcome(tests[0])
    assert (as_if_accepted.status.value, as_if_accepted.assumptions) == (expected, ())


def test_that_an_answer_is_unknown_can_be_expected() -> None:
    unknown = f"{API_TO_DB}, expect: unknown"
    assert status(with_an_unread_policy(), unknown) == "passed"
    assert status(three_tier(), unknown) == "failed"
    assert message(three_tier(), unknown) == "prod/api -> prod/db is known: it is allowed"
