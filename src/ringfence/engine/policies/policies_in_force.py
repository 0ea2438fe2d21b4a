"""The policies in force, of all kinds: as they are enforced, and as a question of "what if" changes them for a time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ringfence.engine.policies.cluster_policies_in_force import ClusterPoliciesInForce
from ringfence.engine.policies.network_policies import NetworkPolicyTier, compile_policy, network_policy_tier
from ringfence.engine.policies.network_policies_in_force import NetworkPoliciesInForce
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.rules import CompiledPolicy
from ringfence.engine.policies.selection import Selections
from ringfence.engine.policies.tiers import Tiers
from ringfence.engine.population import Identity, Nodes, Population, addresses_of
from ringfence.model.cluster_policies import ClusterPolicy, PolicyTier
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.objects import NetworkPolicy, Node, Policy
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.plugins import NOT_IN_POLICIES, Traits
from ringfence.sets.addresses import Addresses

_Key = tuple[str, str, str]
"""The key of a kind, the namespace, which is empty for kinds without one, and the name."""


class PoliciesInForce:
    """All policies in force, in tiers. What they say about nodes is kept up to date with the nodes that there are."""

    def __init__(
        self, population: Population, selections: Selections, nodes: Nodes, most_divided: int | None = None
    ) -> None:
        """`most_divided` limits what NetworkPolicies say about nodes (`NetworkPoliciesInForce`)."""
        self._population = population
        self._selections = selections
        self._network_policies = network_policy_tier(population, selections)
        self._cluster_policies = ClusterPoliciesInForce(population, selections, nodes.addresses_matching)
        # A new kind of policy is added here.
        admin, baseline = map(self._cluster_policies.tier, (PolicyTier.ADMIN, PolicyTier.BASELINE))
        # network-policy-api, "Evaluation order": Admin, then NetworkPolicy, then Baseline.
        self._tiers = Tiers(population, selections, (admin, self._network_policies, baseline))
        self._in_force = NetworkPoliciesInForce(self._network_policies, most_divided, nodes.all_addresses)

    # --- policies in and out ----------------------------------------------------------------------------------------

    def upsert(self, policy: Policy, origin: Origin | None = None) -> None:
        """Put a policy in force, which is valid and has its defaults, in place of the one of its kind and name.

        `origin` is where it was read.
        """
        if isinstance(policy, NetworkPolicy):
            self._in_force.upsert(compile_policy(policy, origin))
        else:
            self._cluster_policies.upsert(policy, origin)

    def put(self, compiled: CompiledPolicy[Any]) -> None:
        """Put a policy in force that was compiled without nodes (`compile_policy`, `compile_without_nodes`)."""
        if isinstance(compiled.policy, NetworkPolicy):
            self._in_force.upsert(compiled)
        else:
            self._cluster_policies.put(compiled)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Remove a policy, if it is in force; `kind` is the key of its kind."""
        if kind == "NetworkPolicy":
            self._in_force.remove(namespace, name)
        else:
            self._cluster_policies.remove(kind, name)

    def replace_node(self, name: str, before: Node | None, node: Node | None) -> None:
        """Note that a node was added, changed, or is gone (None): policies then mean the nodes that there are."""
        self._in_force.replace_node(name, node)
        # Labels and addresses are all that policies read; heartbeats change neither.
        if _as_peer(before) != _as_peer(node):
            self._cluster_policies.nodes_changed()

    def settle(self) -> None:
        """Apply the changes of nodes to the policies. What reads the population or the tiers must do so first."""
        self._in_force.settle()
        self._cluster_policies.settle()

    # --- which there are --------------------------------------------------------------------------------------------

    @property
    def tiers(self) -> Tiers:
        """All policies in force, in order of evaluation."""
        self.settle()
        return self._tiers

    @property
    def network_policies(self) -> NetworkPolicyTier:
        """The NetworkPolicies in force."""
        self.settle()
        return self._network_policies

    def cluster_policies(self, tier: PolicyTier) -> list[CompiledPolicy[ClusterPolicy]]:
        """The administrators' policies of a tier, in the order in which they are evaluated."""
        self._cluster_policies.settle()
        return sorted(self._cluster_policies.tier(tier).policies(""), key=lambda policy: policy.order)

    def find(self, kind: str, namespace: str, name: str) -> CompiledPolicy[Any] | None:
        """The policy in force with this key of a kind and this name, as it is enforced."""
        if kind == "NetworkPolicy":
            return self._network_policies.policy(kind, namespace, name)
        return self._cluster_policies.in_force(kind, name)

    def present(self, policy: Policy) -> CompiledPolicy[Any] | None:
        """The policy in force that has the kind and the name of this one."""
        return self.find(*_key_of(policy))

    def compiled(self, policy: Policy) -> CompiledPolicy[Any]:
        """A policy as it would be in force."""
        if isinstance(policy, NetworkPolicy):
            return self._in_force.with_nodes(compile_policy(policy))
        return self._cluster_policies.compile(policy)

    @property
    def node_peers(self) -> NodePeers:
        """The nodes with several addresses of one family, all of which an ipBlock for sources means or none."""
        return self._in_force.nodes

    @property
    def admitting_no_blocks(self) -> frozenset[tuple[str, str]]:
        """The NetworkPolicies, by namespace and name, that are beyond the limit: their ipBlocks admit nobody."""
        self._in_force.settle()
        return frozenset(self._in_force.admitting_no_blocks)

    # --- as a network plugin enforces them --------------------------------------------------------------------------

    @property
    def traits(self) -> Traits:
        """How policies are enforced; by default as upstream means them."""
        return self._in_force.traits

    def enforce(self, traits: Traits) -> None:
        """Evaluate all policies, present and future, as a network plugin with these traits enforces them."""
        self._in_force.enforce(traits)
        self._cluster_policies.enforce(traits)

    @contextmanager
    def enforcing(self, traits: Traits) -> Iterator[None]:
        """Until the context ends, evaluate policies as a network plugin with these traits enforces them."""
        before = self.traits
        self.enforce(traits)
        try:
            yield
        finally:
            self.enforce(before)

    def means_the_same(self, traits: Traits) -> bool:
        """Whether every question has the same answer with these traits, because every policy means the same."""
        apart = [name for name in NOT_IN_POLICIES if getattr(traits, name) != getattr(self.traits, name)]
        # Cluster policies are not compared rule by rule: to say "differs" only costs a trial, to say "same" wrongly
        # would cost the answer.
        return not apart and not self._cluster_policies.has_any and self._in_force.means_the_same(traits)

    def changed_rules(self, traits: Traits) -> Iterator[tuple[CompiledPolicy[NetworkPolicy], Direction, int | None]]:
        """The rules of NetworkPolicies that mean something else with these traits.

        Without an index, it is a direction of a policy as a whole (`NetworkPoliciesInForce.changed_rules`). Policies
        that select no pod for which a trait counts are left out.
        """
        self.settle()
        for policy, direction, index in self._in_force.changed_rules(traits):
            subjects = self._selections.pods(policy.subject)
            if traits.standalone_pods or index is not None or subjects & self._population.standalone:
                yield policy, direction, index

    # --- what if ----------------------------------------------------------------------------------------------------

    @contextmanager
    def supposing(self) -> "Iterator[Supposition]":
        """Yield a `Supposition` that changes policies until the context ends, to answer "what if".

        Afterwards everything is as before.
        """
        supposition = Supposition(self)
        try:
            yield supposition
        finally:
            supposition.undo()

    @contextmanager
    def telling_apart(self, policies: Iterable[Policy]) -> Iterator[frozenset[Identity]]:
        """Until the context ends, pods that these policies would distinguish have different identities.

        What holds before and after the policies are put in force is then about the same identities. The same goes for
        the policies in force that they would replace. Yields the identities that any of them selects.
        """
        self.settle()
        compiled = [one for policy in policies for one in (self.compiled(policy), self.present(policy)) if one]
        for one in compiled:
            self._population.start_reading(one.read_facts)
            self._population.start_reading_blocks(one.blocks)
        try:
            subjects = self._selections.union(one.subject for one in compiled)
            yield frozenset(self._population.identities(subjects))
        finally:
            for one in compiled:
                self._population.stop_reading(one.read_facts)
                self._population.stop_reading_blocks(one.blocks)

    def as_put(self, kind: str, namespace: str, name: str) -> CompiledPolicy[Any] | None:
        """The policy in force with this key of a kind and this name, in the form that `put` takes."""
        if kind == "NetworkPolicy":
            return self._in_force.compiled(namespace, name)
        return self._cluster_policies.compiled(kind, name)


