"""The mutants of a NetworkPolicy."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec

from ringfence.analysis.mutants.mutants import Mutant, MutatedPart, Mutation, wider_selectors, with_entry, without
from ringfence.engine.policies import CompiledPolicy
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Rule
from ringfence.model.policies import Direction, rules_of

_replace = msgspec.structs.replace
_WHOLE: Final = {4: "0.0.0.0/0", 6: "::/0"}


def mutants_of_network_policy(policy: CompiledPolicy[NetworkPolicy]) -> Iterator[Mutant]:
    """Every mutant of a policy: of the whole, of its subject, and of the rules of its directions.

    The only peer or the only port of a rule is not removed, because the rule would then match all; that is a mutant of
    the rule.
    """
    written = policy.policy
    yield Mutant(Mutation.NO_POLICY, policy, MutatedPart.POLICY, "", "", None, "without the policy")
    types = written.spec.policy_types
    # Without its only type, the API server would set the type again, so nothing would change.
    for number, name in enumerate(types) if len(types) > 1 else ():
        spec = _replace(written.spec, policy_types=without(types, number))
        yield Mutant(
            Mutation.NO_DIRECTION,
            policy,
            MutatedPart.POLICY,
            "",
            f"spec.policyTypes[{number}]",
            _replace(written, spec=spec),
            f"without the policy type {name}",
        )
    for below, text, left in wider_selectors(written.spec.pod_selector):
        yield Mutant(
            Mutation.WIDER_SELECTOR,
            policy,
            MutatedPart.POLICY,
            "",
            f"spec.podSelector{below}",
            _replace(written, spec=_replace(written.spec, pod_selector=left)),
            f"without {text} in its selector",
        )
    for direction in policy.rules:
        for number in range(len(rules_of(written, direction))):
            yield from _of_rule(policy, direction, number)


def _of_rule(policy: CompiledPolicy[NetworkPolicy], direction: Direction, number: int) -> Iterator[Mutant]:
    path = f"spec.{direction.field}[{number}]"
    rules = rules_of(policy.policy, direction)
    rule = rules[number]

    def changed(*new: Rule) -> NetworkPolicy:
        spec = _replace(policy.policy.spec, **{direction.field: with_entry(rules, number, *new)})
        return _replace(policy.policy, spec=spec)

    def of_rule(mutation: Mutation, field: str, text: str, *new: Rule) -> Mutant:
        return Mutant(mutation, policy, MutatedPart.RULE, path, f"{path}{field}", changed(*new), text)

    yield of_rule(Mutation.NO_RULE, "", "without the rule")
    if rule.peers:
        peers_field = f".{direction.peers_field}"
        yield of_rule(Mutation.ALL_PEERS, peers_field, "with all peers", _replace(rule, peers=()))
    if rule.ports:
        yield of_rule(Mutation.ALL_PORTS, ".ports", "with all ports", _replace(rule, ports=()))
    for place, peer in enumerate(rule.peers):
        at = f"{path}.{direction.peers_field}[{place}]"
        for mutation, below, text, peers in _of_peer(rule.peers, place, peer):
            after = changed(_replace(rule, peers=peers))
            yield Mutant(mutation, policy, MutatedPart.PEER, at, f"{at}{below}", after, text)
    for place, port in enumerate(rule.ports):
        at = f"{path}.ports[{place}]"
        for mutation, below, text, ports in _of_port(rule.ports, place, port):
            after = changed(_replace(rule, ports=ports))
            yield Mutant(mutation, policy, MutatedPart.PORT, at, f"{at}{below}", after, text)


_Change = tuple[Mutation, str, str, tuple[Any, ...]]
"""A mutation, the field below the entry, the text, and the entries of the list afterwards."""


def _of_peer(peers: tuple[NetworkPolicyPeer, ...], number: int, peer: NetworkPolicyPeer) -> Iterator[_Change]:
    instead = partial(with_entry, peers, number)
    if len(peers) > 1:
        yield Mutation.NO_PEER, "", "without the peer", without(peers, number)
    for field, shown in (("pod_selector", "podSelector"), ("namespace_selector", "namespaceSelector")):
        for below, text, left in wider_selectors(getattr(peer, field)):
            after = instead(_replace(peer, **{field: left}))
            yield Mutation.WIDER_SELECTOR, f".{shown}{below}", f"without {text} in its {shown}", after
    # The best-known mistake in policies, and its opposite below: one dash more or less.
    if peer.pod_selector is not None and peer.namespace_selector is not None:
        divided = instead(_replace(peer, pod_selector=None), _replace(peer, namespace_selector=None))
        yield Mutation.DIVIDED_PEER, "", "as two peers, one for each selector", divided
    if number and (joined := _joined(peers[number - 1], peer)):
        after = (*peers[: number - 1], joined, *peers[number + 1 :])
        yield Mutation.JOINED_PEERS, "", "as one peer with the entry before it", after
    if peer.ip_block is not None:
        for mutation, below, text, block in _of_block(peer.ip_block):
            yield mutation, f".ipBlock{below}", text, instead(_replace(peer, ip_block=block))


def _joined(first: NetworkPolicyPeer, second: NetworkPolicyPeer) -> NetworkPolicyPeer | None:
    """Two peers as one, if one has only a namespaceSelector and the other only a podSelector."""
    if first.ip_block or second.ip_block:
        return None
    pods = [one.pod_selector for one in (first, second) if one.namespace_selector is None]
    namespaces = [one.namespace_selector for one in (first, second) if one.pod_selector is None]
    return NetworkPolicyPeer(pods[0], namespaces[0]) if len(pods) == 1 and len(namespaces) == 1 else None


def _of_block(block: IPBlock) -> Iterator[tuple[Mutation, str, str, IPBlock]]:
    network = parse_cidr(block.cidr)
    # 0.0.0.0/0 cannot be made wider.
    if network.prefixlen:
        whole = _WHOLE[network.version]
        yield Mutation.WIDER_BLOCK, ".cidr", f"with {whole} in place of {block.cidr}", _replace(block, cidr=whole)
    for number, one in enumerate(block.excepts):
        left = _replace(block, excepts=without(block.excepts, number))
        yield Mutation.NO_EXCEPTION, f".except[{number}]", f"without the exception {one}", left


def _of_port(ports: tuple[NetworkPolicyPort, ...], number: int, port: NetworkPolicyPort) -> Iterator[_Change]:
    if len(ports) > 1:
        yield Mutation.NO_PORT, "", f"without {_port_text(port)}", without(ports, number)
    if port.end_port is not None:
        after = with_entry(ports, number, _replace(port, end_port=None))
        yield Mutation.NO_END_PORT, ".endPort", f"without the endPort of {_port_text(port)}", after


def _port_text(port: NetworkPolicyPort) -> str:
    """`TCP 8000-8080`, `TCP http`, or `UDP` for all ports of a protocol."""
    protocol = port.protocol or "TCP"
    if port.port is None:
        return protocol
    return f"{protocol} {port.port}{f'-{port.end_port}' if port.end_port is not None else ''}"
