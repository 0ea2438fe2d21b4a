"""Policies compiled: selectors parsed, ipBlocks subtracted, ports made into traffic.

Source: networking.k8s.io/v1 NetworkPolicy; field meanings as in its API documentation.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ringfence.engine.policies.selection import PodSelection
from ringfence.engine.population import Block, PortName, ReadableFact, facts_read_by
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import (
    DEFAULT_NAMESPACE,
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    Rule,
)
from ringfence.model.origin import Origin
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, rules_of
from ringfence.model.selectors import EVERYTHING, compile_selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, NO_TRAFFIC, Traffic


class Peers(msgspec.Struct, frozen=True, cache_hash=True):
    """Whom a rule is about: all pods that any of `selections` selects, and all addresses of `block`.

    A rule without peers is about everyone: then both are empty and `everyone` says so.
    """

    everyone: bool
    selections: tuple[PodSelection, ...] = ()
    block: Block | None = None

    @property
    def addresses(self) -> Addresses:
        """The addresses outside the cluster that are meant; selectors never mean any."""
        return self.block.addresses if self.block else NO_ADDRESSES


class CompiledRule(msgspec.Struct, frozen=True, eq=False):
    """A rule: peers AND traffic. `port_names` add what the destination pod calls by these names."""

    index: int
    peers: Peers
    traffic: Traffic
    port_names: tuple[PortName, ...] = ()

    def names_of(self, protocol: str) -> list[str]:
        """The port names that it writes for one protocol."""
        return [name for name, name_protocol in self.port_names if name_protocol == protocol]


class CompiledPolicy(msgspec.Struct, frozen=True, eq=False):
    """A policy: its subject, and its rules for each direction that its `policyTypes` name.

    A direction that is not a key of `rules` is not touched; one with no rules is isolated and allowed nothing.
    """

    policy: NetworkPolicy
    origin: Origin | None
    subject: PodSelection
    rules: Mapping[Direction, tuple[CompiledRule, ...]]

    @property
    def namespace(self) -> str:
        """The namespace the policy lives in, whose pods it may select."""
        return self.policy.metadata.namespace or DEFAULT_NAMESPACE

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.metadata.name

    def read_facts(self) -> Iterator[ReadableFact]:
        """All that the policy reads about pods, addresses excepted."""
        yield from facts_read_by(self.subject.pods)
        for rule in self.all_rules():
            yield from rule.port_names
            for selection in rule.peers.selections:
                yield from facts_read_by(selection.pods)

    def blocks(self) -> Iterator[Block]:
        """All address blocks that the policy reads."""
        for rule in self.all_rules():
            if rule.peers.block:
                yield rule.peers.block

    def all_rules(self) -> Iterator[CompiledRule]:
        """The rules in force, of both directions."""
        for rules in self.rules.values():
            yield from rules


def compile_policy(policy: NetworkPolicy, origin: Origin | None = None) -> CompiledPolicy:
    """Compile a policy that is valid and has its defaults (`model.policies.defaulted`)."""
    namespace = policy.metadata.namespace or DEFAULT_NAMESPACE
    return CompiledPolicy(
        policy,
        origin,
        PodSelection(compile_selector(policy.spec.pod_selector), namespace=namespace),
        {
            direction: tuple(
                _compile_rule(index, rule, namespace) for index, rule in enumerate(rules_of(policy, direction))
            )
            for direction in Direction
            if direction in policy.spec.policy_types
        },
    )


def _compile_rule(index: int, rule: Rule, namespace: str) -> CompiledRule:
    return CompiledRule(
        index,
        _compile_peers(rule.peers, namespace),
        ALL_TRAFFIC if not rule.ports else _numbered(rule.ports),
        tuple((port.port, port.protocol or DEFAULT_PROTOCOL) for port in rule.ports if isinstance(port.port, str)),
    )


def _compile_peers(peers: Iterable[NetworkPolicyPeer], namespace: str) -> Peers:
    blocks = [peer.ip_block for peer in peers if peer.ip_block]
    return Peers(
        everyone=not peers,
        selections=tuple(compile_peer(peer, namespace) for peer in peers if not peer.ip_block),
        block=_compile_blocks(blocks) if blocks else None,
    )


def compile_peer(peer: NetworkPolicyPeer, namespace: str) -> PodSelection:
    """The pods of a peer: a lone podSelector means the policy's own `namespace`, a lone namespaceSelector all pods."""
    pods = compile_selector(peer.pod_selector) if peer.pod_selector else EVERYTHING
    if peer.namespace_selector is None:
        return PodSelection(pods, namespace=namespace)
    return PodSelection(pods, namespaces=compile_selector(peer.namespace_selector))


def _compile_blocks(blocks: Iterable[IPBlock]) -> Block:
    addresses, covers_family = NO_ADDRESSES, False
    for block in blocks:
        network = parse_cidr(block.cidr)
        left = Addresses.of(network) - Addresses.of(*map(parse_cidr, block.excepts))
        addresses |= left
        covers_family |= network.prefixlen == 0 and bool(left)
    return Block(addresses, covers_family)


def _numbered(ports: Iterable[NetworkPolicyPort]) -> Traffic:
    """The traffic of the port entries that give numbers, or only a protocol."""
    traffic = NO_TRAFFIC
    for port in ports:
        protocol = port.protocol or DEFAULT_PROTOCOL
        if port.port is None:
            traffic |= Traffic.of(protocol, ALL_PORTS)
        elif isinstance(port.port, int):
            traffic |= Traffic.of(protocol, ((port.port, port.end_port or port.port),))
    return traffic
