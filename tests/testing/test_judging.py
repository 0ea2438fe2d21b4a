"""The outcomes of tests: passed, failed, or an error because a test proves nothing about the cluster."""

from datetime import date
from pathlib import Path

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import admits, block, labelled, namespace, node, pod, pods, policy
from tests.testing.worlds import THREE_TIER, TODAY, decoded, judged, message, status, three_tier

from ringfence.cluster import Cluster
from ringfence.testing.outcomes import Status

API_TO_DB = "from: prod/api, to: prod/db, port: 3306"
WEB_TO_DB = "from: prod/web, to: prod/db, port: 3306"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return three_tier()


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (f"{API_TO_DB}, expect: allow", "passed"),
        (f"{API_TO_DB}, expect: deny", "failed"),
        (f"{WEB_TO_DB}, expect: deny", "passed"),
        (f"{WEB_TO_DB}, expect: allow", "failed"),
        ("from: prod/api, to: prod/db, expect: allow", "failed"),
        ("from: prod/api, to: prod/db, expect: deny", "failed"),
        ("from: 'prod/*', to: prod/db, port: 3306, expect: allow", "failed"),
        ("from: 'prod/*', to: prod/db, port: 3306, expect: deny", "failed"),
        ("from: 'prod/*', to: prod/db, port: 3306, expect: allow, pairs: any", "passed"),
        ("from: 'prod/*', to: prod/db, port: 3306, expect: deny, pairs: any", "passed"),
        ("from: [prod/api, prod/web], to: prod/db, port: 3306, expect: allow", "failed"),
        ("from: prod/api, to: prod/svc/db, port: 3306, expect: allow", "passed"),
        ("from: prod/web, to: prod/svc/db, port: 3306, expect: deny", "passed"),
        ("from: internet, to: prod/db, expect: deny", "passed"),
        ("from: prod/db, to: 192.168.5.10, port: 80, expect: allow", "passed"),
        ("from: 192.168.5.10, to: prod/db, ports: [3306], expect: deny", "passed"),
        ("pods: prod/db, isolated: ingress", "passed"),
        ("pods: prod/db, isolated: both", "passed"),
        ("pods: 'prod/*', isolated: ingress", "failed"),
    ],
)
def test_a_test_has_the_status(cluster: Cluster, test: str, expected: str) -> None:
    assert status(cluster, test) == expected


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("from: prod/nobody, to: prod/db, expect: deny", "there is no pod or workload nobody in namespace prod"),
        ("from: prod/app=nothing, to: prod/db, expect: deny", "no pod in namespace prod has the label app=nothing"),
        ("from: prod/web, to: prod/svc/none, expect: deny", "there is no Service none in namespace prod"),
        ("from: prod/web, to: prod/svc/db, port: 22, expect: deny", "has no port 22/TCP"),
        (
            "from: prod/web, to: prod/db, port: 22, expect: deny",
            "no container of prod/db declares TCP 22, only TCP 3306",
        ),
        ("from: prod/web, to: prod/db, port: ssh, expect: deny", "has no port called ssh"),
        ("to: prod/db, port: 22, expect: {only-from: [prod/api]}", "no container of prod/db declares TCP 22"),
        ("to: internet, expect: {only-from: [prod/api]}", "outside the cluster"),
        (f"{WEB_TO_DB}, expect: deny, because: no-such", "there is no NetworkPolicy no-such"),
        (
            f"{WEB_TO_DB}, expect: deny, without: prod/no-such",
            "the changes that the test supposes cannot be applied: prod/no-such: there is",
        ),
        (f"{WEB_TO_DB}, expect: deny, after: nothing.yaml", "does not exist"),
        ("pods: internet, isolated: both", "only pods can be isolated"),
    ],
)
def test_a_test_that_proves_nothing_about_the_cluster_is_an_error(cluster: Cluster, test: str, why: str) -> None:
    assert status(cluster, test) == "error"
    assert why in message(cluster, test)


def test_a_port_that_nobody_serves_can_be_accepted(cluster: Cluster) -> None:
    assert status(cluster, "from: prod/web, to: prod/db, port: 22, expect: deny, accept: unserved-ports") == "passed"


