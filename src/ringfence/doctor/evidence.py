"""Whether a DaemonSet is what its name says: the evidence without which it never counts as a plugin that enforces.

A name shows nothing, for everybody may give it. Two things are needed. The images are those of the plugin. And an
administrator has put it there: it is in a namespace in which only administrators may create a DaemonSet, or its service
account has been given the right to watch, in all namespaces, what the plugin reads policies from. Where rights cannot
be read, an object of the whole cluster from which an operator installs the plugin into this namespace counts as well.

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
    """Why it is not certain that a DaemonSet is the plugin of a row; empty if the evidence is there."""
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
    """Whether the namespace is the one that an operator makes for a plugin which an administrator has it install."""
    return namespace == CALICO_NAMESPACE and CALICO_INSTALLATION in observed.operator_objects


def _may_watch(observed: Observed, resource: WatchedResource, daemon_set: DaemonSet) -> bool:
    """Whether the pods of a DaemonSet may watch a resource in all namespaces, as far as roles can be read."""
    return watchers(resource, observed.cluster_roles, observed.cluster_role_bindings).include(daemon_set)


def _is_reserved(observed: Observed, namespace: str) -> bool:
    """Whether only administrators may create a DaemonSet in a namespace.

    `kube-system` is there before anybody works in a cluster. OpenShift refuses the prefix `openshift-` to users.
    """
    is_openshift = any(_OPENSHIFT_NODE in node.metadata.labels for node in observed.nodes)
    return namespace == "kube-system" or (is_openshift and namespace.startswith("openshift-"))
