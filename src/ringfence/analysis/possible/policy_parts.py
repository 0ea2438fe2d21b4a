"""The parts of policies that could be removed: policies, rules, peers and port entries."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, Final

import msgspec

from ringfence.engine.policies import CompiledPolicy, CompiledRule, Peers
from ringfence.engine.possible import Removal, compile_in_any_cluster, rule_boxes, subject_box
from ringfence.model.cluster_policies import ClusterEgressRule, ClusterIngressRule
from ringfence.model.cluster_rules import cluster_rules_of
from ringfence.model.objects import NetworkPolicy, NetworkPolicyPeer, Policy
from ringfence.model.origin import Place
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.boxes import Box

_replace = msgspec.structs.replace


_STEPS_OF_AN_ENTRY: Final = 5
_STEPS_OF_EXCEPTIONS: Final = 35
"""An ipBlock with exceptions is a box of its own, which may overlap with all others (`sets.host_addresses`)."""
_EXCEPTIONS_OF_A_STEP: Final = 4
"""The number of exceptions that are read in the time of a step."""


class PartKind(StrEnum):
    """The kind of a part of a policy."""

    POLICY = "policy"
    RULE = "rule"
    PEER = "peer"
    PORT = "port entry"


Entry = tuple[str, int]
"""A peer or a port entry of a rule: the field of the model, and its number."""


class RemovablePart(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A part of a policy: `path` is its field, and empty for the whole policy."""

    kind: PartKind
    policy: CompiledPolicy[Any]
    path: str
    find_removal: Callable[[], Removal]
    find_regions: Callable[[], Iterable[tuple[Direction, Box]]]
    rule: CompiledRule | None = None
    entry: Entry | None = None
    work: int = 0
    """The number of steps (`Budget`) to compile the remaining rule and to compare it with the original."""
    entries: Sequence["RemovablePart"] = ()
    """Of a peer or a port entry, all entries of its list, itself included."""

    @cached_property
    def removal(self) -> Removal:
        """The removal of the part. For an entry, its rule is compiled again, so it is computed only when needed."""
        return self.find_removal()

    @cached_property
    def regions(self) -> tuple[tuple[Direction, Box], ...]:
        """The boxes, each with its direction, outside of which nothing changes without it.

        For an entry, its rule is compiled with it alone.
        """
        return tuple(self.find_regions())

    @property
    def direction(self) -> Direction:
        """The direction of its rule."""
        return next(direction for direction, rules in self.policy.rules.items() if self.rule in rules)

    @property
    def place(self) -> Place | None:
        """Where it is written, if that is known."""
        return self.policy.origin.at(self.path) if self.policy.origin else None

    @property
    def path_in_rule(self) -> str:
        """The field of a peer or of a port entry within its rule: `from[0]`."""
        return self.path.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.policy} {self.path}" if self.path else str(self.policy)


def ask_about_parts(policies: Iterable[CompiledPolicy[Any]], is_redundant: Callable[[RemovablePart], bool]) -> None:
    """Ask about each policy, then about the rules of those that are not redundant, then about their entries."""
    for policy in policies:
        # The parts of a policy that can go as a whole would say the same once more.
        if is_redundant(whole_policy(policy)):
            continue
        for rule in rule_parts(policy):
            if not is_redundant(rule):
                for entry in entry_parts(rule):
                    is_redundant(entry)


def whole_policy(policy: CompiledPolicy[Any]) -> RemovablePart:
    """A policy as a part."""
    sides = frozenset((policy, direction) for direction in policy.rules)
    # Iterate over the rules, not over `sides`: the order of a set differs between processes, and covers are listed in
    # this order.
    regions = [(one, box) for one in policy.rules if (box := subject_box(policy, one)) is not None]
    return RemovablePart(PartKind.POLICY, policy, "", lambda: Removal(sides), partial(iter, regions))