# --- only-from and only-to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("to: prod/db, port: 3306, expect: {only-from: [prod/api]}", "passed"),
        ("to: prod/db, port: 3306, expect: {only-from: []}", "failed"),
        ("to: prod/db, port: 3306, expect: {only-from: [prod/api, prod/web]}", "failed"),
        ("to: prod/db, port: 3306, expect: {only-from: [prod/web]}", "failed"),
        ("to: prod/db, expect: {only-from: [prod/api, 192.168.5.10]}", "failed"),
        ("to: prod/db, expect: {only-from: [prod/api]}", "passed"),
        ("to: prod/svc/db, port: 3306, expect: {only-from: [prod/api]}", "passed"),
        ("from: prod/db, expect: {only-to: [192.168.5.10]}", "passed"),
        ("from: prod/db, expect: {only-to: []}", "failed"),
        ("from: prod/db, expect: {only-to: [prod/api, 192.168.5.10]}", "failed"),
        ("from: prod/api, port: 3306, expect: {only-to: [prod/db]}", "failed"),
    ],
)
def test_only_these_may_connect(cluster: Cluster, test: str, expected: str) -> None:
    assert status(cluster, f"{test}, accept: assumptions") == expected


def test_only_these_says_who_is_not_listed_or_not_allowed(cluster: Cluster) -> None:
    ports = "to: prod/db, port: 3306, accept: assumptions"
    assert message(cluster, f"{ports}, expect: {{only-from: []}}") == (
        "prod/api may reach prod/db on TCP 3306, and is not listed"
    )
    assert message(cluster, f"{ports}, expect: {{only-from: [prod/api, prod/web]}}") == (
        "prod/web is listed, and may not reach prod/db on TCP 3306"
    )
    assert message(cluster, "from: prod/db, expect: {only-to: []}, accept: assumptions").endswith("which is not listed")


# --- why --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("listed", "expected"), [("192.168.0.0/24", "failed"), ("192.168.0.1/32", "passed")])
def test_the_node_of_a_pod_always_reaches_it_and_is_none_of_the_others(listed: str, expected: str) -> None:
    cluster = Cluster()
    for one in (
        namespace("x"),
        node("m", "192.168.0.1"),
        node("n", "192.168.0.2"),
        pod("x/web", {"app": "web"}, addresses=["10.0.0.2"], nodeName="n"),
        pod("x/db", {"app": "db"}, addresses=["10.0.0.1"], nodeName="m"),
        policy("x/db", labelled(app="db"), ingress=[admits(pods(labelled(app="web")), block(listed))]),
    ):
        cluster.upsert(one)
    assert status(cluster, "name: t, to: x/db, port: 80, expect: {only-from: [x/web]}") == expected


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


# --- what if, and skips -----------------------------------------------------------------------------------------------


def test_a_test_may_leave_policies_out(cluster: Cluster) -> None:
    assert status(cluster, f"{WEB_TO_DB}, expect: allow, without: prod/db-policy") == "passed"
    assert status(cluster, f"{WEB_TO_DB}, expect: deny") == "passed", "the cluster itself is as it was"


def test_a_test_may_suppose_files_beside_it(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: prod}\n"
        "spec:\n  podSelector: {matchLabels: {role: db}}\n  ingress: [{from: [{podSelector: {}}]}]\n"
    )
    (tmp_path / "t.yaml").write_text(
        "apiVersion: ringfence/v1\nkind: ReachabilityTest\ntests:\n"
        f"- {{{WEB_TO_DB}, expect: allow, after: more.yaml}}\n- {{{WEB_TO_DB}, expect: deny}}\n"
        f"- {{{WEB_TO_DB}, expect: allow, after: more.yaml, because: prod/web}}\n"
    )
    found = cluster.test(tmp_path / "t.yaml", today=TODAY)
    assert [one.status.value for one in found.outcomes] == ["passed"] * 3
    assert found


