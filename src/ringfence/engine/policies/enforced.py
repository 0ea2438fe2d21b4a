"""Policies as a network plugin enforces them: compiled policies, changed where its traits say so.

A policy is changed when it is put in force, so everything that reads the policies in force (verdicts, lists,
differences, explanations) sees it as it is enforced. Its rules keep their places, and one is added where IPv6 is not
restricted.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec

from ringfence.engine.policies.matching_as_enforced import has_negation
from ringfence.engine.policies.node_peers import NodePeers, block_of_sources
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule, P, Peers
from ringfence.engine.policies.selection import PodSelection
from ringfence.engine.population import Block
from ringfence.model.cidrs import cidr_range
from ringfence.model.cluster_rules import cluster_rules_of, nodes_of
from ringfence.model.objects import IPBlock, NetworkPolicy, Rule
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, rules_of
from ringfence.plugins import UPSTREAM, Excepts, Traits
from ringfence.sets.addresses import WHOLE, Addresses, Family
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, Traffic

_SCTP: Final = Traffic.of("SCTP", ALL_PORTS)
_IPV6: Final = Peers(False, (), Block(Addresses.in_family(Family.IPV6, (WHOLE[Family.IPV6],)), covers_family=False))
"""Every address of IPv6; pods without a known address are judged by what is known of IPv4."""

_replace = msgspec.structs.replace


class AsEnforced:
    """Changes policies as some traits demand, with the nodes that exist now."""

    def __init__(self, traits: Traits, addresses_of_nodes: Callable[[], Addresses], nodes: NodePeers) -> None:
        self.traits = traits
        self._addresses_of_nodes = addresses_of_nodes
        self._nodes = nodes
        self._known: WeakKeyDictionary[CompiledPolicy[Any], CompiledPolicy[Any] | None] = WeakKeyDictionary()
        """The changed policies; None for policies that do not change."""
        self._found_addresses: Addresses | None = None
        """Those of all nodes, which are the union of as many parts as there are nodes."""

    @property
    def depends_on_nodes(self) -> bool:
        """Whether policies mean something else when the addresses of nodes change."""
        return not self.traits.blocks_match_nodes

    def forget(self) -> None:
        """Forget all results, because the addresses of nodes have changed."""
        self._known.clear()
        self._found_addresses = None

    def __call__(self, policy: CompiledPolicy[P]) -> CompiledPolicy[P]:
        """A policy as it is enforced; the same object if it does not differ from upstream."""
        # Identity first: nearly all states use this very value, and equality compares every trait.
        if self.traits is UPSTREAM or self.traits == UPSTREAM:
            return policy
        if policy not in self._known:
            changed = self._changed(policy)
            # The policy itself as a value would keep its weak key alive for ever.
            self._known[policy] = None if changed is policy else changed
        return self._known[policy] or policy

    def _changed(self, policy: CompiledPolicy[P]) -> CompiledPolicy[P]:
        traits = self.traits
        if not traits.enforced or not (traits.negations or _is_plain(policy.subject)):
            # A policy without directions stays in force and isolates nobody, so that explanations can still name it.
            return _replace(policy, rules={})
        rules = {direction: self._rules(policy, direction) for direction in policy.rules}
        subject = policy.subject if traits.standalone_pods else _replace(policy.subject, owned=True)
        # The same object is kept if nothing differs: callers compare by identity, and profiles are then shared with
        # upstream's.
        is_same = all(
            len(some) == len(rules[direction]) and all(map(_is, some, rules[direction]))
            for direction, some in policy.rules.items()
        )
        return policy if is_same and subject == policy.subject else _replace(policy, subject=subject, rules=rules)

    def _rules(self, policy: CompiledPolicy[Any], direction: Direction) -> tuple[CompiledRule, ...]:
        """The rules of a direction, and one more if IPv6 is not restricted."""
        if not isinstance(policy.policy, NetworkPolicy):
            naming = _naming_nodes(policy, direction)
            return tuple(self._rule(rule, None, rule.index in naming) for rule in policy.rules[direction])
        written = _Written(self, rules_of(policy.policy, direction), direction)
        rules = tuple(self._rule(rule, written) for rule in policy.rules[direction])
        # Its index is that after the last written rule, by which `_match_peers` recognises it.
        return rules if self.traits.ipv6 else (*rules, CompiledRule(len(rules), _IPV6, ALL_TRAFFIC))

    def _rule(self, rule: CompiledRule, written: "_Written | None", names_nodes: bool = False) -> CompiledRule:
        traits, traffic, names = self.traits, rule.traffic, rule.port_names
        if written and not traits.port_ranges:
            traffic = written.with_first_ports(rule)
        # Only port entries for SCTP lose their meaning: a rule without ports still allows all traffic.
        if not traits.sctp and traffic != ALL_TRAFFIC:
            traffic -= _SCTP
            names = tuple(name for name in names if name[1] != "SCTP")
        if not traits.port_names:
            names = ()
        peers = self._peers(rule, written, names_nodes)
        if peers is rule.peers and traffic == rule.traffic and names == rule.port_names:
            return rule
        return _replace(rule, peers=peers, traffic=traffic, port_names=names)

    def _peers(self, rule: CompiledRule, written: "_Written | None", names_nodes: bool) -> Peers:
        traits, peers = self.traits, rule.peers
        selections, block = peers.selections, peers.block
        if not traits.negations:
            # A selector that the plugin cannot evaluate selects nothing; it must not become one that selects more.
            selections = tuple(filter(_is_plain, selections))
        if block:
            addresses, covers = block.addresses, block.covers_family
            if written and traits.excepts is not Excepts.OWN_BLOCK:
                addresses, covers = written.addresses(rule)
            nodes = traits.blocks_match_nodes or names_nodes
            if not nodes:
                addresses -= self._node_addresses()
            block = Block(addresses, covers, traits.blocks_match_pods, nodes)
        return (
            peers
            if (selections, block) == (peers.selections, peers.block)
            else Peers(peers.everyone, selections, block)
        )

    def _node_addresses(self) -> Addresses:
        if self._found_addresses is None:
            self._found_addresses = self._addresses_of_nodes()
        return self._found_addresses

    def meant(self, block: IPBlock, direction: Direction) -> Addresses:
        """The addresses that an ipBlock means, without those that it does not match because they belong to nodes."""
        if direction is Direction.INGRESS:
            return block_of_sources(block, self._nodes)
        return Addresses.of_ranges([cidr_range(block.cidr)]) - Addresses.of_ranges(map(cidr_range, block.excepts))


class _Written:
    """The rules of a NetworkPolicy in one direction as they are written, where that takes more than compiled rules."""

    def __init__(
        self,
        enforced: AsEnforced,
        rules: tuple[Rule, ...],
        direction: Direction,
    ) -> None:
        self._enforced = enforced
        self._rules = rules
        self._direction = direction

    def _blocks(self, rule: Rule) -> list[IPBlock]:
        return [peer.ip_block for peer in rule.peers if peer.ip_block]

    def with_first_ports(self, rule: CompiledRule) -> Traffic:
        """The traffic of a rule of whose ranges only the first port counts."""
        ports = self._rules[rule.index].ports
        if not any(port.end_port for port in ports):
            return rule.traffic
        return Traffic.union_of(
            Traffic.of(port.protocol or DEFAULT_PROTOCOL, ALL_PORTS if port.port is None else ((port.port, port.port),))
            for port in ports
            if not isinstance(port.port, str)
        )

    @cached_property
    def _every_except(self) -> Addresses:
        return Addresses.of_ranges(
            cidr_range(text) for rule in self._rules for block in self._blocks(rule) for text in block.excepts
        )

    def addresses(self, rule: CompiledRule) -> tuple[Addresses, bool]:
        """What the blocks of a rule mean with this `except`, and whether one of them covers a family."""
        blocks = self._blocks(self._rules[rule.index])
        if self._enforced.traits.excepts is Excepts.IGNORED:
            blocks = [IPBlock(block.cidr) for block in blocks]
        meant = [(block, self._enforced.meant(block, self._direction)) for block in blocks]
        if self._enforced.traits.excepts is Excepts.EVERY_BLOCK:
            meant = [(block, addresses - self._every_except) for block, addresses in meant]
        covers = any(
            addresses and cidr_range(block.cidr)[1] == WHOLE[cidr_range(block.cidr)[0]] for block, addresses in meant
        )
        return Addresses.union_of(addresses for _, addresses in meant), covers


def _naming_nodes(policy: CompiledPolicy[Any], direction: Direction) -> set[int]:
    """The indexes of the rules of a cluster policy that select nodes by their labels: that no trait changes."""
    rules = enumerate(cluster_rules_of(policy.policy, direction))
    return {index for index, rule in rules if any(nodes_of(peer) is not None for peer in rule.peers)}


def _is_plain(selection: PodSelection) -> bool:
    """Whether a selection has no negations."""
    return not has_negation(selection.pods) and not (selection.namespaces and has_negation(selection.namespaces))


def _is(one: object, other: object) -> bool:
    return one is other
