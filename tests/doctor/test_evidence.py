"""Evidence that a DaemonSet is the plugin that its name suggests: images, and what only administrators grant."""

from typing import Any

import msgspec
import pytest

from ringfence.doctor import Unseen, diagnose
from ringfence.doctor.objects import SeenContainer

from .clusters import Object, container, daemon_set, node, pod_of, watching
from .seen import seen


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("calico/node", "calico/node"),
        ("docker.io/calico/node:v3.30.1", "calico/node"),
        ("mirror.example:5000/calico/node@sha256:0123", "calico/node"),
        ("localhost/calico/node:v3.30.1@sha256:0123", "calico/node"),
        ("calico.example/pause:3.10", "pause"),
        ("kube-router:v2.5.0", "kube-router"),
        ("", ""),
    ],
)
def test_the_repository_of_an_image_is_without_registry_and_tag(image: str, repository: str) -> None:
    assert SeenContainer(image=image).repository == repository


_CALICO = daemon_set("calico-node", container("calico-node", "quay.io/calico/node:v3.30.1"), namespace="net")


def _answer(*objects: Object) -> str:
    [found] = diagnose(seen([node("a"), _CALICO, pod_of(_CALICO, "a"), *objects])).nodes
    return found.answer.value


def _with_rule(**changed: Any) -> list[Object]:
    role, binding = watching("calico-node", "net")
    return [{**role, "rules": [{**role["rules"][0], **changed}]}, binding]


def _bound_to(**subject: str) -> list[Object]:
    role, binding = watching("calico-node", "net")
    return [role, {**binding, "subjects": [subject]}]


@pytest.mark.parametrize(
    ("objects", "answer"),
    [
        pytest.param([], "inconclusive", id="no right"),
        pytest.param(_with_rule(), "enforced", id="the right to watch policies"),
        pytest.param(_with_rule(apiGroups=["*"], resources=["*"], verbs=["*"]), "enforced", id="all rights"),
        pytest.param(_with_rule(verbs=["get", "list"]), "inconclusive", id="policies may be listed, not watched"),
        pytest.param(_with_rule(resourceNames=["default-deny"]), "inconclusive", id="single policies"),
        pytest.param(_with_rule(apiGroups=["crd.projectcalico.org"]), "inconclusive", id="policies of another group"),
        pytest.param(_bound_to(kind="User", name="system:serviceaccount:net:calico-node"), "enforced", id="as a user"),
        pytest.param(_bound_to(kind="Group", name="system:serviceaccounts:net"), "enforced", id="as its namespace"),
        pytest.param(_bound_to(kind="Group", name="system:authenticated"), "inconclusive", id="as everybody"),
        pytest.param(
            _bound_to(kind="ServiceAccount", name="calico-node", namespace="other"),
            "inconclusive",
            id="of another namespace",
        ),
    ],
)
def test_the_right_to_watch_policies_everywhere_is_evidence(objects: list[Object], answer: str) -> None:
    assert _answer(*objects) == answer


_INSTALLATION = {"apiVersion": "operator.tigera.io/v1", "kind": "Installation", "metadata": {"name": "default"}}


@pytest.mark.parametrize(
    ("namespace", "objects", "unseen", "answer"),
    [
        ("calico-system", [_INSTALLATION], ["clusterroles"], "enforced"),
        ("calico-system", [_INSTALLATION], ["clusterrolebindings", "clusterroles"], "enforced"),
        ("calico-system", [], ["clusterroles"], "inconclusive"),
        ("tenant", [_INSTALLATION], ["clusterroles"], "inconclusive"),
        ("calico-system", [_INSTALLATION], [], "inconclusive"),
    ],
)
def test_what_an_operator_installs_from_is_evidence_where_rights_cannot_be_read(
    namespace: str, objects: list[Object], unseen: list[str], answer: str
) -> None:
    """Where rights can be read, a DaemonSet whose account may not watch policies enforces none."""
    owner = daemon_set("calico-node", container("calico-node", "calico/node:v3.30.1"), namespace=namespace)
    observed = seen([node("a"), owner, pod_of(owner, "a"), *objects])
    observed = msgspec.structs.replace(observed, unseen=tuple(Unseen(one, "forbidden") for one in unseen))
    assert [one.answer.value for one in diagnose(observed).nodes] == [answer]


def test_a_known_name_with_another_image_is_a_program_that_nobody_knows() -> None:
    """The program may enforce policies by itself.

    The settings of the plugin whose name it has therefore decide nothing.
    """
    owner = daemon_set("aws-node", container("main", "example.com/fence:1.0"))
    observed = seen([node("a"), owner, pod_of(owner, "a"), *watching("aws-node")])
    diagnosis = diagnose(observed)
    assert [one.answer.value for one in diagnosis.nodes] == ["inconclusive"]
    assert [one.daemon_set for one in diagnosis.candidates] == ["DaemonSet kube-system/aws-node"]