def test_an_error_in_a_supposed_file_is_an_error_of_the_test(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: Bad, namespace: prod}\nspec: {}\n"
    )
    test = f"{WEB_TO_DB}, expect: deny, after: {tmp_path}/bad.yaml"
    assert status(cluster, test) == "error"
    assert "bad.yaml:3" in message(cluster, test)


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("skip: later", Status.SKIPPED),
        (f"skip: later, until: {TODAY}", Status.SKIPPED),
        ("skip: later, until: 2026-11-29", Status.FAILED),
    ],
)
@pytest.mark.parametrize("expectation", ["allow", "deny"])
def test_a_skip_ends_in_a_failure(cluster: Cluster, skip: str, expected: Status, expectation: str) -> None:
    (one,) = judged(cluster, f"tests: [{{{WEB_TO_DB}, expect: {expectation}, {skip}}}]")
    assert one.status is expected
    if expected is Status.FAILED:
        assert one.message.startswith("the skip expired after 2026-11-29 (later); ")
        assert one.message.endswith("remove skip and until" if expectation == "deny" else "on TCP 3306")


# --- assumptions ------------------------------------------------------------------------------------------------------


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


def test_that_an_answer_is_unknown_can_be_expected() -> None:
    unknown = f"{API_TO_DB}, expect: unknown"
    assert status(with_an_unread_policy(), unknown) == "passed"
    assert status(three_tier(), unknown) == "failed"
    assert message(three_tier(), unknown) == "prod/api -> prod/db is known: it is allowed"


# --- invariants -------------------------------------------------------------------------------------------------------


def invariant(cluster: Cluster, text: str) -> str:
    (one,) = judged(cluster, f"invariants: [{text}]")
    return one.status.value


def test_no_path(cluster: Cluster) -> None:
    assert invariant(cluster, "no-path: {from: internet, to: prod/db}") == "passed"
    assert invariant(cluster, "no-path: {from: 'prod/*', to: prod/db}") == "failed"
    assert invariant(cluster, "no-path: {from: internet, to: tier=data}") == "error"


def test_no_connection_crosses_namespaces() -> None:
    cluster = Cluster()
    for name in ("a", "b"):
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": name}})
    assert invariant(cluster, "no-cross-namespace") == "failed"
    assert invariant(cluster, "no-cross-namespace: {except: [a]}") == "passed"
    assert invariant(cluster, "no-cross-namespace: {except: [c]}") == "error"
    for name in ("a", "b"):
        cluster.upsert(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "own", "namespace": name},
                "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},
            }
        )
    assert invariant(cluster, "no-cross-namespace") == "passed"


def test_every_namespace_denies_by_default() -> None:
    cluster = Cluster()
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "a"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    cluster.upsert(policy)
    assert invariant(cluster, "every-namespace-default-deny: {direction: ingress}") == "passed"
    assert invariant(cluster, "every-namespace-default-deny") == "failed"
    cluster.upsert({**policy, "spec": {"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"]}})
    assert invariant(cluster, "every-namespace-default-deny: {direction: ingress}") == "failed"
    assert invariant(cluster, "every-namespace-default-deny: {except: [a]}") == "passed"


def test_names_without_a_namespace_are_those_of_the_document(cluster: Cluster) -> None:
    text = "metadata: {namespace: prod}\ntests: [{from: api, to: db, port: 3306, expect: allow}]"
    assert [one.status for one in judged(cluster, text)] == [Status.PASSED]


def test_the_cluster_can_be_asked_with_tests_of_a_program(cluster: Cluster) -> None:
    tests = decoded(f"tests: [{{{API_TO_DB}, expect: allow}}]").tests
    assert [one.status for one in cluster.judged(tests)] == [Status.PASSED]
    assert not cluster.test(
        THREE_TIER.parents[1] / "docs" / "examples" / "three-tier-tests.yaml", today=date(2026, 1, 1)
    )


# --- pods to come, and chains of pods ---------------------------------------------------------------------------------


