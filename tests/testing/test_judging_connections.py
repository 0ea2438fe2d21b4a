"""Why a test of a connection failed, and which policy must decide (`because`)."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    admits,
    labelled,
    pod,
    pods,
    policy,
)
from tests.testing.worlds import API_TO_DB, WEB_TO_DB, judged, message, status

from ringfence.cluster import Cluster


def test_a_failure_is_explained_with_the_edit_that_mends_it(cluster: Cluster) -> None:
    (one,) = judged(cluster, f"tests: [{{{WEB_TO_DB}, expect: allow}}]")
    assert one.message == "prod/web may not reach prod/db on TCP 3306"
    assert one.explanation is not None
    assert "no peer selects prod/web" in one.explanation.reasons
    assert one.explanation.edits.startswith("the smallest edit that would allow it")
    assert one.explanation.proposal.edits


def test_a_failure_of_many_pairs_is_explained_by_the_first(cluster: Cluster) -> None:
    (one,) = judged(cluster, "tests: [{from: 'prod/*', to: prod/db, port: 3306, expect: deny}]")
    assert one.message == "prod/api may reach prod/db on TCP 3306"
    assert one.explanation is not None
    assert one.explanation.edits.startswith("the smallest edit that would forbid it")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (f"{WEB_TO_DB}, expect: deny, because: db-policy", "passed"),
        (f"{WEB_TO_DB}, expect: deny, because: prod/db-policy", "passed"),
        (f"{API_TO_DB}, expect: allow, because: [prod/db-policy]", "passed"),
        (f"{API_TO_DB}, expect: deny, because: prod/db-policy", "failed"),
        ("from: prod/web, to: prod/api, expect: allow, because: prod/db-policy", "failed"),
    ],
)
def test_one_of_the_policies_must_decide(cluster: Cluster, test: str, expected: str) -> None:
    assert status(cluster, test) == expected


def test_because_names_the_policy_that_decides_instead(cluster: Cluster) -> None:
    test = "from: prod/web, to: prod/api, expect: allow, because: prod/db-policy"
    assert message(cluster, test) == "no policy allows prod/web -> prod/api, not prod/db-policy"


def test_because_names_all_policies_that_decide_instead() -> None:
    closed = [policy(f"x/{name}", labelled(app="db"), ingress=[]) for name in ("a", "b")]
    world = [pod("x/web"), pod("x/db", {"app": "db"}), *closed, policy("x/c", labelled(app="web"), ingress=[])]
    test = "from: x/web, to: x/db, port: 80, expect: deny, because: x/c, accept: [unserved-ports]"
    assert message(cluster_of(world), test) == "x/a, x/b deny x/web -> x/db, not x/c"


def test_a_policy_allows_by_any_of_its_rules() -> None:
    rules = [admits(pods(labelled(app=app))) for app in ("other", "web")]
    world = [pod("x/web", {"app": "web"}), pod("x/db", {"app": "db"}), policy("x/p", labelled(app="db"), ingress=rules)]
    test = "from: x/web, to: x/db, port: 80, expect: allow, because: x/p, accept: [unserved-ports]"
    assert status(cluster_of(world), test) == "passed"


def test_policies_that_are_not_asked_deny_nothing() -> None:
    """An administrator's policy decides before NetworkPolicies are asked."""
    denying = {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {
            "priority": 1,
            "subject": {"namespaces": {}},
            "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}],
        },
    }
    world = [pod("x/web"), pod("x/db", {"app": "db"}), policy("x/own", labelled(app="db"), ingress=[]), denying]
    test = "from: x/web, to: x/db, port: 80, expect: deny, because: x/own, accept: [unserved-ports]"
    assert message(cluster_of(world), test) == "guard denies x/web -> x/db, not x/own"
