"""The outcomes of tests: passed, failed, or an error because a test proves nothing about the cluster."""

from datetime import date
from pathlib import Path

import pytest
from tests.testing.worlds import API_TO_DB, THREE_TIER, TODAY, WEB_TO_DB, decoded, judged, message, status

from ringfence.cluster import Cluster
from ringfence.testing.outcomes import Status


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


def test_names_without_a_namespace_are_those_of_the_document(cluster: Cluster) -> None:
    text = "metadata: {namespace: prod}\ntests: [{from: api, to: db, port: 3306, expect: allow}]"
    assert [one.status for one in judged(cluster, text)] == [Status.PASSED]


def test_the_cluster_can_be_asked_with_tests_of_a_program(cluster: Cluster) -> None:
    tests = decoded(f"tests: [{{{API_TO_DB}, expect: allow}}]").tests
    assert [one.status for one in cluster.judged(tests)] == [Status.PASSED]
    assert not cluster.test(
        THREE_TIER.parents[1] / "docs" / "examples" / "three-tier-tests.yaml", today=date(2026, 1, 1)
    )
