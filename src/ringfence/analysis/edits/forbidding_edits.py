"""Edits that may forbid what a side allows: they remove ports, peers or rules, add exceptions, or isolate the subject.

A rule allows a product of peers and ports. To remove one port of one peer only, the rule may have to become two: all
ports for the other peers, and the other ports for all peers.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any

import msgspec

from ringfence.analysis.edits.edited_policies import (
    Edit,
    adding,
    labels_to_select_by,
    network_policies_of,
    new_policy,
    policy_for,
    ports_for,
    removing,
    replacing,
    rule_of,
    selectors_for,
    with_rule_replaced,
)
from ringfence.engine.answers import End, PolicyReason, RuleReason, SideReason
from ringfence.engine.population import NAME_LABEL, Member
from ringfence.model.cidrs import parse_cidr
from ringfence.model.metadata import LabelSelector, LabelSelectorRequirement
from ringfence.model.objects import IPBlock, NetworkPolicyPeer, NetworkPolicyPort, Rule
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, rules_of
from ringfence.sets.addresses import FAMILIES, Addresses
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, NO_TRAFFIC, Traffic

_replace = msgspec.structs.replace
_MOST_COMBINATIONS = 64
"""If several rules allow the traffic, the most combinations of ways to change each of them that are tried."""


class _Way(msgspec.Struct, frozen=True):
    """One way to change a rule: the rules that replace it, and the entries to remove, add or replace at `path`."""

    rules: tuple[Rule, ...]
    path: str = ""
    removed: tuple[str, ...] = ()
    added: tuple[Any, ...] = ()
    replaces: bool = False


def forbidding_edits(side: SideReason, asked: Traffic | None, name: str) -> Iterator[tuple[Edit, ...]]:
    """Candidates that may deny the peer at one side; `name` is a free name for a new policy."""
    # No policy selects an address, nor does any apply to exempt traffic.
    if not isinstance(side.subject, Member) or side.exempt:
        return
    if not side.isolated:
        yield from _isolating(side, side.subject, asked, name)
        return
    allowing = [
        (policy, rule)
        for policy in network_policies_of(side)
        # The last rule first, as `_edits` needs it: if a rule is removed, those behind it get other numbers.
        for rule in reversed(policy.rules)
        if rule.allows_any(asked)
    ]
    if any(rule.index >= len(rules_of(one.policy.policy, side.direction)) for one, rule in allowing):
        return  # the network plugin does not restrict this address family, so no edit of a policy can
    ways = [list(_ways(side, policy, rule, asked)) for policy, rule in allowing]
    # Every rule that allows must change: traffic that one of them still allows is allowed.
    for chosen in islice(product(*ways), _MOST_COMBINATIONS):
        yield tuple(_edits(side.direction, allowing, chosen))
    # The last resort, which the limit above may have cut off: remove every rule as a whole.
    yield tuple(_edits(side.direction, allowing, [one[-1] for one in ways]))


def _edits(
    direction: Direction, allowing: Sequence[tuple[PolicyReason, RuleReason]], ways: Sequence[_Way]
) -> Iterator[Edit]:
    """The edits of each policy, from its last rule to its first, so that the numbers of earlier rules stay valid."""
    # The reasons are compared by identity, because equal ones would have to be compared field by field.
    for policy in dict.fromkeys(id(policy) for policy, _ in allowing):
        chosen = [
            (reason, rule, way) for (reason, rule), way in zip(allowing, ways, strict=True) if id(reason) == policy
        ]
        after = chosen[0][0].policy.policy
        # Removals alone can be written as one edit with several paths, which reads better than one edit for each rule.
        if all(way.removed for _, _, way in chosen):
            for _, rule, way in chosen:
                after = with_rule_replaced(after, direction, rule.index, way.rules)
            yield removing(chosen[0][0], [one for _, _, way in reversed(chosen) for one in way.removed], after)
            continue
        for reason, rule, way in chosen:
            after = with_rule_replaced(after, direction, rule.index, way.rules)
            if way.removed:
                yield removing(reason, way.removed, after)
            elif way.replaces:
                yield replacing(reason, way.path, way.added, after)
            else:
                yield adding(reason, way.path, way.added, after)


# --- one rule ---------------------------------------------------------------------------------------------------------


def _ways(side: SideReason, policy: PolicyReason, reason: RuleReason, asked: Traffic | None) -> Iterator[_Way]:
    """Ways to remove the peer, the ports, or both from a rule, the narrowest first and the whole rule last."""
    rule = rules_of(policy.policy.policy, side.direction)[reason.index]
    path = f"{side.direction.field}[{reason.index}]"
    peers = list(_less_peer(side, policy, reason, rule))
    ports = _less_ports(side, rule, asked)
    for left in peers:
        if ports and left:
            # The other peers keep all ports, and all peers keep the other ports: only the asked pair loses the asked
            # ports.
            two = (_replace(rule, peers=left), _replace(rule, ports=ports))
            yield _Way(two, f"spec.{path}", added=two, replaces=True)
    if ports:
        yield _ports_way(rule, ports, path)
    for left in peers:
        if left:
            yield _peers_way(side, rule, left, path)
    yield _Way((), removed=(path,))


def _ports_way(rule: Rule, ports: tuple[NetworkPolicyPort, ...], path: str) -> _Way:
    after = (_replace(rule, ports=ports),)
    # If all that is left was there before, naming the removed entries is shorter than writing the new list.
    if len(ports) < len(rule.ports) and all(port in rule.ports for port in ports):
        gone = [f"{path}.ports[{index}]" for index, port in enumerate(rule.ports) if port not in ports]
        return _Way(after, removed=tuple(gone))
    return _Way(after, f"spec.{path}.ports", added=ports, replaces=True)


def _peers_way(side: SideReason, rule: Rule, peers: tuple[NetworkPolicyPeer, ...], path: str) -> _Way:
    after = (_replace(rule, peers=peers),)
    path = f"{path}.{side.direction.peers_field}"
    if len(peers) < len(rule.peers) and all(peer in rule.peers for peer in peers):
        gone = [f"{path}[{index}]" for index, peer in enumerate(rule.peers) if peer not in peers]
        return _Way(after, removed=tuple(gone))
    changed = [index for index, (old, new) in enumerate(zip(rule.peers, peers, strict=False)) if old != new]
    if len(peers) == len(rule.peers) and len(changed) == 1:
        old, new = rule.peers[changed[0]], peers[changed[0]]
        if old.ip_block and new.ip_block:
            # `_narrowed` appends exceptions to those that were there, so what follows these is new.
            more = new.ip_block.excepts[len(old.ip_block.excepts) :]
            return _Way(after, f"spec.{path}[{changed[0]}].ipBlock.except", added=more)
    return _Way(after, f"spec.{path}", added=peers, replaces=True)


def _less_ports(side: SideReason, rule: Rule, asked: Traffic | None) -> tuple[NetworkPolicyPort, ...]:
    """The ports of a rule without the asked ones; empty if none is left."""
    # Without asked ports there is nothing to keep: all traffic of the peer is to be denied.
    if asked is None:
        return ()
    if not rule.ports:
        return ports_for(ALL_TRAFFIC - asked)
    left: list[NetworkPolicyPort] = []
    for port in rule.ports:
        # A port name is always one of the destination's, and which side the destination is depends on the direction.
        traffic = _traffic(port, side.subject if side.direction is Direction.INGRESS else side.peer)
        # Entries that are not concerned stay as they are written, with their names.
        if not traffic & asked:
            left.append(port)
        else:
            left += ports_for(traffic - asked)
    return tuple(left)


def _traffic(port: NetworkPolicyPort, destination: End) -> Traffic:
    """The traffic that a port entry matches at a destination."""
    protocol = port.protocol or DEFAULT_PROTOCOL
    if port.port is None:
        return Traffic.of(protocol, ALL_PORTS)
    if isinstance(port.port, int):
        return Traffic.of(protocol, ((port.port, port.end_port or port.port),))
    named = destination.named_ports if isinstance(destination, Member) else ()
    numbers = [(one.port, one.port) for one in named if (one.name, one.protocol) == (port.port, protocol)]
    return Traffic.of(protocol, numbers) if numbers else NO_TRAFFIC


def _less_peer(
    side: SideReason, policy: PolicyReason, reason: RuleReason, rule: Rule
) -> Iterator[tuple[NetworkPolicyPeer, ...]]:
    """Alternative peers of a rule without the asked end: with exceptions, narrower selectors, or fewer peers.

    Yields nothing if the rule has no other peer.
    """
    if not rule.peers:
        yield from _all_but(side.peer, policy.policy.namespace)
        return
    matching = {peer.index for peer in reason.peers if peer.matches}
    dropped = [peer for index, peer in enumerate(rule.peers) if index not in matching]
    tried = [dropped]
    # The shorter selector comes first. If it denies too much, its weight makes the exact one win.
    for in_every_namespace in (True, False):
        narrowed: list[NetworkPolicyPeer] = []
        for index, peer in enumerate(rule.peers):
            narrowed += _narrowed(peer, side.peer, in_every_namespace) if index in matching else [peer]
        if narrowed not in tried:
            tried.append(narrowed)
            yield tuple(narrowed)
    if dropped:
        yield tuple(dropped)


def _narrowed(peer: NetworkPolicyPeer, end: End, in_every_namespace: bool) -> list[NetworkPolicyPeer]:
    """A peer without one end; empty if selectors cannot exclude the end without all others that the peer selects.

    A pod is excluded in its own namespace only, or, which is shorter to write, by its labels `in_every_namespace`.
    """
    if isinstance(end, Member):
        # A selector cannot exclude what it did not select: pods in the host network are matched by address only.
        return [] if end.host_network or peer.ip_block else _less_pod(peer, end, in_every_namespace)
    if peer.ip_block is None:
        return []
    whole = Addresses.of(parse_cidr(peer.ip_block.cidr))
    excepted = Addresses.of(*map(parse_cidr, peer.ip_block.excepts))
    # A block that would be empty is dropped as a whole. An exception equal to the block would be invalid.
    if not whole - excepted - end:
        return []
    cidrs = ((whole & end) - excepted).cidrs()
    return [NetworkPolicyPeer(ip_block=IPBlock(peer.ip_block.cidr, (*peer.ip_block.excepts, *cidrs)))]


def _less_pod(peer: NetworkPolicyPeer, pod: Member, in_every_namespace: bool = False) -> list[NetworkPolicyPeer]:
    """A peer without the pods of one namespace that have all labels of `pod` that are suitable for selectors.

    A label that the peer itself requires cannot exclude the pod: the peer would then select no pods at all.
    """
    pods = peer.pod_selector or LabelSelector()
    spaces = peer.namespace_selector
    others: list[NetworkPolicyPeer] = []
    # A pod has all of these labels, so to lack one of them is to be another pod: one alternative for each label.
    for key in labels_to_select_by(pod):
        if pods.match_labels.get(key) == pod.labels[key]:
            continue
        left = _with_term(pods, key, "NotIn", pod.labels[key])
        of_namespace = spaces
        if spaces is not None and not in_every_namespace:
            of_namespace = _with_term(spaces, NAME_LABEL, "In", pod.namespace)
        others.append(NetworkPolicyPeer(left, of_namespace))
    is_of_one = spaces is not None and spaces.match_labels.get(NAME_LABEL) == pod.namespace
    if spaces is not None and not in_every_namespace and not is_of_one:
        elsewhere = _with_term(spaces, NAME_LABEL, "NotIn", pod.namespace)
        others.append(NetworkPolicyPeer(peer.pod_selector, elsewhere))
    return others


def _with_term(selector: LabelSelector, key: str, operator: str, value: str) -> LabelSelector:
    term = LabelSelectorRequirement(key, operator, (value,))
    return _replace(selector, match_expressions=(*selector.match_expressions, term))


def _all_but(end: End, namespace: str) -> Iterator[tuple[NetworkPolicyPeer, ...]]:
    """Peers that select everything but `end`, as far as selectors and blocks can express that.

    A block of all addresses would match pods as well. So if `end` is a pod, addresses outside the cluster are excluded,
    too.
    """
    everything = NetworkPolicyPeer(LabelSelector(), LabelSelector())
    if isinstance(end, Member):
        # No selector excludes a pod in the host network, because none selects it.
        if not end.host_network:
            yield tuple(_less_pod(everything, end))
        return
    blocks = [
        NetworkPolicyPeer(ip_block=IPBlock(cidr, tuple(Addresses.in_family(family, end.ranges(family)).cidrs())))
        # A block must not have itself as an exception, so a family of which nothing remains is left out.
        for family, cidr in _WHOLE.items()
        if cidr not in end.cidrs()
    ]
    yield (everything, *blocks)


_WHOLE = dict(zip(FAMILIES, ("0.0.0.0/0", "::/0"), strict=True))


# --- a policy that isolates -------------------------------------------------------------------------------------------


def _isolating(side: SideReason, subject: Member, asked: Traffic | None, name: str) -> Iterator[tuple[Edit, ...]]:
    """New policies for a subject that is not isolated: they allow everything but the asked traffic, or nothing."""
    direction, namespace = side.direction, subject.namespace
    others: list[Rule] = [rule_of(direction, [], ports_for(ALL_TRAFFIC - asked))] if asked else []
    # The narrowest selector comes first here: isolation is the strongest change, and should hit few other pods.
    for labels in reversed(selectors_for(subject)):
        selector = LabelSelector(labels)
        for peers in _all_but(side.peer, namespace):
            but = f"add a policy that isolates {subject} for {direction.field}, and allows all but this"
            rules = [*others, rule_of(direction, peers, ())]
            yield (new_policy(but, policy_for(name, namespace, selector, direction, *rules)),)
        nothing = f"add a policy that denies all {direction.field} of {subject}"
        yield (new_policy(nothing, policy_for(name, namespace, selector, direction)),)
