"""The table of kinds that are recognised and not read: found by group and kind, whatever the version."""

from typing import Any

import pytest

from ringfence.model.kinds import KINDS
from ringfence.model.origin import Place
from ringfence.model.unread_kinds import UNREAD_KINDS, UnreadKind, unread_kind, unread_policy
from ringfence.model.unread_policies import Doubt, UnreadPolicy

PLACE = Place("f.yaml", 3)

by_kind = pytest.mark.parametrize("kind", UNREAD_KINDS, ids=lambda kind: kind.key)


def read(api_version: str, kind: str, **written: Any) -> UnreadPolicy | None:
    return unread_policy({"apiVersion": api_version, "kind": kind, "metadata": {"name": "p"}, **written}, PLACE)


def test_the_kinds_that_are_recognised() -> None:
    assert {kind.key for kind in UNREAD_KINDS} == {
        "ApplicationNetworkPolicy.networking.k8s.aws",
        "AuthorizationPolicy.security.istio.io",
        "CiliumClusterwideNetworkPolicy.cilium.io",
        "CiliumNetworkPolicy.cilium.io",
        "ClusterNetworkPolicy.crd.antrea.io",
        "EgressFirewall.k8s.ovn.org",
        "EgressNetworkPolicy.network.openshift.io",
        "FQDNNetworkPolicy.networking.gke.io",
        "GlobalNetworkPolicy.crd.projectcalico.org",
        "GlobalNetworkPolicy.projectcalico.org",
        "MultiNetworkPolicy.k8s.cni.cncf.io",
        "NetworkPolicy.crd.antrea.io",
        "NetworkPolicy.crd.projectcalico.org",
        "NetworkPolicy.projectcalico.org",
        "StagedGlobalNetworkPolicy.crd.projectcalico.org",
        "StagedGlobalNetworkPolicy.projectcalico.org",
        "StagedKubernetesNetworkPolicy.crd.projectcalico.org",
        "StagedKubernetesNetworkPolicy.projectcalico.org",
        "StagedNetworkPolicy.crd.projectcalico.org",
        "StagedNetworkPolicy.projectcalico.org",
    }
    assert len({kind.key for kind in UNREAD_KINDS}) == len(UNREAD_KINDS)


@by_kind
def test_a_kind_is_found_in_every_version_of_its_group(kind: UnreadKind) -> None:
    assert unread_kind(kind.key) is kind
    for version in ("v1", "v1alpha1", "v9"):
        found = read(f"{kind.group}/{version}", kind.name)
        assert found is not None
        assert found.kind == kind.key


@by_kind
def test_no_kind_is_also_read(kind: UnreadKind) -> None:
    """When a kind is read from now on, its row must go."""
    assert KINDS.keyed(kind.key) is None


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("example.com/v1", "NetworkPolicy"),
        ("cilium.io/v2", "CiliumEndpoint"),
        ("example.com/v1", "ClusterNetworkPolicy"),
        ("v1", "CiliumNetworkPolicy"),
    ],
)
def test_a_kind_of_another_group_is_not_one_of_them(api_version: str, kind: str) -> None:
    assert read(api_version, kind) is None
    assert unread_policy({"apiVersion": [api_version], "kind": [kind]}, PLACE) is None


def test_a_namespaced_policy_without_a_namespace_is_in_the_default_one() -> None:
    found = read("cilium.io/v2", "CiliumNetworkPolicy", spec={"endpointSelector": {}, "ingress": [{}]})
    assert found is not None
    assert (found.namespace, found.name, found.place) == ("default", "p", PLACE)


def test_a_policy_of_the_cluster_has_no_namespace() -> None:
    found = read("cilium.io/v2", "CiliumClusterwideNetworkPolicy", metadata={"name": "p", "namespace": "x"})
    assert found is not None
    assert found.namespace == ""


@by_kind
@pytest.mark.parametrize(
    "spec",
    [5, [], "x"],
)
def test_a_policy_that_is_not_written_as_it_should_be_may_select_any_pod(kind: UnreadKind, spec: object) -> None:
    found = read(f"{kind.group}/v1", kind.name, spec=spec)
    assert found is not None
    if kind.name.startswith("Staged"):
        assert found.doubt is Doubt.INERT
    else:
        assert found.doubt is Doubt.SELECTION_UNKNOWN
        assert list(found.directions()) == ["Ingress", "Egress"]


def test_metadata_that_is_no_object_is_ignored() -> None:
    found = read("cilium.io/v2", "CiliumNetworkPolicy", metadata=5, spec={"endpointSelector": {}, "ingress": [{}]})
    assert found is not None
    assert (found.namespace, found.name) == ("default", "")
