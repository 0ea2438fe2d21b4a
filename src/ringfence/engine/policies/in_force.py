"""NetworkPolicies in force, as they are meant with the nodes that there are.

What an ipBlock means for sources depends on the addresses of nodes (`node_peers`). When nodes change, only the policies
whose blocks contain some of the changed addresses are looked at, once, before anything is asked again.
"""

import msgspec

from ringfence.engine.policies.network_policies import NetworkPolicyTier, source_blocks
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.rules import CompiledPolicy
from ringfence.model.objects import NetworkPolicy, Node
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses

_Name = tuple[str, str]
_Compiled = CompiledPolicy[NetworkPolicy]


class PoliciesInForce:
    """Puts policies into a tier, and keeps what they say about nodes up to date."""

    def __init__(self, tier: NetworkPolicyTier) -> None:
        self.nodes = NodePeers()
        self._tier = tier
        self._naming_sources: dict[_Name, _Compiled] = {}
        """The policies with ipBlocks for sources, as they were compiled without knowing any node."""
        self._changed: list[Addresses] = []
        """The addresses of nodes that have changed since policies were looked at."""

    def upsert(self, policy: _Compiled) -> None:
        """Put a policy in force, which was compiled without knowing any node."""
        name = (policy.namespace, policy.name)
        self._naming_sources.pop(name, None)
        if policy.blocks and any(rule.peers.block for rule in policy.rules.get(Direction.INGRESS, ())):
            self._naming_sources[name] = policy
        self._tier.upsert(self.with_nodes(policy))

    def remove(self, namespace: str, name: str) -> None:
        """Remove a policy, if it is in force."""
        self._naming_sources.pop((namespace, name), None)
        self._tier.remove("NetworkPolicy", namespace, name)

    def compiled(self, namespace: str, name: str) -> _Compiled | None:
        """The policy of a name as it was put in force, if there is one."""
        return self._naming_sources.get((namespace, name)) or self._tier.policy("NetworkPolicy", namespace, name)

    def replace_node(self, name: str, node: Node | None) -> None:
        """Note a node, or that it is gone."""
        if changed := self.nodes.replace(name, node):
            self._changed.append(changed)

    def settle(self) -> None:
        """Have policies mean the nodes that there are now."""
        if not self._changed:
            return
        changed, self._changed = Addresses.union_of(self._changed), []
        for policy in list(self._naming_sources.values()):
            rules = policy.rules[Direction.INGRESS]
            if any(rule.peers.block and rule.peers.block.addresses & changed for rule in rules):
                self._tier.upsert(self.with_nodes(policy))

    def with_nodes(self, policy: _Compiled) -> _Compiled:
        """A policy that was compiled without knowing any node, as it is meant."""
        if not self.nodes:
            return policy
        rules = policy.rules.get(Direction.INGRESS, ())
        blocks = {
            rule.index: source_blocks(policy.policy, rule, self.nodes)
            for rule in rules
            if rule.peers.block and self.nodes.are_in(rule.peers.block.addresses)
        }
        if all(blocks[rule.index] == rule.peers.block for rule in rules if rule.index in blocks):
            return policy
        replace = msgspec.structs.replace
        meant = tuple(
            replace(rule, peers=replace(rule.peers, block=blocks[rule.index])) if rule.index in blocks else rule
            for rule in rules
        )
        return replace(policy, rules={**policy.rules, Direction.INGRESS: meant})
