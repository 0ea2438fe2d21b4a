"""Suppositions: policies that are put in force, or taken out of it, for as long as a question of "what if" takes."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ringfence.engine.policies import (
    ClusterPoliciesInForce,
    CompiledPolicy,
    PoliciesInForce,
    compile_policy,
)
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.origin import Origin

_Key = tuple[str, str, str]
"""The key of the kind, the namespace and the name."""


class Supposition:
    """Changes of policies that `undo` takes back, whatever was in force before."""

    def __init__(self, in_force: PoliciesInForce, cluster_policies: ClusterPoliciesInForce) -> None:
        self._in_force = in_force
        self._cluster_policies = cluster_policies
        self._before: dict[_Key, Callable[[], None]] = {}
        """How each policy that was changed becomes what it was."""

    def __call__(self, policy: Policy, origin: Origin | None = None) -> None:
        """Put a policy in force, in place of the one of its kind and name.

        Without an `origin` of its own it keeps the place in the input of that one.
        """
        key = kind_of(policy), namespace_of(policy), policy.metadata.name
        present = self._remember(key)
        if origin is None and present:
            origin = present.origin
        if isinstance(policy, NetworkPolicy):
            self._in_force.upsert(compile_policy(policy, origin))
        else:
            self._cluster_policies.upsert(policy, origin)

    def without(self, policy: Policy) -> None:
        """Remove the policy of the kind and name of this one."""
        key = kind_of(policy), namespace_of(policy), policy.metadata.name
        self._remember(key)
        self._remove(key)

    def undo(self) -> None:
        """Make everything as it was."""
        for restore in self._before.values():
            restore()
        self._before.clear()

    def _remember(self, key: _Key) -> CompiledPolicy[Any] | None:
        """Note what is in force under a key, the first time that it changes; returns it as it is now."""
        kind, namespace, name = key
        if kind == "NetworkPolicy":
            policy = self._in_force.compiled(namespace, name)
            restore = partial(self._in_force.upsert, policy) if policy else partial(self._remove, key)
            self._before.setdefault(key, restore)
            return policy
        cluster_policy = self._cluster_policies.compiled(kind, name)
        restore = partial(self._cluster_policies.put, cluster_policy) if cluster_policy else partial(self._remove, key)
        self._before.setdefault(key, restore)
        return cluster_policy

    def _remove(self, key: _Key) -> None:
        kind, namespace, name = key
        if kind == "NetworkPolicy":
            self._in_force.remove(namespace, name)
        else:
            self._cluster_policies.remove(kind, name)
