"""Finds the service accounts and groups that may watch a resource in all namespaces.

A program that enforces NetworkPolicies must watch them, so this also finds unknown plugins. It is not proof, because
monitoring and GitOps tools watch policies too.

Source: kubernetes.io, "Using RBAC Authorization".
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ringfence.doctor.objects import ClusterRole, ClusterRoleBinding, DaemonSet, PolicyRule


class WatchedResource(msgspec.Struct, frozen=True):
    """A resource of the API: its group and its plural name."""

    group: str
    name: str

    @property
    def title(self) -> str:
        """Its name in RBAC and in messages, such as `networkpolicies.networking.k8s.io`."""
        return f"{self.name}.{self.group}"


NETWORK_POLICIES: Final = WatchedResource("networking.k8s.io", "networkpolicies")


class Watchers(msgspec.Struct, frozen=True):
    """The service accounts, by namespace and name, and the groups that may watch a resource in all namespaces."""

    accounts: frozenset[tuple[str, str]]
    groups: frozenset[str]

    def include(self, daemon_set: DaemonSet) -> bool:
        """Whether the pods of a DaemonSet may watch the resource."""
        account = daemon_set.service_account
        return account in self.accounts or not self.groups.isdisjoint(_groups_of(account))


def watchers(
    resource: WatchedResource, roles: Iterable[ClusterRole], bindings: Iterable[ClusterRoleBinding]
) -> Watchers:
    """The service accounts and groups that may watch a resource in all namespaces."""
    watching = {role.metadata.name for role in roles if any(_allows(rule, resource) for rule in role.rules or ())}
    # A ClusterRoleBinding can refer only to a ClusterRole, so the name is enough.
    bound = [binding for binding in bindings if binding.role_ref.name in watching]
    return Watchers(
        frozenset(account for binding in bound for account in _accounts(binding)),
        frozenset(one.name for binding in bound for one in binding.subjects or () if one.kind == "Group"),
    )


def _allows(rule: PolicyRule, resource: WatchedResource) -> bool:
    """Whether a rule permits watching all objects of a resource. A rule with resourceNames permits only some."""
    wanted = ((rule.api_groups, resource.group), (rule.resources, resource.name), (rule.verbs, "watch"))
    return not rule.resource_names and all("*" in listed or name in listed for listed, name in wanted)


def _accounts(binding: ClusterRoleBinding) -> Iterator[tuple[str, str]]:
    for subject in binding.subjects or ():
        if subject.kind == "ServiceAccount":
            yield subject.namespace, subject.name
        elif subject.kind == "User" and subject.name.startswith("system:serviceaccount:"):
            # The added part is the name if the text ends after the namespace.
            _, _, namespace, name, *_ = [*subject.name.split(":"), ""]
            yield namespace, name


def _groups_of(account: tuple[str, str]) -> tuple[str, ...]:
    """The groups of a service account, except those that contain all service accounts.

    A role for all service accounts does not distinguish a plugin from other programs.
    """
    return (f"system:serviceaccounts:{account[0]}",)
