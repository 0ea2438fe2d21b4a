"""The smallest edit that would reverse an answer.

Candidates are made from the reasons of the answer: a peer or a port added to a rule that nearly matches, a rule added
to a policy that isolates; or, to forbid, an allowing part removed, or an isolating policy added. Each candidate is
put into the engine and the question is asked again: only an edit that is valid and reverses the answer is shown. Of
these it is the one that changes the fewest lines, and then the one that changes the fewest other connections.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count
from typing import Any

import msgspec

from ringfence.analysis.questions import Answer
from ringfence.engine.answers import End, PairReason, PolicyReason, RuleReason, SideReason, explain
from ringfence.engine.population import NAME_LABEL, Member
from ringfence.engine.state import State
from ringfence.model.documents import document, plain
from ringfence.model.kinds import namespace_of
from ringfence.model.names import label_key_errors, label_value_errors, subdomain_errors
from ringfence.model.objects import (
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
    PolicyMeta,
    Rule,
)
from ringfence.model.origin import Place
from ringfence.model.policies import Direction, defaulted, rules_of
from ringfence.model.validation import validate
from ringfence.model.yaml_text import yaml_lines
from ringfence.sets.traffic import PROTOCOLS, Traffic

_replace = msgspec.structs.replace
_MOST_STEPS = 12
_MOST_LABELS = 4
_LONGEST_NAME = 240  # of the 253 characters that a name may have, less some for a number
_GENERATED_LABELS = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)
_TELLING_LABELS = ("app.kubernetes.io/name", "app", "k8s-app", "name", "role", "component", "tier")


class Edit(msgspec.Struct, frozen=True):
    """One change to one policy: what to do and where, the lines to write, and the policy `after` it.

    `size` is the number of lines that change; `others` how many other pairs of a pod that the policy selects and a peer
    gain or lose the same access, at most: other policies may allow them as well.
    """

    action: str
    place: Place | None
    lines: tuple[str, ...]
    after: NetworkPolicy
    size: int
    others: int = 0


def smallest_edit(state: State, answer: Answer) -> tuple[Edit, ...]:
    """The edits that together reverse the answer, checked by the engine. Empty if no small edit does."""
    edits: list[Edit] = []
    wanted = not answer.passes_everywhere
    with state.supposing() as suppose:
        for _ in range(_MOST_STEPS):
            reason = _undone(state, answer, wanted)
            if reason is None:
                return tuple(edits)
            step = _allowing(state, reason) if wanted else _forbidding(state, reason)
            if not step:
                return ()
            for edit in step:
                suppose(edit.after)
            edits += step
    return ()


def _undone(state: State, answer: Answer, wanted: bool) -> PairReason | None:
    """A pair for which the answer is not yet as wanted; None if it is as wanted for all."""
    reasons = (explain(state, pair.source, pair.destination, pair.asked) for pair in answer.pairs)
    denied = next((reason for reason in reasons if not reason.allowed), None)
    if wanted:
        return denied
    pair = answer.pairs[0]
    return None if denied else explain(state, pair.source, pair.destination, pair.asked)


# --- to allow ---------------------------------------------------------------------------------------------------------


def _allowing(state: State, reason: PairReason) -> list[Edit]:
    """The smallest edit of the first side that denies. Empty if no side denies, or no edit of it allows."""
    side = next((side for side in (reason.egress, reason.ingress) if not side.allowed), None)
    best = _best(state, reason, side, _openings(state, side, reason.asked), wanted=True) if side else None
    return [best] if best else []


def _openings(state: State, side: SideReason, asked: Traffic | None) -> Iterator[Edit]:
    """Ways to let the peer in: the least that is missing in a rule, or a rule of its own."""
    ports = _ports_for(asked)
    for policy in side.policies:
        for rule in policy.rules:
            if rule.selects and ports:
                yield _with_ports(policy, side.direction, rule, ports)
            elif rule.carries:
                for peer in _peers_for(side.peer, policy.policy.namespace):
                    yield _with_peer(policy, side.direction, rule, peer)
        for peer in _peers_for(side.peer, policy.policy.namespace):
            yield _with_rule(policy, side.direction, peer, ports)


def _with_ports(
    policy: PolicyReason, direction: Direction, rule: RuleReason, ports: tuple[NetworkPolicyPort, ...]
) -> Edit:
    path = f"spec.{direction.field}[{rule.index}].ports"
    written = _written(policy, direction, rule.index)
    after = _with_rule_changed(policy, direction, rule.index, _replace(written, ports=(*written.ports, *ports)))
    return _edit(policy, f"add to {path}", path, [plain(port) for port in ports], after)


def _with_peer(policy: PolicyReason, direction: Direction, rule: RuleReason, peer: NetworkPolicyPeer) -> Edit:
    path = f"spec.{direction.field}[{rule.index}].{direction.peers_field}"
    written = _written(policy, direction, rule.index)
    after = _with_rule_changed(policy, direction, rule.index, _replace(written, peers=(*written.peers, peer)))
    return _edit(policy, f"add to {path}", path, [plain(peer)], after)


def _with_rule(
    policy: PolicyReason, direction: Direction, peer: NetworkPolicyPeer, ports: tuple[NetworkPolicyPort, ...]
) -> Edit:
    path = f"spec.{direction.field}"
    rules = (*rules_of(policy.policy.policy, direction), _rule(direction, peer, ports))
    return _edit(
        policy, f"add to {path}", path, [plain(rules[-1])], _with_rules(policy.policy.policy, direction, rules)
    )


def _ports_for(asked: Traffic | None) -> tuple[NetworkPolicyPort, ...]:
    if asked is None:
        return ()
    return tuple(
        NetworkPolicyPort(protocol, low, high if high > low else None)
        for protocol in PROTOCOLS
        for low, high in asked.ports(protocol)
    )


def _peers_for(end: End, namespace: str) -> Iterator[NetworkPolicyPeer]:
    """Peers that select `end`, seen from a policy in `namespace`, the most telling label first."""
    if not isinstance(end, Member):
        for cidr in end.cidrs():
            yield NetworkPolicyPeer(ip_block=IPBlock(cidr))
        return
    space = None if end.namespace == namespace else LabelSelector({NAME_LABEL: end.namespace})
    labels = list(_labels_to_select_by(end))
    for key in labels[:_MOST_LABELS]:
        yield NetworkPolicyPeer(LabelSelector({key: end.labels[key]}), space)
    if not labels:
        yield NetworkPolicyPeer(LabelSelector(), space)


def _labels_to_select_by(member: Member) -> Iterator[str]:
    """The keys of its labels that a policy can and should select by, the most telling first."""
    for key in dict.fromkeys((*_TELLING_LABELS, *sorted(member.labels))):
        value = member.labels.get(key)
        if value is not None and key not in _GENERATED_LABELS and not label_key_errors(key) + label_value_errors(value):
            yield key


# --- to forbid --------------------------------------------------------------------------------------------------------


def _forbidding(state: State, reason: PairReason) -> list[Edit]:
    """The smallest way to forbid at one of the two sides; nothing where no policy can."""
    ways = [way for side in (reason.egress, reason.ingress) if (way := _closing(state, reason, side))]
    return min(ways, key=lambda way: (sum(edit.size for edit in way), sum(edit.others for edit in way)), default=[])


def _closing(state: State, reason: PairReason, side: SideReason) -> list[Edit]:
    """The edits that take out everything by which one side allows."""
    if not isinstance(side.subject, Member) or side.exempt:
        return []
    if not side.isolated:
        best = _best(state, reason, side, [_isolating(state, side.subject, side.direction)], wanted=False)
        return [best] if best else []
    edits = []
    for policy in side.policies:
        after = policy.policy.policy
        for rule in reversed(policy.rules):
            if rule.allows:
                after = _without(after, side.direction, rule)
        if after is not policy.policy.policy:
            edits.append(_removal(policy, side.direction, after))
    return edits if _turns(state, reason, edits, wanted=False) else []


def _without(policy: NetworkPolicy, direction: Direction, rule: RuleReason) -> NetworkPolicy:
    """The policy less the peers of a rule that match, or less the rule if none would be left."""
    rules = list(rules_of(policy, direction))
    matching = {peer.index for peer in rule.peers if peer.matches}
    left = tuple(peer for index, peer in enumerate(rules[rule.index].peers) if index not in matching)
    if left:
        rules[rule.index] = _replace(rules[rule.index], peers=left)
    else:
        del rules[rule.index]
    return _with_rules(policy, direction, tuple(rules))


def _removal(policy: PolicyReason, direction: Direction, after: NetworkPolicy) -> Edit:
    taken: list[str] = []
    places: list[Place | None] = []
    size = 0
    for rule in policy.rules:
        if rule.allows:
            matching = [peer for peer in rule.peers if peer.matches]
            path = f"{direction.field}[{rule.index}]"
            whole = len(matching) == len(rule.peers)
            names = [path] if whole else [f"{path}.{direction.peers_field}[{peer.index}]" for peer in matching]
            taken += names
            places += [rule.place] if whole else [peer.place for peer in matching]
            written = _written(policy, direction, rule.index)
            parts = [written] if whole else [written.peers[peer.index] for peer in matching]
            size += sum(len(yaml_lines(plain(part))) for part in parts)
    reference = f"{policy.policy.namespace}/{policy.policy.name}"
    return Edit(f"in {reference}, remove {' and '.join(taken)}", places[0], (), after, size)


def _isolating(state: State, subject: Member, direction: Direction) -> Edit:
    """A new policy that isolates the subject and allows nothing."""
    peer = next(_peers_for(subject, subject.namespace))
    policy = defaulted(
        NetworkPolicy(
            PolicyMeta(_free_name(state, subject, direction), subject.namespace),
            NetworkPolicySpec(peer.pod_selector or LabelSelector(), (direction.value,)),
        )
    )
    lines = tuple(yaml_lines(document(policy)))
    return Edit(f"add a policy that denies all {direction.field} of {subject}", None, lines, policy, len(lines))


def _free_name(state: State, subject: Member, direction: Direction) -> str:
    """A name for the policy that denies a direction of `subject`, which no policy of its namespace has."""
    name = f"deny-{direction.field}-{subject.name}"[:_LONGEST_NAME].rstrip("-.")
    if subdomain_errors(name):
        name = f"deny-{direction.field}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(free for free in names if state.network_policies.policy(subject.namespace, free) is None)


# --- choosing and checking --------------------------------------------------------------------------------------------


def _best(
    state: State, reason: PairReason, side: SideReason, candidates: Iterable[Edit], *, wanted: bool
) -> Edit | None:
    """The candidate that makes one side as wanted with the fewest lines, and then with the fewest other changes."""
    best: Edit | None = None
    before = _admitted(state, side, reason.asked)
    for candidate in sorted(candidates, key=lambda edit: edit.size):
        if best and candidate.size > best.size:
            break
        if validate(candidate.after):
            continue
        with state.supposing() as suppose:
            suppose(candidate.after)
            now = _side(explain(state, reason.source, reason.destination, reason.asked), side.direction)
            if now.allowed is wanted:
                peers = max(abs(_admitted(state, side, reason.asked) - before), 1)
                others = _selected(state, candidate.after) * peers - 1
                if best is None or others < best.others:
                    best = _replace(candidate, others=others)
    return best


def _selected(state: State, policy: NetworkPolicy) -> int:
    """How many pods a policy, which must be in force, selects."""
    compiled = state.network_policies.policy(namespace_of(policy), policy.metadata.name)
    return state.count(compiled.subject) if compiled else 0


def _turns(state: State, reason: PairReason, edits: Iterable[Edit], *, wanted: bool) -> bool:
    with state.supposing() as suppose:
        for edit in edits:
            suppose(edit.after)
        return explain(state, reason.source, reason.destination, reason.asked).allowed is wanted


def _side(reason: PairReason, direction: Direction) -> SideReason:
    return reason.egress if direction is Direction.EGRESS else reason.ingress


def _admitted(state: State, side: SideReason, asked: Traffic | None) -> int:
    """The number of pods with which the subject's side allows the traffic in question."""
    assert isinstance(side.subject, Member)
    population = state.population
    identity = state.identity(side.subject)
    family = population.decisive_families()[0]
    cells = state.tiers.allowed_peers(identity, side.direction, family)
    passes: Callable[[Traffic], bool] = bool if asked is None else lambda traffic: not asked - traffic
    return sum(len(peer) for peers, traffic in cells if passes(traffic) for peer in population.identities(peers))