class Supposition:
    """Changes of policies that `undo` reverses, whatever was in force before."""

    def __init__(self, policies: PoliciesInForce) -> None:
        self._policies = policies
        self._before: dict[_Key, CompiledPolicy[Any] | None] = {}
        """What was in force, by the key of each policy that was changed; None if there was no such policy."""

    def __call__(self, policy: Policy, origin: Origin | None = None) -> None:
        """Put a policy in force, in place of the one of its kind and name.

        Without an `origin` of its own it keeps the place in the input of that one.
        """
        present = self._remember(_key_of(policy))
        if origin is None and present:
            origin = present.origin
        self._policies.upsert(policy, origin)

    def without(self, policy: Policy) -> None:
        """Remove the policy of the kind and name of this one."""
        key = _key_of(policy)
        self._remember(key)
        self._policies.remove(*key)

    def undo(self) -> None:
        """Put in force what was in force before the changes, and remove what they added."""
        for key, before in self._before.items():
            if before:
                self._policies.put(before)
            else:
                self._policies.remove(*key)
        self._before.clear()

    def _remember(self, key: _Key) -> CompiledPolicy[Any] | None:
        """Note what is in force under a key, the first time that it changes; returns it as it is now."""
        present = self._policies.as_put(*key)
        # Only the state before the first change counts, however often the policy is changed.
        self._before.setdefault(key, present)
        return present


def _key_of(policy: Policy) -> _Key:
    return kind_of(policy), namespace_of(policy), policy.metadata.name


def _as_peer(node: Node | None) -> tuple[Labels, Addresses] | None:
    """What administrators' policies read about a node."""
    return (node.metadata.labels or NO_LABELS, addresses_of(node)) if node else None
