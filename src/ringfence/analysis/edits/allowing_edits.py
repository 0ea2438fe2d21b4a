"""Edits that may allow what a side denies: an addition to a rule, a new rule, or a new policy."""

from collections.abc import Iterator

import msgspec

from ringfence.analysis.edits.edited_policies import (
    Edit,
    adding,
    correcting,
    in_namespace,
    network_policies_of,
    new_policy,
    policy_for,
    ports_for,
    removing,
    rule_of,
    selectors_for,
    with_rule_replaced,
    with_rules,
)
from ringfence.engine.answers import End, PolicyReason, RuleReason, SideReason
from ringfence.engine.population import Member
from ringfence.model.cidrs import parse_cidr
from ringfence.model.metadata import LabelSelector
from ringfence.model.objects import IPBlock, NetworkPolicyPeer, NetworkPolicyPort
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_replace = msgspec.structs.replace


def allowing_edits(side: SideReason, asked: Traffic | None, name: str) -> Iterator[Edit]:
    """Candidates that may allow the peer at an isolated side; `name` is a free name for a new policy.

    The narrowest come first, so that the search soon has a low bound for what a candidate may change for others.
    """
    ports = ports_for(asked) if asked else ()
    yield from _policies_of_their_own(side, ports, name)
    for policy in network_policies_of(side):
        rules = rules_of(policy.policy.policy, side.direction)
        for peers in peers_for(side.peer, policy.policy.namespace):
            added = rule_of(side.direction, peers, ports)
            after = with_rules(policy.policy.policy, side.direction, (*rules, added))
            yield adding(policy, f"spec.{side.direction.field}", [added], after)
        # The rules after the written ones stand for an address family that the network plugin does not restrict.
        for rule in policy.rules[: len(rules)]:
            if rule.carries:
                yield from _with_peer(side, policy, rule)
                yield from _without_exceptions(side, policy, rule)
            if rule.selects and asked:
                yield from _with_protocol(side, policy, rule, asked)
            if rule.selects and ports:
                yield _with_ports(side, policy, rule, ports)


def peers_for(end: End, namespace: str) -> Iterator[tuple[NetworkPolicyPeer, ...]]:
    """Alternatives, each of one or several peers, that select `end` in a policy in `namespace`.

    A hostNetwork pod is selected by its addresses.
    """
    if not isinstance(end, Member):
        yield tuple(NetworkPolicyPeer(ip_block=IPBlock(cidr, excepts)) for cidr, excepts in end.blocks())
    elif end.host_network:
        for family, number in end.addresses:
            (cidr,) = Addresses.in_family(family, ((number, number),)).cidrs()
            yield (NetworkPolicyPeer(ip_block=IPBlock(cidr)),)
    else:
        space = None if end.namespace == namespace else in_namespace(end.namespace)
        for labels in selectors_for(end):
            yield (NetworkPolicyPeer(LabelSelector(labels), space),)


def _policies_of_their_own(side: SideReason, ports: tuple[NetworkPolicyPort, ...], name: str) -> Iterator[Edit]:
    """New policies that select the subject and allow only the missing traffic."""
    if not isinstance(side.subject, Member):
        return
    namespace = side.subject.namespace
    for labels in reversed(selectors_for(side.subject)):
        for peers in peers_for(side.peer, namespace):
            rule = rule_of(side.direction, peers, ports)
            policy = policy_for(name, namespace, LabelSelector(labels), side.direction, rule)
            yield new_policy(f"add a policy that allows this {side.direction.field} of {side.subject}", policy)


def _with_ports(side: SideReason, policy: PolicyReason, rule: RuleReason, ports: tuple[NetworkPolicyPort, ...]) -> Edit:
    written = rules_of(policy.policy.policy, side.direction)[rule.index]
    after = _replace(written, ports=(*written.ports, *ports))
    path = f"spec.{side.direction.field}[{rule.index}].ports"
    return adding(policy, path, ports, with_rule_replaced(policy.policy.policy, side.direction, rule.index, [after]))


def _with_protocol(side: SideReason, policy: PolicyReason, rule: RuleReason, asked: Traffic) -> Iterator[Edit]:
    """Corrects the protocol of an entry that names a port of the destination which has another protocol."""
    destination = side.subject if side.direction is Direction.INGRESS else side.peer
    written = rules_of(policy.policy.policy, side.direction)[rule.index]
    if not isinstance(destination, Member):
        return
    for index, port in enumerate(written.ports):
        for named in sorted(destination.named_ports, key=lambda one: (one.protocol, one.port)):
            is_asked = asked.contains(named.protocol, named.port)
            if named.name == port.port and named.protocol != port.protocol and is_asked:
                right = _replace(port, protocol=named.protocol)
                rules = [_replace(written, ports=(*written.ports[:index], right, *written.ports[index + 1 :]))]
                after = with_rule_replaced(policy.policy.policy, side.direction, rule.index, rules)
                path = f"spec.{side.direction.field}[{rule.index}].ports[{index}]"
                yield correcting(policy, path, right, after)


def _with_peer(side: SideReason, policy: PolicyReason, rule: RuleReason) -> Iterator[Edit]:
    written = rules_of(policy.policy.policy, side.direction)[rule.index]
    path = f"spec.{side.direction.field}[{rule.index}].{side.direction.peers_field}"
    for peers in peers_for(side.peer, policy.policy.namespace):
        after = _replace(written, peers=(*written.peers, *peers))
        yield adding(policy, path, peers, with_rule_replaced(policy.policy.policy, side.direction, rule.index, [after]))


def _without_exceptions(side: SideReason, policy: PolicyReason, rule: RuleReason) -> Iterator[Edit]:
    """Removes the exceptions of a rule's block that contain the addresses."""
    if isinstance(side.peer, Member):
        return
    written = rules_of(policy.policy.policy, side.direction)[rule.index]
    for index, peer in enumerate(written.peers):
        if peer.ip_block is None:
            continue
        path = f"{side.direction.field}[{rule.index}].{side.direction.peers_field}[{index}].ipBlock.except"
        excepts = peer.ip_block.excepts
        out = [number for number, cidr in enumerate(excepts) if Addresses.of(parse_cidr(cidr)) & side.peer]
        if out:
            left = tuple(cidr for number, cidr in enumerate(excepts) if number not in out)
            peers = list(written.peers)
            peers[index] = _replace(peer, ip_block=_replace(peer.ip_block, excepts=left))
            after = with_rule_replaced(
                policy.policy.policy, side.direction, rule.index, [_replace(written, peers=tuple(peers))]
            )
            yield removing(policy, [f"{path}[{number}]" for number in out], after)
