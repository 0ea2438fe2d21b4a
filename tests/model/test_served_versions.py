"""Objects whose `apiVersion` was removed, or is not served yet: the messages, and whether the objects count."""

import pytest

from ringfence.model.decoding import decode
from ringfence.model.objects import Manifest
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem, Severity
from ringfence.model.served_versions import version_problem
from ringfence.model.server_versions import NEWEST, ServerVersion


def problem_of(api_version: str, kind: str, minor: int | None, *, is_stored: bool = False) -> Problem | None:
    obj = decode({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}})
    assert obj
    server = None if minor is None else ServerVersion(minor)
    return version_problem(Manifest(obj, Origin("f.yaml", 1), is_stored, api_version), server)


@pytest.mark.parametrize(
    ("api_version", "kind", "last"),
    [
        ("batch/v1beta1", "CronJob", 24),
        ("discovery.k8s.io/v1beta1", "EndpointSlice", 24),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", 25),
    ],
)
def test_a_version_is_an_error_once_it_is_gone(api_version: str, kind: str, last: int) -> None:
    assert problem_of(api_version, kind, last) is None
    problem = problem_of(api_version, kind, last + 1)
    assert problem
    assert problem.severity is Severity.ERROR
    assert problem.message == f'no matches for kind "{kind}" in version "{api_version}"'
    assert problem.remedy.endswith(f"{api_version} is gone since Kubernetes 1.{last + 1}")


@pytest.mark.parametrize(
    ("api_version", "kind", "first", "before"),
    [
        ("batch/v1", "CronJob", 21, "batch/v1beta1"),
        ("discovery.k8s.io/v1", "EndpointSlice", 21, "discovery.k8s.io/v1beta1"),
    ],
)
def test_a_version_is_an_error_before_it_came(api_version: str, kind: str, first: int, before: str) -> None:
    assert problem_of(api_version, kind, first) is None
    problem = problem_of(api_version, kind, first - 1)
    assert problem
    assert problem.message == f'no matches for kind "{kind}" in version "{api_version}"'
    assert problem.remedy == f"write {before}: {api_version} came with Kubernetes 1.{first}"


@pytest.mark.parametrize("kind", ["NetworkPolicy", "Deployment", "DaemonSet", "ReplicaSet"])
def test_no_server_that_is_known_has_the_extensions(kind: str) -> None:
    problem = problem_of("extensions/v1beta1", kind, 20)
    assert problem
    assert problem.may_concern_policies is (kind == "NetworkPolicy")


@pytest.mark.parametrize(("minor", "is_stored"), [(None, False), (NEWEST.minor, True)])
def test_it_is_a_warning_where_the_object_may_be_in_an_old_cluster(minor: int | None, is_stored: bool) -> None:
    problem = problem_of("extensions/v1beta1", "NetworkPolicy", minor, is_stored=is_stored)
    assert problem
    assert (problem.severity, problem.remedy) == (Severity.WARNING, "write networking.k8s.io/v1")
    assert problem.message == "extensions/v1beta1 NetworkPolicy is gone since Kubernetes 1.16"


def test_current_versions_are_fine() -> None:
    assert problem_of("networking.k8s.io/v1", "NetworkPolicy", 20) is None
    assert problem_of("networking.k8s.io/v1", "NetworkPolicy", None) is None
