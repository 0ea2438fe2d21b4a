"""NetworkPolicies in force, evaluated with the nodes that exist now.

What an ipBlock means for sources depends on the addresses of nodes (`node_peers`). When nodes change, only the policies
whose blocks contain some of the changed addresses are compiled again, once, before the next question.

A block that contains some addresses of a node and not others is compiled to an address more or less for each such node.
Thousands of such blocks in a cluster of thousands of nodes would take the product of both in time and memory. An agent
limits that for each namespace; answers have no limit.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from ringfence.engine.policies.enforced import AsEnforced
from ringfence.engine.policies.network_policies import NetworkPolicyTier, written_blocks
from ringfence.engine.policies.node_peers import NodePeers, block_of_sources
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule
from ringfence.engine.population import Block
from ringfence.model.objects import IPBlock, NetworkPolicy, Node
from ringfence.model.policies import Direction
from ringfence.plugins import UPSTREAM, Traits
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

MOST_DIVIDED: Final = 50_000
"""The limit of an agent: nodes that blocks of a namespace divide, counted for each block. They take 10 MB."""

_ENFORCERS: Final = 64
"""The number of traits whose compiled policies are cached: a plugin is compared with each of its traits changed."""

_Name = tuple[str, str]
_Compiled = CompiledPolicy[NetworkPolicy]


class NetworkPoliciesInForce:
    """Puts policies into a tier, and keeps what they say about nodes up to date."""

    def __init__(
        self,
        tier: NetworkPolicyTier,
        most_divided: int | None = None,
        addresses_of_all_nodes: Callable[[], Addresses] = lambda: NO_ADDRESSES,
    ) -> None:
        """With `most_divided`, policies whose blocks divide more nodes than that in a namespace admit no blocks."""
        self.nodes = NodePeers()
        self._addresses_of_all_nodes = addresses_of_all_nodes
        self._as_enforced = AsEnforced(UPSTREAM, addresses_of_all_nodes, self.nodes)
        self._enforcers = {UPSTREAM: self._as_enforced}
        self._compiled: dict[_Name, _Compiled] = {}
        """The policies as they were compiled, if the plugin enforces them in another way."""
        self._most_divided = most_divided
        self._divided: dict[_Name, int] = {}
        self._divided_in: Counter[str] = Counter()
        self.admitting_no_blocks: set[_Name] = set()
        """The policies that admit no blocks, because these divide too many nodes."""
        self._tier = tier
        self._naming_sources: dict[_Name, _Compiled] = {}
        """The policies with ipBlocks for sources, as they were compiled without knowing any node."""
        self._changed: list[Addresses] = []
        """The addresses of nodes that have changed since policies were looked at."""

    def upsert(self, policy: _Compiled) -> None:
        """Put a policy in force, which was compiled without knowing any node."""
        name = (policy.namespace, policy.name)
        self._naming_sources.pop(name, None)
        self._compiled.pop(name, None)
        # Egress blocks mean what is written, so only ingress blocks are compiled again when nodes change.
        if policy.blocks and any(rule.peers.block for rule in policy.rules.get(Direction.INGRESS, ())):
            self._naming_sources[name] = policy
        self._put_in_force(policy)
        self._try_again(policy.namespace)

    def remove(self, namespace: str, name: str) -> None:
        """Remove a policy, if it is in force."""
        self._naming_sources.pop((namespace, name), None)
        self._compiled.pop((namespace, name), None)
        self._note_divided((namespace, name), 0)
        self._tier.remove("NetworkPolicy", namespace, name)
        self._try_again(namespace)

    def compiled(self, namespace: str, name: str) -> _Compiled | None:
        """The policy of a name as it was put in force, if there is one."""
        key = namespace, name
        found = self._naming_sources.get(key) or self._compiled.get(key)
        # A policy that nodes and traits leave unchanged is kept once, in the tier.
        return found or self._tier.policy("NetworkPolicy", namespace, name)

    def enforce(self, traits: Traits) -> None:
        """Evaluate policies as a network plugin with these traits enforces them."""
        compiled = self._all_compiled()
        self._as_enforced = self._enforcer(traits)
        for policy in compiled:
            self._put_in_force(policy)

    def means_the_same(self, traits: Traits) -> bool:
        """Whether every policy would be in force as it is with other traits."""
        present, other = self._as_enforced, self._enforcer(traits)
        policies = self._all_compiled()
        try:
            self._as_enforced = other
            return all(
                meant is one or _equal(meant, one)
                for policy in policies
                if (one := self._tier.policy(policy.kind, policy.namespace, policy.name))
                and (meant := self.with_nodes(policy))
            )
        finally:
            self._as_enforced = present

    def changed_rules(self, traits: Traits) -> Iterator[tuple[_Compiled, Direction, int | None]]:
        """The rules that mean something else with other traits; without an index, a direction of a policy as a whole.

        A policy to which a rule would be added changes as a whole.
        """
        enforcer = self._enforcer(traits)
        for policy in self._all_compiled():
            present = self.with_nodes(policy)
            other = enforcer(present)
            for direction, rules in present.rules.items():
                added = len(other.rules.get(direction, ())) - len(rules)
                if direction not in other.rules or other.subject != present.subject or added:
                    yield policy, direction, None
                elif other is not present:
                    changed = zip(rules, other.rules[direction], strict=False)
                    yield from ((policy, direction, one.index) for one, new in changed if not _equal_rules(one, new))

    def _all_compiled(self) -> list[_Compiled]:
        names = [(one.namespace, one.name) for one in self._tier.all_policies()]
        return [one for name in names if (one := self.compiled(*name))]

    def _enforcer(self, traits: Traits) -> AsEnforced:
        """The object that changes policies as these traits demand; it is cached with its results."""
        if traits not in self._enforcers:
            if len(self._enforcers) > _ENFORCERS:
                # Upstream's is kept: answers return to it after every trial.
                self._enforcers = {UPSTREAM: self._enforcers[UPSTREAM]}
            self._enforcers[traits] = AsEnforced(traits, self._addresses_of_all_nodes, self.nodes)
        return self._enforcers[traits]

    @property
    def traits(self) -> Traits:
        """The traits with which policies are in force."""
        return self._as_enforced.traits

    def replace_node(self, name: str, node: Node | None) -> None:
        """Add, replace or remove (None) a node."""
        for enforcer in self._enforcers.values():
            enforcer.forget()
        if changed := self.nodes.replace(name, node):
            self._changed.append(changed)
        # Traits can make a node with a single address matter, for example if blocks match no nodes, so all policies are
        # looked at again.
        elif self.traits is not UPSTREAM:
            self._changed.append(NO_ADDRESSES)

    def settle(self) -> None:
        """Compile the policies again that depend on nodes which have changed."""
        if not self._changed:
            return
        # Many nodes can change between two questions, such as at the start of an agent; policies are then compiled
        # once.
        changed, self._changed = Addresses.union_of(self._changed), []
        if self.traits is not UPSTREAM:
            self.enforce(self.traits)
            return
        for policy in list(self._naming_sources.values()):
            rules = policy.rules[Direction.INGRESS]
            if any(rule.peers.block and rule.peers.block.addresses & changed for rule in rules):
                self._put_in_force(policy)

    def _put_in_force(self, policy: _Compiled) -> None:
        """Put a policy in force with the nodes that exist now, or without its blocks if it exceeds the limit."""
        name = policy.namespace, policy.name
        if self._most_divided is not None:
            self._note_divided(name, self._nodes_divided_by(policy))
            if self._divided_in[policy.namespace] > self._most_divided and self._divided.get(name):
                self._note_divided(name, 0)
                self.admitting_no_blocks.add(name)
                # Beyond the limit the policy admits too little and never too much: the rest of it stays in force, and
                # the agent reports it.
                self._tier.upsert(_with_blocks(policy, lambda index, block: Block(NO_ADDRESSES, covers_family=False)))
                return
        meant = self.with_nodes(policy)
        if self.traits is not UPSTREAM and meant is not policy:
            self._compiled[name] = policy
        else:
            self._compiled.pop(name, None)
        # An unchanged policy is not put in again: that would discard profiles and rulings of all pods that it selects.
        if self._tier.policy(policy.kind, *name) is not meant:
            self._tier.upsert(meant)

    def _try_again(self, namespace: str) -> None:
        """Put the policies of a namespace that exceeded the limit in force again, because others may leave room now."""
        for name in [one for one in self.admitting_no_blocks if one[0] == namespace]:
            self._put_in_force(self._naming_sources[name])

    def _note_divided(self, name: _Name, count: int) -> None:
        self.admitting_no_blocks.discard(name)
        self._divided_in[name[0]] += count - self._divided.pop(name, 0)
        if count:
            self._divided[name] = count
        if not self._divided_in[name[0]]:
            del self._divided_in[name[0]]

    def _nodes_divided_by(self, policy: _Compiled) -> int:
        """How many nodes the blocks of a policy divide, counted for each block."""
        blocks = {block for index in self._naming_nodes(policy) for block in written_blocks(policy.policy, index)}
        return sum(map(self.nodes.divided_by, blocks))

    def _naming_nodes(self, policy: _Compiled) -> list[int]:
        """The indexes of the ingress rules with blocks that contain addresses of nodes."""
        if not self.nodes:
            return []
        rules = policy.rules.get(Direction.INGRESS, ())
        return [rule.index for rule in rules if rule.peers.block and self.nodes.are_in(rule.peers.block.addresses)]

    def with_nodes(self, policy: _Compiled) -> _Compiled:
        """A policy that was compiled without nodes, with the nodes that exist now, and as the plugin enforces it."""
        naming_nodes = self._naming_nodes(policy)
        if not naming_nodes:
            return self._as_enforced(policy)
        meant: dict[IPBlock, Addresses] = {}

        def addresses(block: IPBlock) -> Addresses:
            if block not in meant:
                meant[block] = block_of_sources(block, self.nodes)
            return meant[block]

        found = {
            index: Addresses.union_of(map(addresses, written_blocks(policy.policy, index))) for index in naming_nodes
        }
        as_meant = _with_blocks(
            policy,
            lambda index, block: Block(found[index], block.covers_family) if index in found else block,
        )
        return self._as_enforced(as_meant)


def _equal(one: _Compiled, other: _Compiled) -> bool:
    """Whether two compiled forms of one policy mean the same."""
    if one.subject != other.subject or one.rules.keys() != other.rules.keys():
        return False
    return all(
        len(rules) == len(other.rules[direction]) and all(map(_equal_rules, rules, other.rules[direction]))
        for direction, rules in one.rules.items()
    )


def _equal_rules(one: CompiledRule, other: CompiledRule) -> bool:
    return (one.peers, one.traffic, one.port_names) == (other.peers, other.traffic, other.port_names)


def _with_blocks(policy: _Compiled, replaced: Callable[[int, Block], Block]) -> _Compiled:
    """A policy with other blocks in its ingress rules, which come with the index of their rule."""
    replace = msgspec.structs.replace
    rules = policy.rules.get(Direction.INGRESS, ())
    blocks = {rule.index: replaced(rule.index, rule.peers.block) for rule in rules if rule.peers.block}
    if all(blocks[rule.index] == rule.peers.block for rule in rules if rule.index in blocks):
        return policy
    meant = tuple(
        replace(rule, peers=replace(rule.peers, block=blocks[rule.index])) if rule.index in blocks else rule
        for rule in rules
    )
    return replace(policy, rules={**policy.rules, Direction.INGRESS: meant})
