"""The parts of policies that could be removed: policies, rules, peers and port entries."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy, CompiledRule
from ringfence.engine.possible import Removal, compile_in_any_cluster, rule_boxes, subject_box
from ringfence.model.cluster_policies import ClusterEgressRule, ClusterIngressRule
from ringfence.model.cluster_rules import cluster_rules_of
from ringfence.model.objects import NetworkPolicy
from ringfence.model.origin import Place
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.boxes import Box

_replace = msgspec.structs.replace


class PartKind(StrEnum):
    """What of a policy a part is."""

    POLICY = "policy"
    RULE = "rule"
    PEER = "peer"
    PORT = "port entry"


Entry = tuple[str, int]
"""A peer or a port entry of a rule: the field of the model, and its number."""


class RemovablePart(msgspec.Struct, frozen=True, eq=False):
    """A part of a policy: `path` is its field, and empty for the whole policy.

    `regions` are the boxes, each with its direction, outside of which nothing changes if the part is removed.
    """

    kind: PartKind
    policy: CompiledPolicy[Any]
    path: str
    removal: Removal
    regions: tuple[tuple[Direction, Box], ...]
    rule: CompiledRule | None = None
    entry: Entry | None = None

    @property
    def direction(self) -> Direction:
        """The direction of its rule."""
        return next(direction for direction, rules in self.policy.rules.items() if self.rule in rules)

    @property
    def place(self) -> Place | None:
        """Where it is written, if that is known."""
        return self.policy.origin.at(self.path) if self.policy.origin else None

    def __str__(self) -> str:
        return f"{self.policy} {self.path}" if self.path else str(self.policy)


def whole_policy(policy: CompiledPolicy[Any]) -> RemovablePart:
    """A policy as a part."""
    sides = frozenset((policy, direction) for direction in policy.rules)
    # Not of `sides`, a set, which has another order in each process: what covers the policy is listed in this order.
    regions = [(one, box) for one in policy.rules if (box := subject_box(policy, one)) is not None]
    return RemovablePart(PartKind.POLICY, policy, "", Removal(sides), tuple(regions))


def rule_parts(policy: CompiledPolicy[Any]) -> Iterator[RemovablePart]:
    """The rules of a policy that are in force."""
    for direction, rules in policy.rules.items():
        for rule in rules:
            # Without its last egress rule, a policy that does not write policyTypes would not touch egress.
            if direction is Direction.EGRESS and len(rules) == 1 and _direction_is_implied(policy):
                box = subject_box(policy, direction)
                regions: list[tuple[Direction, Box]] = [] if box is None else [(direction, box)]
                removal = Removal(frozenset([(policy, direction)]))
            else:
                regions = [(direction, box) for box in rule_boxes(policy, direction, rule)]
                removal = Removal(rules={rule: ()})
            yield RemovablePart(PartKind.RULE, policy, _rule_path(direction, rule), removal, tuple(regions), rule)


def entry_parts(part: RemovablePart) -> Iterator[RemovablePart]:
    """The peers and the port entries of a rule. A single one is no part: without it, the rule would mean all."""
    policy, rule, direction = part.policy, part.rule, part.direction
    assert rule is not None
    written = _written_rules(policy, direction)[rule.index]
    ports_field = "protocols" if isinstance(written, ClusterIngressRule | ClusterEgressRule) else "ports"
    for kind, field, shown in (
        (PartKind.PEER, "peers", direction.peers_field),
        (PartKind.PORT, ports_field, ports_field),
    ):
        entries = getattr(written, field)
        for number in range(len(entries)) if len(entries) > 1 else ():
            alone = _replace(written, **{field: (entries[number],)})
            regions = tuple((direction, box) for box in _boxes_of(policy, direction, alone))
            path = f"{_rule_path(direction, rule)}.{shown}[{number}]"
            removal = without_entries(part, [(field, number)])
            assert removal is not None
            yield RemovablePart(kind, policy, path, removal, regions, rule, (field, number))


def without_entries(part: RemovablePart, entries: Iterable[Entry]) -> Removal | None:
    """The removal of some entries of a rule; None if no peer or no port would be left, and it would mean all."""
    assert part.rule is not None
    written = _written_rules(part.policy, part.direction)[part.rule.index]
    removed = set(entries)
    for field in {field for field, _ in removed}:
        some = getattr(written, field)
        left = tuple(entry for number, entry in enumerate(some) if (field, number) not in removed)
        if not left:
            return None
        written = _replace(written, **{field: left})
    return Removal(rules={part.rule: tuple(_boxes_of(part.policy, part.direction, written))})


def _boxes_of(policy: CompiledPolicy[Any], direction: Direction, written: Any) -> Iterator[Box]:
    """The boxes of a rule as if it were the only one of a policy."""
    other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    spec = _replace(policy.policy.spec, **{direction.field: (written,), other.field: ()})
    alone = compile_in_any_cluster(_replace(policy.policy, spec=spec))
    for rule in alone.rules[direction]:
        yield from rule_boxes(alone, direction, rule)


def _written_rules(policy: CompiledPolicy[Any], direction: Direction) -> tuple[Any, ...]:
    if isinstance(policy.policy, NetworkPolicy):
        return rules_of(policy.policy, direction)
    return cluster_rules_of(policy.policy, direction)


def _direction_is_implied(policy: CompiledPolicy[Any]) -> bool:
    """Whether a NetworkPolicy is for egress only because it has egress rules."""
    if not isinstance(policy.policy, NetworkPolicy) or policy.origin is None or not policy.origin.fields:
        return False
    return "spec.policyTypes" not in policy.origin.fields


def _rule_path(direction: Direction, rule: CompiledRule) -> str:
    return f"spec.{direction.field}[{rule.index}]"
