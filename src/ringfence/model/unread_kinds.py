"""The kinds of policies that ringfence recognises and does not read: one row for each.

Several are called `NetworkPolicy` or `ClusterNetworkPolicy`, so a kind is found by its group and its name.
The version does not matter: what is read of these policies is the same in all versions.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ringfence.model.names import name_text
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.origin import Place
from ringfence.model.unread_policies import UnreadBounds, UnreadPolicy
from ringfence.model.unread_subjects import (
    Written,
    antrea_applied_to,
    calico_selectors,
    cilium_rules,
    egress_of_namespace,
    inert,
    istio_selector,
    like_network_policy,
    unbounded,
)


class UnreadKind(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table. `bounds` reads which pods a policy selects and in which directions.

    With `served_as`, the API group of that name serves the same objects. A kind that `only_denies` cannot allow what
    NetworkPolicies deny. One that is `only_outside` affects only connections with addresses outside the cluster.
    """

    group: str
    name: str
    plural: str
    bounds: Callable[[Written, str], UnreadBounds]
    is_namespaced: bool = True
    only_denies: bool = False
    only_outside: bool = False
    served_as: str = ""

    @property
    def key(self) -> str:
        """The name and the group, as kubectl names a custom resource."""
        return f"{self.name}.{self.group}"


def _cluster_scoped(group: str, name: str, plural: str, bounds: Callable[[Written, str], UnreadBounds]) -> UnreadKind:
    return UnreadKind(group=group, name=name, plural=plural, bounds=bounds, is_namespaced=False)


def _namespaced(group: str, name: str, plural: str, bounds: Callable[[Written, str], UnreadBounds]) -> UnreadKind:
    return UnreadKind(group=group, name=name, plural=plural, bounds=bounds)


def _of_calico(group: str, served_as: str = "") -> tuple[UnreadKind, ...]:
    """Calico's kinds, which its own API server and the custom resources behind it have in different groups."""
    kinds = (
        _namespaced(group, "NetworkPolicy", "networkpolicies", calico_selectors),
        _cluster_scoped(group, "GlobalNetworkPolicy", "globalnetworkpolicies", calico_selectors),
        _namespaced(group, "StagedNetworkPolicy", "stagednetworkpolicies", inert),
        _cluster_scoped(group, "StagedGlobalNetworkPolicy", "stagedglobalnetworkpolicies", inert),
        _namespaced(group, "StagedKubernetesNetworkPolicy", "stagedkubernetesnetworkpolicies", inert),
    )
    return tuple(msgspec.structs.replace(kind, served_as=served_as) for kind in kinds)


UNREAD_KINDS: Final = (
    _namespaced("networking.k8s.aws", "ApplicationNetworkPolicy", "applicationnetworkpolicies", like_network_policy),
    _namespaced("cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies", cilium_rules),
    _cluster_scoped("cilium.io", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", cilium_rules),
    *_of_calico("projectcalico.org"),
    *_of_calico("crd.projectcalico.org", served_as="projectcalico.org"),
    _namespaced("crd.antrea.io", "NetworkPolicy", "networkpolicies", antrea_applied_to),
    _cluster_scoped("crd.antrea.io", "ClusterNetworkPolicy", "clusternetworkpolicies", antrea_applied_to),
    UnreadKind(
        group="k8s.ovn.org",
        name="EgressFirewall",
        plural="egressfirewalls",
        bounds=egress_of_namespace,
        only_denies=True,
        only_outside=True,
    ),
    UnreadKind(
        group="network.openshift.io",
        name="EgressNetworkPolicy",
        plural="egressnetworkpolicies",
        bounds=egress_of_namespace,
        only_denies=True,
        only_outside=True,
    ),
    UnreadKind(
        group="security.istio.io",
        name="AuthorizationPolicy",
        plural="authorizationpolicies",
        bounds=istio_selector,
        only_denies=True,
    ),
    _namespaced("k8s.cni.cncf.io", "MultiNetworkPolicy", "multi-networkpolicies", like_network_policy),
    _namespaced("networking.gke.io", "FQDNNetworkPolicy", "fqdnnetworkpolicies", like_network_policy),
)
"""The table."""

_BY_KEY: Final = {kind.key: kind for kind in UNREAD_KINDS}


def unread_kind(key: str) -> UnreadKind | None:
    """The row with this key (`CiliumNetworkPolicy.cilium.io`); None if there is none."""
    return _BY_KEY.get(key)


def unread_kind_of(policy: Written) -> UnreadKind | None:
    """The row of a policy by its `apiVersion` and `kind`; None if there is none."""
    group = str(policy.get("apiVersion")).rpartition("/")[0]
    return unread_kind(f"{policy.get('kind')}.{group}")


def unread_policy(policy: Written, place: Place, own_namespace: str = DEFAULT_NAMESPACE) -> UnreadPolicy | None:
    """What bounds the doubt about a policy; None if its kind is not in the table.

    A policy that names no namespace is in `own_namespace`. One that is not written as its kind should be may select any
    pod of its scope.
    """
    kind = unread_kind_of(policy)
    if kind is None:
        return None
    metadata = policy.get("metadata")
    fields: Mapping[str, object] = metadata if isinstance(metadata, Mapping) else {}
    namespace = name_text(fields.get("namespace") or own_namespace) if kind.is_namespaced else ""
    try:
        bounds = kind.bounds(policy, namespace)
    # A policy that cannot be read is not a policy without effect: everything in its scope is in doubt.
    except ValueError:
        bounds = unbounded(namespace)
    return UnreadPolicy(
        kind.key,
        namespace,
        name_text(fields.get("name") or fields.get("generateName") or ""),
        place,
        bounds,
        kind.only_denies,
        kind.only_outside,
        _digest(policy),
    )


def _digest(policy: Written) -> str:
    """The digest of what its author wrote, in any order of fields; a server adds metadata and a status to it."""
    # hashlib loads OpenSSL, which takes 3 ms, and few clusters have policies of such kinds.
    from hashlib import blake2b

    written = {str(key): value for key, value in policy.items() if key not in ("metadata", "status")}
    return blake2b(msgspec.json.encode(written, enc_hook=str, order="deterministic"), digest_size=16).hexdigest()


def unlisted(kind: str, namespace: str, place: Place) -> UnreadPolicy:
    """The placeholder for policies of a kind that cannot be listed in a namespace, or in the cluster if it is empty."""
    return UnreadPolicy(kind, namespace, "", place, unbounded(namespace))


def unlisted_kind(kind: UnreadKind, namespace: str, place: Place) -> UnreadPolicy | None:
    """As `unlisted`, for a kind that is not read anyway. None if no policy of the kind changes anything."""
    if kind.bounds is inert:
        return None
    return msgspec.structs.replace(
        unlisted(kind.key, namespace, place), only_denies=kind.only_denies, only_outside=kind.only_outside
    )
