"""What the API server refuses in a NetworkPolicy, with its field paths, in its words and in its order.

The rules and the texts of the messages are those of Kubernetes 1.37.

Source: `pkg/apis/networking/validation/validation.go`.
"""

from collections.abc import Iterator

import msgspec

from ringfence.model.cidrs import CidrSpelling, cidr_warnings
from ringfence.model.field_errors import FieldError, each_once, forbidden, invalid, invalid_enum, required, unsupported
from ringfence.model.names import subdomain_errors
from ringfence.model.objects import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from ringfence.model.policies import Direction, rules_of
from ringfence.model.problems import ProblemCode
from ringfence.model.server_versions import END_PORTS, LAST_LENIENT, NEWEST, STRICT_CIDRS, ServerVersion
from ringfence.model.text_edits import Replacement
from ringfence.model.validation.addresses import cidr_errors, spelling_of, standard_spelling
from ringfence.model.validation.labels import selector_errors
from ringfence.model.validation.metadata import annotation_errors, metadata_errors
from ringfence.model.validation.plain_rules import is_plain_port, is_plain_port_or_range, plain_peers
from ringfence.model.validation.ports import port_number_errors, port_reference_errors
from ringfence.sets.traffic import PROTOCOLS


class FieldWarning(msgspec.Struct, frozen=True):
    """What the API server accepts and warns of; `path` is the field's path inside the object.

    `given` is the value that it warns of, `replacement` one that it would not warn of, where only one can be meant.
    """

    path: str
    message: str
    code: str = ProblemCode.NONSTANDARD_CIDR
    replacement: Replacement | None = None
    given: str | None = None

    @property
    def detail(self) -> str:
        """The reason, as an error has one."""
        return self.message

    @property
    def place(self) -> str:
        """The path at which the value is written, as an error has one."""
        return self.path

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def network_policy_errors(policy: NetworkPolicy, server: ServerVersion = NEWEST) -> list[FieldError]:
    """Everything for which the API server would refuse to create `policy`, which must be `defaulted` already.

    A CIDR with bits beyond its prefix length, with leading zeros, or with an IPv4-mapped address is refused by servers
    since 1.36; older ones accept it, and `network_policy_warnings` names it. Each error is listed once.
    """
    return each_once(_errors(policy, server))


def stored_network_policy_errors(policy: NetworkPolicy) -> Iterator[FieldError]:
    """Everything for which any API server would refuse `policy`, found one by one; the same error may come again."""
    return _errors(policy, LAST_LENIENT)


def _errors(policy: NetworkPolicy, server: ServerVersion) -> Iterator[FieldError]:
    metadata = policy.metadata
    yield from metadata_errors(metadata, subdomain_errors)
    yield from annotation_errors(metadata.annotations or {}, "metadata.annotations")
    yield from _spec_errors(policy, server)


def network_policy_warnings(policy: NetworkPolicy) -> list[FieldWarning]:
    """What the API server warns of when it accepts `policy`: CIDRs that other readers may take for something else."""
    found: list[FieldWarning] = []
    for direction in Direction:
        for i, rule in enumerate(rules_of(policy, direction)):
            for j, peer in enumerate(rule.peers):
                if peer.ip_block is not None:
                    path = f"spec.{direction.field}[{i}].{direction.peers_field}[{j}].ipBlock"
                    found += _ip_block_warnings(peer.ip_block, path)
    return found


def _spec_errors(policy: NetworkPolicy, server: ServerVersion) -> Iterator[FieldError]:
    yield from selector_errors(policy.spec.pod_selector, "spec.podSelector")
    strict_cidrs = server >= STRICT_CIDRS
    is_plain = is_plain_port_or_range if server >= END_PORTS else is_plain_port
    is_plain_peer = plain_peers(policy, strict_cidrs=strict_cidrs)
    for direction in Direction:
        for i, rule in enumerate(rules_of(policy, direction)):
            # The fast check first: only a rule that fails it is looked at entry by entry, with paths (`plain_rules`).
            if rule.ports and not all(map(is_plain, rule.ports)):
                path = f"spec.{direction.field}[{i}]"
                for j, port in enumerate(rule.ports):
                    yield from _port_errors(port, f"{path}.ports[{j}]", server)
            if rule.peers and not all(map(is_plain_peer, rule.peers)):
                path = f"spec.{direction.field}[{i}].{direction.peers_field}"
                for j, peer in enumerate(rule.peers):
                    yield from _peer_errors(peer, f"{path}[{j}]", strict_cidrs)
    yield from _policy_type_errors(policy.spec.policy_types, "spec.policyTypes")