def rule_parts(policy: CompiledPolicy[Any]) -> Iterator[RemovablePart]:
    """The rules of a policy that are in force."""
    for direction, rules in policy.rules.items():
        for rule in rules:
            # A policy without policyTypes is for egress only because of its egress rules: without the last one it no
            # longer isolates egress.
            if len(rules) == 1 and _direction_is_implied(policy, direction):
                box = subject_box(policy, direction)
                regions: list[tuple[Direction, Box]] = [] if box is None else [(direction, box)]
                removal = Removal(frozenset([(policy, direction)]))
            else:
                regions = [(direction, box) for box in rule_boxes(policy, direction, rule)]
                removal = Removal(rules={rule: ()})
            path, found = _rule_path(direction, rule), partial(_same, removal)
            yield RemovablePart(PartKind.RULE, policy, path, found, partial(iter, regions), rule)


def entry_parts(part: RemovablePart) -> Iterator[RemovablePart]:
    """The peers and the port entries of a rule. A single one is not a part: without it, the rule would match all."""
    policy, rule, direction = part.policy, part.rule, part.direction
    assert rule is not None
    written = _written_rules(policy, direction)[rule.index]
    ports_field = "protocols" if isinstance(written, ClusterIngressRule | ClusterEgressRule) else "ports"
    work = _work(written.peers, getattr(written, ports_field))
    for kind, field, shown in (
        (PartKind.PEER, "peers", direction.peers_field),
        (PartKind.PORT, ports_field, ports_field),
    ):
        entries = getattr(written, field)
        parts: list[RemovablePart] = []
        for number in range(len(entries)) if len(entries) > 1 else ():
            regions = partial(_regions_of, policy, direction, _replace(written, **{field: (entries[number],)}))
            path = f"{_rule_path(direction, rule)}.{shown}[{number}]"
            entry = (field, number)
            removal = partial(_without_entry, part, entry)
            parts.append(RemovablePart(kind, policy, path, removal, regions, rule, entry, work, parts))
        yield from parts


def _regions_of(policy: CompiledPolicy[Any], direction: Direction, written: Any) -> Iterator[tuple[Direction, Box]]:
    """What a rule is about, as if it were the only one of a policy."""
    return ((direction, box) for box in _boxes_of(policy, direction, written))


def _without_entry(part: RemovablePart, entry: Entry) -> Removal:
    """The removal of one of several entries of a rule."""
    removal = without_entries(part, [entry])
    assert removal is not None
    return removal


def _same(removal: Removal) -> Removal:
    return removal


def _work(peers: Sequence[Any], ports: Sequence[Any]) -> int:
    exceptions = [count for count in map(_exceptions, peers) if count]
    of_exceptions = _STEPS_OF_EXCEPTIONS * len(exceptions) + sum(exceptions) // _EXCEPTIONS_OF_A_STEP
    return _STEPS_OF_AN_ENTRY * (len(peers) + len(ports)) + of_exceptions


def _exceptions(peer: Any) -> int:
    """The number of exceptions of an ipBlock; 0 for other peers."""
    block = peer.ip_block if isinstance(peer, NetworkPolicyPeer) else None
    return len(block.excepts or ()) if block else 0


def without_entries(part: RemovablePart, entries: Iterable[Entry]) -> Removal | None:
    """The removal of some entries of a rule; None if no peer or no port were left, because it would then match all."""
    assert part.rule is not None
    written = _less(_written_rules(part.policy, part.direction)[part.rule.index], entries)
    if written is None:
        return None
    return Removal(rules={part.rule: tuple(_boxes_of(part.policy, part.direction, written))})


def without_parts(policy: CompiledPolicy[Any], parts: Iterable[RemovablePart]) -> Policy | None:
    """A policy without some of its rules, peers and port entries; None if a remaining rule would then match all."""
    removed: dict[Direction, dict[int, list[Entry]]] = {direction: {} for direction in Direction}
    gone: set[tuple[Direction, int]] = set()
    for part in parts:
        assert part.rule is not None
        if part.entry is None:
            gone.add((part.direction, part.rule.index))
        else:
            removed[part.direction].setdefault(part.rule.index, []).append(part.entry)
    spec = policy.policy.spec
    for direction in policy.rules:
        written = _written_rules(policy, direction)
        kept = [number for number in range(len(written)) if (direction, number) not in gone]
        left = [_less(written[number], removed[direction].get(number, ())) for number in kept]
        if None in left:
            return None
        spec = _replace(spec, **{direction.field: tuple(left)})
        # Written out, so that the changed policy means what the removal means: without egress rules, no egress.
        if not left and _direction_is_implied(policy, direction):
            spec = _replace(spec, policy_types=(Direction.INGRESS.value,))
    changed: Policy = _replace(policy.policy, spec=spec)
    return changed


