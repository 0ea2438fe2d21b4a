"""The DaemonSets that may watch NetworkPolicies: whatever enforces policies must.

This finds plugins that nobody has heard of, too. It proves nothing: monitoring and GitOps tools watch policies as well.

Source: kubernetes.io, "Using RBAC Authorization".
"""

from collections.abc import Iterable, Iterator

from ringfence.doctor.objects import ClusterRole, ClusterRoleBinding, DaemonSet, PolicyRule

_GROUP = "networking.k8s.io"
_RESOURCE = "networkpolicies"


def may_watch_policies(
    daemon_sets: Iterable[DaemonSet], roles: Iterable[ClusterRole], bindings: Iterable[ClusterRoleBinding]
) -> list[DaemonSet]:
    """The DaemonSets whose service account may watch the NetworkPolicies of all namespaces, in the order given."""
    watching = {role.metadata.name for role in roles if any(map(_allows, role.rules or ()))}
    bound = [binding for binding in bindings if binding.role_ref.name in watching]
    accounts = {account for binding in bound for account in _accounts(binding)}
    groups = {subject.name for binding in bound for subject in binding.subjects or () if subject.kind == "Group"}
    return [
        one for one in daemon_sets if one.service_account in accounts or groups & set(_groups_of(one.service_account))
    ]


def _allows(rule: PolicyRule) -> bool:
    return all(
        "*" in listed or wanted in listed
        for listed, wanted in ((rule.api_groups, _GROUP), (rule.resources, _RESOURCE), (rule.verbs, "watch"))
    )


def _accounts(binding: ClusterRoleBinding) -> Iterator[tuple[str, str]]:
    for subject in binding.subjects or ():
        if subject.kind == "ServiceAccount":
            yield subject.namespace, subject.name
        elif subject.kind == "User" and subject.name.startswith("system:serviceaccount:"):
            _, _, namespace, name, *_ = [*subject.name.split(":"), ""]
            yield namespace, name


def _groups_of(account: tuple[str, str]) -> tuple[str, ...]:
    """The groups of a service account, without those of everybody: a role for everybody says nothing."""
    return (f"system:serviceaccounts:{account[0]}",)
