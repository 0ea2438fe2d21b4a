"""The administrators' policies in force, in two tiers, evaluated with the nodes that exist now."""

from ringfence.engine.policies.cluster_policies import ClusterPolicyTier, cluster_policy_tier, compile_cluster_policy
from ringfence.engine.policies.enforced import AsEnforced
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.rules import CompiledPolicy
from ringfence.engine.policies.selection import Selections
from ringfence.engine.policies.tier import AddressesOfNodes
from ringfence.engine.population import Population
from ringfence.model.cluster_policies import ClusterPolicy, PolicyTier
from ringfence.model.cluster_rules import reads_nodes, tier_of
from ringfence.model.origin import Origin
from ringfence.model.selectors import EVERYTHING
from ringfence.plugins import UPSTREAM, Traits
from ringfence.sets.addresses import Addresses

_Compiled = CompiledPolicy[ClusterPolicy]


class ClusterPoliciesInForce:
    """Puts policies into the tier that they name, and keeps what they say about nodes up to date."""

    def __init__(self, population: Population, selections: Selections, addresses_of_nodes: AddressesOfNodes) -> None:
        self._addresses_of_nodes = addresses_of_nodes
        self._as_enforced = self._enforcing(UPSTREAM)
        self._tiers = {tier: cluster_policy_tier(tier, population, selections) for tier in PolicyTier}
        self._naming_nodes: dict[tuple[str, str], _Compiled] = {}
        """The policies that mean something else when nodes change, by kind and name."""

    def _enforcing(self, traits: Traits) -> AsEnforced:
        return AsEnforced(traits, self._addresses_of_all, NodePeers())

    def _addresses_of_all(self) -> Addresses:
        return self._addresses_of_nodes(EVERYTHING)

    @property
    def has_any(self) -> bool:
        """Whether any policy is in force."""
        return any(tier.all_policies() for tier in self._tiers.values())

    def enforce(self, traits: Traits) -> None:
        """Evaluate policies as a network plugin with these traits enforces them."""
        self._as_enforced = self._enforcing(traits)
        for policy in [one for tier in self._tiers.values() for one in tier.all_policies()]:
            self.upsert(policy.policy, policy.origin)

    def tier(self, tier: PolicyTier) -> ClusterPolicyTier:
        """One of the two tiers."""
        return self._tiers[tier]

    def upsert(self, policy: ClusterPolicy, origin: Origin | None) -> None:
        """Put a valid policy in force, in place of the one of its kind and name, which may be in the other tier."""
        self.put(self.compile(policy, origin))

    def compile(self, policy: ClusterPolicy, origin: Origin | None = None) -> _Compiled:
        """A valid policy, compiled with the nodes that exist now; it is not put in force."""
        return self._as_enforced(compile_cluster_policy(policy, self._addresses_of_nodes, origin))

    def put(self, compiled: _Compiled) -> None:
        """Put a compiled policy in force, as `upsert`."""
        policy = compiled.policy
        chosen = self._tiers[tier_of(policy)]
        chosen.upsert(compiled)
        self._naming_nodes.pop((compiled.kind, compiled.name), None)
        if reads_nodes(policy):
            self._naming_nodes[compiled.kind, compiled.name] = compiled
        for tier in self._tiers.values():
            # `spec.tier` of a ClusterNetworkPolicy can change: without this, the old form would stay in force in the
            # other tier.
            if tier is not chosen:
                tier.remove(compiled.kind, "", compiled.name)

    def remove(self, kind: str, name: str) -> None:
        """Remove a policy, if it is in force; `kind` is the key of its kind."""
        self._naming_nodes.pop((kind, name), None)
        for tier in self._tiers.values():
            tier.remove(kind, "", name)

    def compiled(self, kind: str, name: str) -> _Compiled | None:
        """The policy of a kind and name, if there is one in either tier."""
        found = (tier.policy(kind, "", name) for tier in self._tiers.values())
        return next((policy for policy in found if policy is not None), None)

    def nodes_changed(self) -> None:
        """Compile the policies that read nodes again, with the nodes that exist now."""
        if self._as_enforced.depends_on_nodes:
            self.enforce(self._as_enforced.traits)
            return
        # A copy, because `upsert` changes the dict.
        for policy in list(self._naming_nodes.values()):
            self.upsert(policy.policy, policy.origin)
