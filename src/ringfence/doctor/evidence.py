"""Checks the evidence that a DaemonSet is a known plugin. Without this evidence, it never counts as enforcing.

The name of a DaemonSet is not evidence, because any user who may create a DaemonSet can choose it. Two conditions must
be met:

- The DaemonSet has an image of the plugin.
- An administrator installed it: only administrators may create a DaemonSet in its namespace, or its service account may
  watch the resource from which the plugin reads policies, in all namespaces. If roles cannot be read, a cluster-scoped
  object from which an operator installs the plugin into this namespace is sufficient.

Sources: kubernetes.io, "Using RBAC Authorization", "Namespaces" (initial namespaces); docs.openshift.com, "Projects"
(`openshift-` is reserved); the manifests and charts of the plugins, for their rights.
"""

from typing import Final

from ringfence.doctor.objects import DaemonSet
from ringfence.doctor.observed import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Observed
from ringfence.doctor.rights import WatchedResource, watchers
from ringfence.doctor.signatures import CALICO_INSTALLATION, CALICO_NAMESPACE, Signature, has_image
from ringfence.plugins import named_plugin

_OPENSHIFT_NODE: Final = "node.openshift.io/os_id"
"""The label that every node of OpenShift has."""


def missing_evidence(observed: Observed, row: Signature, daemon_set: DaemonSet) -> str:
    """Why it is not certain that a DaemonSet is the plugin of a row; empty if the evidence is complete."""
    title = named_plugin(row.plugin).title
    if not has_image(row, daemon_set.containers()):
        images = ", ".join(one.image for one in daemon_set.containers())
        return f"it has no image of {title}: its images are {images or 'not given'}"
    namespace = daemon_set.metadata.namespace
    if _is_reserved(observed, namespace) or _may_watch(observed, row.watches, daemon_set):
        return ""
    elsewhere = f"it is in the namespace {namespace}, where others than administrators may have put it"
    if observed.is_unseen(CLUSTER_ROLES) or observed.is_unseen(CLUSTER_ROLE_BINDINGS):
        if _is_of_an_operator(observed, namespace):
            return ""
        return f"{elsewhere}, and the rights of its service account cannot be read"
    return f"{elsewhere}, and its service account may not watch {row.watches.title}"


def _is_of_an_operator(observed: Observed, namespace: str) -> bool:
    """Whether this is the namespace of Tigera's operator, and an administrator has created its Installation."""
    return namespace == CALICO_NAMESPACE and CALICO_INSTALLATION in observed.operator_objects


def _may_watch(observed: Observed, resource: WatchedResource, daemon_set: DaemonSet) -> bool:
    """Whether the roles that can be read permit the pods of a DaemonSet to watch a resource in all namespaces."""
    return watchers(resource, observed.cluster_roles, observed.cluster_role_bindings).include(daemon_set)


def _is_reserved(observed: Observed, namespace: str) -> bool:
    """Whether only administrators may create a DaemonSet in a namespace.

    `kube-system` exists before users work in a cluster. OpenShift does not permit users to create namespaces with the
    prefix `openshift-`.
    """
    is_openshift = any(_OPENSHIFT_NODE in node.metadata.labels for node in observed.nodes)
    return namespace == "kube-system" or (is_openshift and namespace.startswith("openshift-"))