def policy_admitting(peer: dict[str, object]) -> Cluster:
    """`prod/db`, which admits what a peer selects on TCP 3306, and pods in two namespaces of one team."""
    cluster = Cluster()
    for name in ("prod", "dev"):
        cluster.upsert(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": "shop"}}}
        )
    for path, app in (("prod/db", "db"), ("prod/api", "api"), ("dev/api", "api")):
        namespace, name = path.split("/")
        metadata = {"name": name, "namespace": namespace, "labels": {"app": app}}
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
    cluster.upsert(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "db", "namespace": "prod"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "db"}},
                "ingress": [{"from": [peer], "ports": [{"port": 3306}]}],
            },
        }
    )
    return cluster


BY_LABEL: dict[str, object] = {"podSelector": {"matchLabels": {"app": "api"}}}
BY_TEAM: dict[str, object] = {"namespaceSelector": {"matchLabels": {"team": "shop"}}, **BY_LABEL}


@pytest.mark.parametrize(
    ("peer", "listed", "now", "later"),
    [
        pytest.param(BY_LABEL, "prod/app=api", "passed", "passed", id="the labels that the policy admits"),
        pytest.param(BY_LABEL, "prod/api", "passed", "passed", id="the pod that has these labels only"),
        pytest.param(BY_LABEL, "any-pod:prod/app=api", "error", "passed", id="all pods that could have them"),
        pytest.param(BY_TEAM, "prod/app=api, dev/app=api", "passed", "failed", id="a namespace to come"),
        pytest.param(BY_TEAM, "'any-pod:team=shop/app=api'", "error", "passed", id="all namespaces of a team"),
        pytest.param({"podSelector": {}}, "prod/app=api", "passed", "failed", id="a policy that admits all"),
    ],
)
def test_the_others_may_include_future_pods(peer: dict[str, object], listed: str, now: str, later: str) -> None:
    cluster = policy_admitting(peer)
    test = "to: prod/db, port: 3306, accept: unserved-ports"
    assert status(cluster, f"{test}, expect: {{only-from: [{listed}]}}") == now
    assert status(cluster, f"{test}, expect: {{only-from: [{listed}], future: true}}") == later


def test_a_failure_about_future_pods_names_them() -> None:
    cluster = policy_admitting(BY_TEAM)
    test = "to: prod/db, port: 3306, expect: {only-from: [prod/app=api, dev/app=api], future: true}"
    assert message(cluster, f"{test}, accept: unserved-ports") == (
        "any-pod:kubernetes.io/metadata.name notin (dev,prod),team=shop/app=api, which does not exist yet, "
        "may reach prod/db on TCP 3306, and is not listed"
    )
    names = "from: prod/db, port: mysql, expect: {only-to: [prod/app=api], future: true}, accept: unserved-ports"
    assert status(cluster, names) == "error"


def test_a_path_may_lead_through_other_pods(cluster: Cluster) -> None:
    direct = "no-path: {from: prod/web, to: prod/db, port: 3306}"
    assert invariant(cluster, direct) == "passed"
    through = direct.replace("}", ", through-pods: true}, accept: assumptions")
    (one,) = judged(cluster, f"invariants: [{{{through}}}]")
    assert (one.status, one.message) == (Status.FAILED, "there is a path: prod/web -> prod/api -> prod/db")
    assert (
        invariant(cluster, f"{{{through.replace('3306', '22').replace('accept: ', 'accept: [unserved-ports, ')}]}}")
        == "passed"
    )
    outside = through.replace("prod/web", "internet")
    (one,) = judged(cluster, f"invariants: [{{{outside}}}]")
    assert one.message == "there is a path: internet -> prod/api -> prod/db"
    names = through.replace("3306", "mysql").replace("}", "}", 1)
    assert invariant(cluster, f"{{{names}}}") == "error"


def test_no_path_leads_through_pods_that_are_all_closed() -> None:
    cluster = three_tier()
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in ("prod", "staging"):
        metadata = {"name": "closed", "namespace": name}
        cluster.upsert(
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": closed}
        )
    path = "{no-path: {from: internet, to: prod/db, through-pods: true}, accept: assumptions}"
    assert invariant(cluster, path) == "passed"
    assert invariant(cluster, path.replace("internet", "prod/web")) == "passed"
