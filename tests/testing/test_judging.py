"""The outcomes of tests: passed, failed, or an error because a test proves nothing about the cluster."""

from datetime import date
from pathlib import Path

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespace,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
)
from tests.testing.worlds import THREE_TIER, TODAY, decoded, judged, message, status, three_tier

from ringfence.cluster import Cluster
from ringfence.testing.judging import Judge
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


def client_of_named_ports(*more: Object) -> Cluster:
    """`x/client` may open TCP 8080 and TCP 9090 of `x/named`, which calls 8080 http, and TCP 9090 of `x/numbered`."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"selector": {"app": "named"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
    }
    egress = [
        sends(pods(labelled(app="named")), ports=[port(8080), port(9090)]),
        sends(pods(labelled(app="numbered")), ports=[port(9090)]),
    ]
    world = [
        pod("x/client", {"app": "client"}),
        pod("x/named", {"app": "named"}, ports=[container_port("http", 8080), container_port("metrics", 9090)]),
        pod("x/numbered", {"app": "numbered"}, ports=[container_port("metrics", 9090)]),
        pod("x/other", {"app": "other"}, ports=[container_port("ssh", 22)]),
        policy("x/out", labelled(app="client"), egress=egress),
    ]
    return cluster_of([*world, service, *more])


@pytest.mark.parametrize(
    ("listed", "ports", "expected"),
    [
        pytest.param("x/named, x/numbered", "http, 9090", "passed", id="each by the ports that it has"),
        pytest.param("x/named", "http, 9090", "failed", id="one that is not listed is reached by the number"),
        pytest.param("x/numbered", "http", "error", id="a listed one has no port of the name"),
        pytest.param("x/named", "http", "passed", id="the others have no port of the name"),
        pytest.param("", "http", "failed", id="one that is not listed is reached by the name"),
        pytest.param("x/svc/web", "web", "passed", id="a Service by the name of its own port"),
        pytest.param("x/svc/web", "http", "error", id="a Service is not asked for names at its pods"),
    ],
)
def test_each_destination_is_asked_about_the_names_that_it_has(listed: str, ports: str, expected: str) -> None:
    test = f"from: x/client, ports: [{ports}], expect: {{only-to: [{listed}]}}, accept: assumptions"
    assert status(client_of_named_ports(), test) == expected


def test_a_listed_destination_must_be_reached_by_name_and_by_number() -> None:
    """Its TCP 9090 is allowed, and its port with the name is not: of the pod, and of its Service."""
    half = pod("x/half", {"app": "half"}, ports=[container_port("http", 8081), container_port("metrics", 9090)])
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "half", "namespace": "x"},
        "spec": {"selector": {"app": "half"}, "ports": [{"name": "web", "port": 8081}, {"name": "m", "port": 9090}]},
    }
    more = policy("x/more", labelled(app="client"), egress=[sends(pods(labelled(app="half")), ports=[port(9090)])])
    cluster = client_of_named_ports(half, service, more)
    for listed, name in (("x/half", "http"), ("x/svc/half", "web")):
        test = f"from: x/client, ports: [{name}, 9090], expect: {{only-to: [{listed}]}}, accept: assumptions"
        assert message(cluster, test) == f"{listed} is listed, and x/client may not reach it on TCP 8081"


def test_addresses_are_asked_about_the_ports_that_are_given_by_number() -> None:
    """A name means nothing outside the cluster, but the number beside it does."""
    cluster = client_of_named_ports(policy("x/far", labelled(app="client"), egress=[sends(block("10.9.0.0/16"))]))
    listed = "from: x/client, expect: {only-to: [x/named, x/numbered]}, accept: [assumptions, unserved-ports]"
    assert message(cluster, f"{listed}, ports: [http, 9090]") == (
        "x/client may reach 10.9.0.0/16 on TCP 9090, which is not listed"
    )
    assert status(cluster, f"{listed.replace(', x/numbered', '')}, port: http") == "passed"


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


def test_default_deny_is_judged_in_every_namespace_until_one_decides() -> None:
    closed = [policy(f"{name}/deny", {}, ingress=[]) for name in ("a", "c")]
    asked = "every-namespace-default-deny: {direction: ingress}"
    assert invariant(cluster_of(closed), asked) == "passed"
    with_an_open_one = cluster_of([*closed, namespace("b")])
    (found,) = judged(with_an_open_one, f"invariants: [{asked}]")
    assert found.message == "any-pod:b/* is not isolated for ingress: no policy selects it"
    assert invariant(with_an_open_one, f"{asked[:-1]}, except: [b]}}") == "passed"
    (found,) = judged(with_an_open_one, f"invariants: [{asked[:-1]}, except: [d]}}]")
    assert (found.status, "namespace d" in found.message) == (Status.ERROR, True)
    unread = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "guard", "namespace": "a"},
        "spec": {"endpointSelector": {}, "ingress": [{}]},
    }
    (found,) = judged(cluster_of([*closed, unread]), f"invariants: [{asked}]")
    assert found.is_undecided, "the answer about the first namespace depends on a policy that is not read"


def test_a_pod_that_no_policy_can_isolate_is_named_with_the_reason() -> None:
    host = pod("x/host", {"app": "host"}, hostNetwork=True)
    (found,) = judged(cluster_of([host, policy("x/deny", ingress=[])]), "tests: [{pods: x/host, isolated: ingress}]")
    assert found.message.startswith("x/host is not isolated for ingress: ")
    assert "network" in found.message


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
