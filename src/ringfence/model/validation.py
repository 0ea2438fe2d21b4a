"""What the API server refuses in a policy, with its field paths, in its words and in its order.

The level is that of Kubernetes 1.37, of which the message texts are. `generation`, `ownerReferences`, `finalizers` and
`managedFields`, which clusters write and the model does not keep, are not looked at.

Source: `pkg/apis/networking/validation/validation.go`; `apimachinery/pkg/api/validation/objectmeta.go`;
`apimachinery/pkg/apis/meta/v1/validation/validation.go`.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec

from ringfence.model.cidrs import CidrSpelling, cidr_spelling, cidr_warnings, strict_error
from ringfence.model.field_errors import (
    FieldError,
    each_once,
    forbidden,
    in_other_case,
    invalid,
    invalid_enum,
    required,
    too_long,
    unsupported,
)
from ringfence.model.names import (
    dns_label_errors,
    label_key_errors,
    label_value_errors,
    name_prefix,
    port_name_errors,
    subdomain_errors,
)
from ringfence.model.objects import (
    IPBlock,
    Labels,
    LabelSelector,
    LabelSelectorRequirement,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    PolicyMeta,
    Rule,
)
from ringfence.model.policies import Direction, rules_of
from ringfence.model.problems import ProblemCode
from ringfence.model.selectors import Operator
from ringfence.model.text_edits import Replacement
from ringfence.sets.traffic import PROTOCOLS

_ANNOTATIONS_LIMIT: Final = 256 * 1024
_LAST_PORT: Final = 65535


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


def validate(policy: NetworkPolicy, *, strict_cidrs: bool = True) -> list[FieldError]:
    """Everything for which the API server would refuse to create `policy`, which must be `defaulted` already.

    `strict_cidrs` refuses a CIDR with bits beyond its prefix length, with leading zeros, or with an IPv4-mapped
    address, as servers do since 1.36; without it those are accepted and `warnings` names them, as older servers do
    (feature gate `StrictIPCIDRValidation`). A missing namespace is not an error, because the client fills it in. A
    missing name is not one beside a `generateName`, from which a server makes a name; it validates that name, too, if
    the `generateName` is wrong. Each error is listed once.
    """
    return each_once(chain(_metadata_errors(policy.metadata), _spec_errors(policy, strict_cidrs)))


def warnings(policy: NetworkPolicy) -> list[FieldWarning]:
    """What the API server warns of when it accepts `policy`: CIDRs that other readers may take for something else."""
    found: list[FieldWarning] = []
    for path, rule, direction in _rules(policy):
        for i, peer in enumerate(rule.peers):
            if peer.ip_block is not None:
                found += _ip_block_warnings(peer.ip_block, f"{path}.{direction.peers_field}[{i}].ipBlock")
    return found


def selector_errors(selector: LabelSelector, path: str) -> Iterator[FieldError]:
    """What is wrong with a label selector; a selector without errors can be compiled."""
    yield from _label_errors(selector.match_labels, f"{path}.matchLabels")
    for i, requirement in enumerate(selector.match_expressions):
        yield from _requirement_errors(requirement, f"{path}.matchExpressions[{i}]")


def _metadata_errors(metadata: PolicyMeta) -> Iterator[FieldError]:
    if metadata.generate_name:
        for error in subdomain_errors(name_prefix(metadata.generate_name)):
            yield invalid("metadata.generateName", metadata.generate_name, error)
    if metadata.name:
        for error in subdomain_errors(metadata.name):
            yield invalid("metadata.name", metadata.name, error)
    elif not metadata.generate_name:
        yield required("metadata.name", "name or generateName is required")
    if metadata.namespace:
        for error in dns_label_errors(metadata.namespace):
            yield invalid("metadata.namespace", metadata.namespace, error)
    yield from _label_errors(metadata.labels or {}, "metadata.labels")
    yield from _annotation_errors(metadata.annotations or {}, "metadata.annotations")


def _label_errors(labels: Labels, path: str) -> Iterator[FieldError]:
    for key, value in labels.items():
        for error in label_key_errors(key):
            yield invalid(path, key, error, entry=key)
        for error in label_value_errors(value):
            yield invalid(path, value, error, entry=key)


def _annotation_errors(annotations: Labels, path: str) -> Iterator[FieldError]:
    for key in annotations:
        # Keys of annotations are looked at in lower case, so that a prefix may have capitals.
        for error in label_key_errors(key.lower()):
            yield invalid(path, key, error)
    texts = chain(annotations, annotations.values())
    if sum(len(text.encode(errors="surrogatepass")) for text in texts) > _ANNOTATIONS_LIMIT:
        yield too_long(path, _ANNOTATIONS_LIMIT)


def _requirement_errors(requirement: LabelSelectorRequirement, path: str) -> Iterator[FieldError]:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if requirement.values:
                yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        case unknown:
            meant = in_other_case(unknown, Operator)
            yield invalid_enum(f"{path}.operator", unknown, "not a valid selector operator", meant)
    for error in label_key_errors(requirement.key):
        yield invalid(f"{path}.key", requirement.key, error)
    for i, value in enumerate(requirement.values):
        for error in label_value_errors(value):
            yield invalid(f"{path}.values[{i}]", value, error)


def _spec_errors(policy: NetworkPolicy, strict_cidrs: bool) -> Iterator[FieldError]:
    yield from selector_errors(policy.spec.pod_selector, "spec.podSelector")
    for path, rule, direction in _rules(policy):
        for i, port in enumerate(rule.ports):
            yield from _port_errors(port, f"{path}.ports[{i}]")
        for i, peer in enumerate(rule.peers):
            yield from _peer_errors(peer, f"{path}.{direction.peers_field}[{i}]", strict_cidrs)
    yield from _policy_type_errors(policy.spec.policy_types, "spec.policyTypes")


def _rules(policy: NetworkPolicy) -> Iterator[tuple[str, Rule, Direction]]:
    for direction in Direction:
        for i, rule in enumerate(rules_of(policy, direction)):
            yield f"spec.{direction.field}[{i}]", rule, direction


def _policy_type_errors(types: tuple[str, ...], path: str) -> Iterator[FieldError]:
    if len(types) > len(Direction):
        yield invalid_enum(path, types, "may not specify more than two policyTypes")
        return
    for i, policy_type in enumerate(types):
        if policy_type not in list(Direction):
            yield unsupported(f"{path}[{i}]", policy_type, Direction)


def _port_errors(port: NetworkPolicyPort, path: str) -> Iterator[FieldError]:
    if port.protocol is not None and port.protocol not in PROTOCOLS:
        yield unsupported(f"{path}.protocol", port.protocol, PROTOCOLS)
    match port.port:
        case None:
            yield from _misplaced_end_port(port, path, "may not be specified when `port` is not specified")
        case str(name):
            yield from _misplaced_end_port(port, path, "may not be specified when `port` is non-numeric")
            # A number in quotes is taken for a name, and is the most common reason why a name is refused.
            number = int(name) if re.fullmatch("[1-9][0-9]{0,4}", name) else 0
            for error in port_name_errors(name):
                yield invalid(f"{path}.port", name, error, better=number if 1 <= number <= _LAST_PORT else None)
        case number:
            yield from _port_number_errors(number, f"{path}.port")
            if port.end_port is not None:
                if port.end_port < number:
                    yield invalid(f"{path}.endPort", port.end_port, "must be greater than or equal to `port`")
                yield from _port_number_errors(port.end_port, f"{path}.endPort")


def _misplaced_end_port(port: NetworkPolicyPort, path: str, error: str) -> Iterator[FieldError]:
    if port.end_port is not None:
        yield invalid(f"{path}.endPort", port.end_port, error)


def _port_number_errors(number: int, path: str) -> Iterator[FieldError]:
    if not 1 <= number <= _LAST_PORT:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


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
    yield from _cidr_errors(block.cidr, f"{path}.cidr", strict_cidrs)
    whole = _spelling(block.cidr)
    if whole is None:
        return
    for i, text in enumerate(block.excepts):
        yield from _cidr_errors(text, f"{path}.except[{i}]", strict_cidrs)
        part = _spelling(text)
        if part is not None and not _is_strict_subset(part, whole):
            yield invalid(f"{path}.except[{i}]", text, "must be a strict subset of `cidr`")


def _cidr_errors(text: str, path: str, strict_cidrs: bool) -> Iterator[FieldError]:
    spelling = _spelling(text)
    if spelling is None:
        yield invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
    elif strict_cidrs and (error := strict_error(spelling)):
        yield invalid(path, text, error, better=_standard_spelling(spelling))


def _standard_spelling(spelling: CidrSpelling) -> str | None:
    """The CIDR in its only other spelling; with bits beyond the prefix length it may mean an address or a network."""
    return None if spelling.has_surplus_bits else str(spelling.network)


def _is_strict_subset(part: CidrSpelling, whole: CidrSpelling) -> bool:
    # Upstream compares the prefix lengths as written, so an IPv4-mapped CIDR never compares well with an IPv4 one.
    return part.network.network_address in whole.network and part.prefix_length > whole.prefix_length


def _spelling(text: str) -> CidrSpelling | None:
    try:
        return cidr_spelling(text)
    except ValueError:
        return None


def _ip_block_warnings(block: IPBlock, path: str) -> Iterator[FieldWarning]:
    places = [(f"{path}.cidr", block.cidr), *((f"{path}.except[{i}]", text) for i, text in enumerate(block.excepts))]
    for place, text in places:
        spelling = _spelling(text)
        for message in cidr_warnings(spelling) if spelling else ():
            better = _standard_spelling(spelling) if spelling else None
            replacement = Replacement(text, better) if better else None
            yield FieldWarning(place, message, replacement=replacement, given=text)
