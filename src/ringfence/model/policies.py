"""The defaults that the API server sets in a policy before it validates it.

Source: `pkg/apis/networking/v1/defaults.go`.
"""

from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from ringfence.model.metadata import LabelSelector, PolicyMeta
from ringfence.model.objects import NetworkPolicy, NetworkPolicyPort, NetworkPolicySpec, Rule

R = TypeVar("R", bound=Rule)

DEFAULT_PROTOCOL: Final = "TCP"


class Direction(StrEnum):
    """Seen from the subject, by who opens the connection; the values are those of `policyTypes`."""

    INGRESS = "Ingress"
    EGRESS = "Egress"

    @property
    def opposite(self) -> "Direction":
        """The direction of which the subject is at the other end of a connection."""
        return Direction.EGRESS if self is Direction.INGRESS else Direction.INGRESS

    @property
    def field(self) -> str:
        """The field of `spec` that holds this direction's rules."""
        return self.value.lower()

    @property
    def peers_field(self) -> str:
        """The field of a rule that holds this direction's peers."""
        return "from" if self is Direction.INGRESS else "to"


def rules_of(policy: NetworkPolicy, direction: Direction) -> tuple[Rule, ...]:
    """The policy's rules for one direction, whether or not its `policyTypes` put them in force."""
    return policy.spec.ingress if direction is Direction.INGRESS else policy.spec.egress


def cidrs_of(policy: NetworkPolicy) -> tuple[str, ...]:
    """The CIDRs of all ipBlocks, with their exceptions, as they are written."""
    blocks = [peer.ip_block for one in Direction for rule in rules_of(policy, one) for peer in rule.peers]
    return tuple([text for block in blocks if block for text in (block.cidr, *block.excepts)])


def defaulted(policy: NetworkPolicy) -> NetworkPolicy:
    """The policy as the API server stores it.

    A port without a protocol is TCP, even an empty port entry. Without `policyTypes` a policy is for ingress, and for
    egress too if it has at least one egress rule: `egress: []` alone does not isolate egress.
    """
    spec = policy.spec
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    return msgspec.structs.replace(
        policy,
        spec=NetworkPolicySpec(spec.pod_selector, types, _with_protocols(spec.ingress), _with_protocols(spec.egress)),
    )


def without_rules(policy: NetworkPolicy) -> NetworkPolicy:
    """The policy with its subject and directions, and without a rule."""
    return msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, ingress=(), egress=()))


class _SubjectSpec(msgspec.Struct, frozen=True, rename="camel"):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()


class PolicySubject(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a written policy that are its subject."""

    metadata: PolicyMeta = PolicyMeta()
    spec: _SubjectSpec = _SubjectSpec()


def policy_of_subject(written: PolicySubject) -> NetworkPolicy:
    """The policy without a rule, in both directions if none is written: which one it is would depend on the rules."""
    types = written.spec.policy_types or tuple(Direction)
    return NetworkPolicy(written.metadata, NetworkPolicySpec(written.spec.pod_selector, types))


def _with_protocols(rules: tuple[R, ...]) -> tuple[R, ...]:
    return tuple([_with_protocols_of_rule(rule) if rule.ports else rule for rule in rules])


def _with_protocols_of_rule(rule: R) -> R:
    ports = [port if port.protocol is not None else _with_protocol(port) for port in rule.ports]
    return type(rule)(tuple(ports), rule.peers)


def _with_protocol(port: NetworkPolicyPort) -> NetworkPolicyPort:
    return NetworkPolicyPort(DEFAULT_PROTOCOL, port.port, port.end_port)