# --- policies changed -------------------------------------------------------------------------------------------------


def _edit(policy: PolicyReason, action: str, path: str, added: list[Any], after: NetworkPolicy) -> Edit:
    lines = tuple(yaml_lines(added))
    origin = policy.policy.origin
    place = origin.at(path) if origin else None
    reference = f"{policy.policy.namespace}/{policy.policy.name}"
    return Edit(f"in {reference}, {action}", place, lines, defaulted(after), len(lines))


def _written(policy: PolicyReason, direction: Direction, index: int) -> Rule:
    return rules_of(policy.policy.policy, direction)[index]


def _rule(direction: Direction, peer: NetworkPolicyPeer, ports: tuple[NetworkPolicyPort, ...]) -> Rule:
    make = NetworkPolicyIngressRule if direction is Direction.INGRESS else NetworkPolicyEgressRule
    return make(ports, (peer,))


def _with_rule_changed(policy: PolicyReason, direction: Direction, index: int, rule: Rule) -> NetworkPolicy:
    rules = list(rules_of(policy.policy.policy, direction))
    rules[index] = rule
    return _with_rules(policy.policy.policy, direction, tuple(rules))


def _with_rules(policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]) -> NetworkPolicy:
    return _replace(policy, spec=_replace(policy.spec, **{direction.field: rules}))