def _policy_type_errors(types: tuple[str, ...], path: str) -> Iterator[FieldError]:
    if len(types) > len(Direction):
        yield invalid_enum(path, types, "may not specify more than two policyTypes")
        return
    for i, policy_type in enumerate(types):
        if policy_type not in list(Direction):
            yield unsupported(f"{path}[{i}]", policy_type, Direction)


def _port_errors(port: NetworkPolicyPort, path: str, server: ServerVersion) -> Iterator[FieldError]:
    if port.end_port is not None and server < END_PORTS:
        yield forbidden(f"{path}.endPort", f"Kubernetes {server} does not have this field, which came with {END_PORTS}")
    if port.protocol is not None and port.protocol not in PROTOCOLS:
        yield unsupported(f"{path}.protocol", port.protocol, PROTOCOLS)
    match port.port:
        case None:
            yield from _misplaced_end_port(port, path, "may not be specified when `port` is not specified")
        case str(name):
            yield from _misplaced_end_port(port, path, "may not be specified when `port` is non-numeric")
            yield from port_reference_errors(name, f"{path}.port")
        case number:
            yield from port_number_errors(number, f"{path}.port")
            if port.end_port is not None:
                if port.end_port < number:
                    yield invalid(f"{path}.endPort", port.end_port, "must be greater than or equal to `port`")
                yield from port_number_errors(port.end_port, f"{path}.endPort")


def _misplaced_end_port(port: NetworkPolicyPort, path: str, error: str) -> Iterator[FieldError]:
    if port.end_port is not None:
        yield invalid(f"{path}.endPort", port.end_port, error)


def _peer_errors(peer: NetworkPolicyPeer, path: str, strict_cidrs: bool) -> Iterator[FieldError]:
    if peer.pod_selector is not None:
        yield from selector_errors(peer.pod_selector, f"{path}.podSelector")
    if peer.namespace_selector is not None:
        yield from selector_errors(peer.namespace_selector, f"{path}.namespaceSelector")
    if peer.ip_block is not None:
        yield from _ip_block_errors(peer.ip_block, f"{path}.ipBlock", strict_cidrs)
    has_selector = peer.pod_selector is not None or peer.namespace_selector is not None
    if peer.ip_block is None and not has_selector:
        yield required(path, "must specify a peer")
    elif peer.ip_block is not None and has_selector:
        yield forbidden(path, "may not specify both ipBlock and another peer")


def _ip_block_errors(block: IPBlock, path: str, strict_cidrs: bool) -> Iterator[FieldError]:
    if not block.cidr:
        yield required(f"{path}.cidr")
        return
    yield from cidr_errors(block.cidr, f"{path}.cidr", is_strict=strict_cidrs)
    whole = spelling_of(block.cidr)
    if whole is None:
        return
    for i, text in enumerate(block.excepts):
        yield from cidr_errors(text, f"{path}.except[{i}]", is_strict=strict_cidrs)
        part = spelling_of(text)
        if part is not None and not _is_strict_subset(part, whole):
            yield invalid(f"{path}.except[{i}]", text, "must be a strict subset of `cidr`")


def _is_strict_subset(part: CidrSpelling, whole: CidrSpelling) -> bool:
    # Upstream compares the prefix lengths as written, so an IPv4-mapped CIDR never compares well with an IPv4 one.
    return part.network.network_address in whole.network and part.prefix_length > whole.prefix_length


def _ip_block_warnings(block: IPBlock, path: str) -> Iterator[FieldWarning]:
    places = [(f"{path}.cidr", block.cidr), *((f"{path}.except[{i}]", text) for i, text in enumerate(block.excepts))]
    for place, text in places:
        spelling = spelling_of(text)
        for message in cidr_warnings(spelling) if spelling else ():
            better = standard_spelling(spelling) if spelling else None
            replacement = Replacement(text, better) if better else None
            yield FieldWarning(place, message, replacement=replacement, given=text)
