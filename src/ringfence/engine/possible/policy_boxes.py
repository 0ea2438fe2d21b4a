"""Policies as boxes of possible connections: those of their subjects, and those that each rule matches."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy, CompiledRule, compile_cluster_policy, compile_policy
from ringfence.engine.possible.axes import (
    A_POD,
    ADDRESS,
    AN_ADDRESS,
    IS_NODE,
    KIND,
    TRAFFIC,
    YES,
    Labelled,
    Role,
    domain_name_axis,
    port_name_axis,
    resolved_names,
    selection_box,
    selector_limits,
    subject_role,
)
from ringfence.model.cidrs import cidr_range
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of, nodes_of
from ringfence.model.objects import NetworkPolicy
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction, rules_of
from ringfence.model.selectors import Selector, compile_selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.boxes import EVERYTHING, AxisSet, Box, box_of, intersection
from ringfence.sets.host_addresses import HostAddresses
from ringfence.sets.traffic import Traffic


class RulePlace(msgspec.Struct, frozen=True, eq=False):
    """A rule of a policy; `direction` is that of the rule."""

    policy: CompiledPolicy[Any]
    direction: Direction
    rule: CompiledRule

    @property
    def path(self) -> str:
        """The field of the rule."""
        return f"spec.{self.direction.field}[{self.rule.index}]"

    def __str__(self) -> str:
        """The rule by its policy and field, with file and line where they are known."""
        origin = self.policy.origin
        place = f" ({origin.at(self.path)})" if origin else ""
        return f"{self.policy} {self.path}{place}"


def compile_in_any_cluster(policy: NetworkPolicy | ClusterPolicy, origin: Origin | None = None) -> CompiledPolicy[Any]:
    """Compile a policy, valid and with its defaults, for all possible clusters.

    Its `nodes` selectors do not become addresses, because nodes may have any (`axes.IS_NODE`).
    """
    if isinstance(policy, NetworkPolicy):
        return compile_policy(policy, origin)
    return compile_cluster_policy(policy, _no_addresses, origin)


def subject_box(policy: CompiledPolicy[Any], direction: Direction) -> Box | None:
    """The connections of the subjects of a policy in a direction; None if it can select no pod."""
    return selection_box(policy.subject, subject_role(direction))


def rule_boxes(policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> Iterator[Box]:
    """The connections that a rule matches, as boxes that may overlap: its subjects AND its peers AND its traffic."""
    subjects = subject_box(policy, direction)
    if subjects is None:
        return
    traffic = list(_traffic_boxes(rule))
    for peers in _peer_boxes(policy, direction, rule):
        both = intersection(subjects, peers)
        for ports in traffic if both is not None else ():
            if both is not None and (box := intersection(both, ports)) is not None:
                yield box


def _peer_boxes(policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> Iterator[Box]:
    role, peers = subject_role(direction).other, rule.peers
    if peers.everyone:
        yield EVERYTHING
        return
    for selection in peers.selections:
        if (box := selection_box(selection, role)) is not None:
            yield box
    for addresses in _addresses_meant(policy, direction, rule):
        if (box := box_of([(ADDRESS[role], addresses)])) is not None:
            yield box
    if not isinstance(policy.policy, NetworkPolicy):
        for peer in cluster_rules_of(policy.policy, direction)[rule.index].peers:
            if (nodes := nodes_of(peer)) is not None:
                limits = selector_limits(compile_selector(nodes), role, Labelled.NODE)
                if (box := box_of([(KIND[role], AN_ADDRESS), (IS_NODE[role], YES), *limits])) is not None:
                    yield box
            for name in domain_names_of(peer):
                # Addresses of a name are also addresses of its wildcards, so its box lies inside theirs.
                yield {KIND[role]: AN_ADDRESS, **{domain_name_axis(role, one): YES for one in resolved_names(name)}}


def _addresses_meant(policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> Iterator[AxisSet]:
    """The addresses of the blocks of a rule, as sets along the axis of its peers."""
    if rule.peers.block is None:
        return
    # For destinations a block means exactly the written addresses (`engine.policies.node_peers`).
    if direction is Direction.EGRESS:
        yield rule.peers.block.addresses
        return
    written = rules_of(policy.policy, direction)[rule.index].peers if isinstance(policy.policy, NetworkPolicy) else ()
    if not any(peer.ip_block and peer.ip_block.excepts for peer in written):
        yield HostAddresses.in_block(rule.peers.block.addresses, NO_ADDRESSES)
        return
    # An address that one block excepts may be in another block. Blocks with the same exceptions are joined.
    inside: defaultdict[Addresses, list[Addresses]] = defaultdict(list)
    for peer in written:
        if block := peer.ip_block:
            excepted = Addresses.of_ranges(map(cidr_range, block.excepts))
            inside[excepted].append(Addresses.of_ranges([cidr_range(block.cidr)]) - excepted)
    for excepted, some in inside.items():
        yield HostAddresses.in_block(Addresses.union_of(some), excepted)


def _traffic_boxes(rule: CompiledRule) -> Iterator[Box]:
    if rule.traffic and (box := box_of([(TRAFFIC, rule.traffic)])) is not None:
        yield box
    for name, protocol in rule.port_names:
        # A name can be any number, so the traffic is the whole protocol, limited by the axis of the name. Only pods
        # have named ports.
        yield {KIND[Role.DESTINATION]: A_POD, TRAFFIC: Traffic.of(protocol), port_name_axis(name, protocol): YES}


def _no_addresses(nodes: Selector) -> Addresses:
    return NO_ADDRESSES