def keeps_direction(part: RemovablePart, gone: Collection[CompiledRule]) -> bool:
    """Whether a part is the last rule that makes a policy apply to egress, once the rules `gone` are removed.

    False for the only rule of a policy: its removal includes the direction.
    """
    if part.kind is not PartKind.RULE or not part.removal.rules:
        return False
    others = (rule for rule in part.policy.rules[part.direction] if rule is not part.rule)
    return _direction_is_implied(part.policy, part.direction) and all(rule in gone for rule in others)


def peers_alone(part: RemovablePart) -> Peers | None:
    """The peers of a rule, or a single peer; None for other parts."""
    if part.kind not in (PartKind.RULE, PartKind.PEER):
        return None
    alone = compile_in_any_cluster(part_alone(part))
    return next(rule.peers for rule in alone.rules[part.direction])


def part_alone(part: RemovablePart) -> Policy:
    """A policy with one rule only; for a peer or a port entry, the rule has only this entry in the list."""
    assert part.rule is not None
    written = _written_rules(part.policy, part.direction)[part.rule.index]
    if part.entry is not None:
        field, number = part.entry
        written = _replace(written, **{field: (getattr(written, field)[number],)})
    return _alone(part.policy, part.direction, written)


def _less(written: Any, entries: Iterable[Entry]) -> Any:
    """A rule without some of its entries; None if no peer or no port were left, because it would then match all."""
    removed = set(entries)
    for field in {field for field, _ in removed}:
        some = getattr(written, field)
        left = tuple(entry for number, entry in enumerate(some) if (field, number) not in removed)
        if not left:
            return None
        written = _replace(written, **{field: left})
    return written


def _boxes_of(policy: CompiledPolicy[Any], direction: Direction, written: Any) -> Iterator[Box]:
    """The boxes of a rule as if it were the only one of a policy."""
    alone = compile_in_any_cluster(_alone(policy, direction, written))
    for rule in alone.rules[direction]:
        yield from rule_boxes(alone, direction, rule)


def _alone(policy: CompiledPolicy[Any], direction: Direction, written: Any) -> Policy:
    """A policy as if it had only one rule."""
    other = direction.opposite
    spec = _replace(policy.policy.spec, **{direction.field: (written,), other.field: ()})
    alone: Policy = _replace(policy.policy, spec=spec)
    return alone


def number_of_entries(policy: CompiledPolicy[Any]) -> int:
    """How many peers and port entries the rules of a policy have."""
    rules = [rule for direction in policy.rules for rule in _written_rules(policy, direction)]
    return sum(len(getattr(rule, field, None) or ()) for rule in rules for field in ("peers", "ports", "protocols"))


def _written_rules(policy: CompiledPolicy[Any], direction: Direction) -> tuple[Any, ...]:
    if isinstance(policy.policy, NetworkPolicy):
        return rules_of(policy.policy, direction)
    return cluster_rules_of(policy.policy, direction)


def _direction_is_implied(policy: CompiledPolicy[Any], direction: Direction) -> bool:
    """Whether a NetworkPolicy is for egress only because it has egress rules."""
    if (
        direction is Direction.INGRESS
        or not isinstance(policy.policy, NetworkPolicy)
        or policy.origin is None
        # Without its fields it is not known whether the types were written. The API server stores them, so they were.
        or not policy.origin.fields
    ):
        return False
    return "spec.policyTypes" not in policy.origin.fields


def _rule_path(direction: Direction, rule: CompiledRule) -> str:
    return f"spec.{direction.field}[{rule.index}]"
