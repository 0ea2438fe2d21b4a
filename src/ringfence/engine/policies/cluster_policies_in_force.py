"""The administrators' policies in force, in two tiers, evaluated with the nodes that exist now."""

from ringfence.engine.policies.cluster_policies import (
    ClusterPolicyTier,
    cluster_policy_tier,
    compile_without_nodes,
    with_nodes,
)
from ringfence.engine.policies.enforced import AsEnforced
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.rules import CompiledPolicy
from ringfence.engine.policies.selection import Selections
from ringfence.engine.policies.tier import AddressesOfNodes
from ringfence.engine.population import Block, Population
from ringfence.model.cluster_policies import ClusterPolicy, PolicyTier
from ringfence.model.cluster_rules import tier_of
from ringfence.model.origin import Origin
from ringfence.model.selectors import EVERYTHING
from ringfence.plugins import UPSTREAM, Traits
from ringfence.sets.addresses import Addresses
from ringfence.steps import finish

_Compiled = CompiledPolicy[ClusterPolicy]


class ClusterPoliciesInForce:
    """Puts policies into the tier that they name, and keeps what they say about nodes up to date."""

    def __init__(self, population: Population, selections: Selections, addresses_of_nodes: AddressesOfNodes) -> None:
        self._addresses_of_nodes = addresses_of_nodes
        self._as_enforced = self._enforcing(UPSTREAM)
        self._tiers = {tier: cluster_policy_tier(tier, population, selections) for tier in PolicyTier}
        self._compiled: dict[tuple[str, str], _Compiled] = {}
        """The policies in force as they were compiled without nodes, by kind and name."""
        self._naming_nodes: set[tuple[str, str]] = set()
        """Those that mean something else when nodes change."""
        self._have_nodes_changed = False

    def _enforcing(self, traits: Traits) -> AsEnforced:
        return AsEnforced(traits, self._addresses_of_all, NodePeers())

    def _addresses_of_all(self) -> Addresses:
        return self._addresses_of_nodes(EVERYTHING)

    @property
    def has_any(self) -> bool:
        """Whether any policy is in force."""
        return bool(self._compiled)

    def enforce(self, traits: Traits) -> None:
        """Evaluate policies as a network plugin with these traits enforces them."""
        self._as_enforced = self._enforcing(traits)
        for compiled in list(self._compiled.values()):
            self.put(compiled)

    def tier(self, tier: PolicyTier) -> ClusterPolicyTier:
        """One of the two tiers. Changes of nodes are in force only after `settle`."""
        return self._tiers[tier]

    def upsert(self, policy: ClusterPolicy, origin: Origin | None) -> None:
        """Put a valid policy in force, in place of the one of its kind and name, which may be in the other tier."""
        self.put(finish(compile_without_nodes(policy, origin)))

    def compile(self, policy: ClusterPolicy, origin: Origin | None = None) -> _Compiled:
        """A valid policy, compiled with the nodes that exist now; it is not put in force."""
        return self._with_nodes(finish(compile_without_nodes(policy, origin)))

    def put(self, compiled: _Compiled) -> None:
        """Put a policy in force that was compiled without nodes, as `upsert`."""
        key = compiled.kind, compiled.name
        chosen = self._tiers[tier_of(compiled.policy)]
        chosen.upsert(self._with_nodes(compiled))
        self._compiled[key] = compiled
        self._naming_nodes.discard(key)
        if any(rule.nodes for rule in compiled.all_rules()):
            self._naming_nodes.add(key)
        for tier in self._tiers.values():
            # `spec.tier` of a ClusterNetworkPolicy can change: without this, the old form would stay in force in the
            # other tier.
            if tier is not chosen:
                tier.remove(compiled.kind, "", compiled.name)

    def _with_nodes(self, compiled: _Compiled) -> _Compiled:
        return self._as_enforced(with_nodes(compiled, self._addresses_of_nodes))

    def remove(self, kind: str, name: str) -> None:
        """Remove a policy, if it is in force; `kind` is the key of its kind."""
        self._compiled.pop((kind, name), None)
        self._naming_nodes.discard((kind, name))
        for tier in self._tiers.values():
            tier.remove(kind, "", name)

    def in_force(self, kind: str, name: str) -> _Compiled | None:
        """The policy of a kind and name as it is enforced, if there is one in either tier."""
        self.settle()
        found = (tier.policy(kind, "", name) for tier in self._tiers.values())
        return next((policy for policy in found if policy is not None), None)

    def compiled(self, kind: str, name: str) -> _Compiled | None:
        """The policy of a kind and name as it was compiled without nodes, if it is in force."""
        return self._compiled.get((kind, name))

    def nodes_changed(self) -> None:
        """Note that nodes have changed. When there are many, policies are compiled once after all of them."""
        self._have_nodes_changed = True

    def settle(self) -> None:
        """Give the policies that read nodes those that exist now."""
        if not self._have_nodes_changed:
            return
        self._have_nodes_changed = False
        if self._as_enforced.depends_on_nodes:
            self.enforce(self._as_enforced.traits)
            return
        for kind, name in sorted(self._naming_nodes):
            compiled, present = self._compiled[kind, name], self.in_force(kind, name)
            if present is None or _blocks_of(present) != _blocks_of(self._with_nodes(compiled)):
                self.put(compiled)


def _blocks_of(policy: _Compiled) -> list[Block | None]:
    return [rule.peers.block for rule in policy.all_rules()]
