"""What profiles decide about one port: for one peer, or for all of them at once.

A ruling for all peers is cached as bytes, of which a question about one peer reads one bit. A policy of the whole
cluster is in the profiles of many pods, so its own ruling is cached, too.

Source: network-policy-api, "Evaluation order"; for NetworkPolicy alone, the Kubernetes documentation, "The two sorts of
pod isolation".
"""

from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from ringfence.engine.policies.profiles import (
    PORTS_REMEMBERED,
    PackedRuling,
    PortQuestion,
    PortRuling,
    Profile,
    Stack,
)
from ringfence.engine.policies.rules import Action, CompiledPolicy, CompiledRule
from ringfence.engine.policies.selection import Selections
from ringfence.engine.population import Identity, NamedPort, Population
from ringfence.model.policies import Direction
from ringfence.sets.bitsets import Bitset

_NO_NAMES: Final[frozenset[str]] = frozenset()


class _PolicyRuling(NamedTuple):
    """The identities for which the rules of a policy allow and deny a port, and all that match; the rest pass."""

    allow: Bitset
    deny: Bitset
    matched: Bitset


class PortRulings:
    """Evaluates profiles on single ports over the pods of a population."""

    def __init__(self, population: Population, selections: Selections) -> None:
        self._population = population
        self._selections = selections
        self._of_policies: WeakKeyDictionary[
            CompiledPolicy[Any], dict[Direction, tuple[object, dict[object, _PolicyRuling]]]
        ] = WeakKeyDictionary()

    def on_port(self, profile: Profile, subject: Identity, question: PortQuestion) -> PortRuling:
        """The ruling of a profile for every peer of `subject` on one port; cached while nothing changes."""
        remembered = profile.rulings(self._selections.version)
        names = _own_names(profile, subject, question)
        # For egress and for rules without names, the ruling is the same for every subject: one entry serves all.
        key = (question, names) if names else question
        packed = remembered.get(key)
        if packed is None:
            packed = remembered[key] = self._find_on_port(profile, names, question)
        return packed.unpacked(self._population.everyone)

    def allows(self, stack: Stack, subject: Identity, peer: Identity, question: PortQuestion) -> bool:
        """Whether a stack allows one port with one peer: the first profile that does not pass decides."""
        version = self._selections.version
        for profile in stack:
            action = self._on_pair(profile, subject, peer, question, version)
            if action is not Action.PASS:
                return action is Action.ALLOW
        return True

    def on_pair(self, profile: Profile, subject: Identity, peer: Identity, question: PortQuestion) -> Action:
        """What a profile does with one port between `subject` and one peer: `on_port`, for this peer alone."""
        return self._on_pair(profile, subject, peer, question, self._selections.version)

    def _on_pair(
        self, profile: Profile, subject: Identity, peer: Identity, question: PortQuestion, version: object
    ) -> Action:
        """`on_pair`, with the version of all selections.

        The first question after a change is often the only one, so only the rules up to the first match are evaluated.
        From the second question on, the ruling for all peers is computed and cached.
        """
        remembered = profile.rulings(version)
        names = _own_names(profile, subject, question) if profile.port_names else _NO_NAMES
        key = (question, names) if names else question
        packed = remembered.get(key)
        if packed is None:
            if key not in remembered:
                remembered[key] = None
                return self._first_matching(profile, names, peer.bit, question)
            packed = remembered[key] = self._find_on_port(profile, names, question)
        # One byte is read, instead of unpacking integers of thousands of bits: `can` takes 15 µs in all
        # (docs/performance.md).
        allow, deny = packed
        place, mask = peer.bit >> 3, 1 << (peer.bit & 7)
        # The bytes end with the last bit that is set, so places beyond them are not set.
        if place < len(allow) and allow[place] & mask:
            return Action.ALLOW
        if deny is None:
            return Action.DENY
        return Action.DENY if place < len(deny) and deny[place] & mask else Action.PASS

    def _first_matching(self, profile: Profile, own_names: frozenset[str], bit: int, question: PortQuestion) -> Action:
        """The action of the first rule that matches one peer on a port; rules of one step do the same."""
        for action, rules in profile.steps:
            for rule in rules:
                if self._matching(profile.direction, rule, own_names, question) >> bit & 1:
                    return action
        return profile.otherwise

    def _find_on_port(self, profile: Profile, own_names: frozenset[str], question: PortQuestion) -> PackedRuling:
        if profile.denies_the_rest:
            # A bitset of 50,000 identities takes 6 KB. To build it is most of the time of a first question.
            direction = profile.direction
            meant = (self._matching(direction, rule, own_names, question) for rule in profile.rules)
            return PackedRuling.allowing(reduce(or_, meant, 0))
        allow: Bitset = 0
        deny: Bitset = 0
        undecided = self._population.everyone
        for policy in profile.policies:
            ruling = self._of_policy(policy, profile.direction, own_names, question)
            allow |= undecided & ruling.allow
            deny |= undecided & ruling.deny
            undecided &= ~ruling.matched
        if profile.otherwise is Action.DENY:
            deny |= undecided
        return PackedRuling.of(PortRuling(allow, deny))

    def _of_policy(
        self, policy: CompiledPolicy[Any], direction: Direction, own_names: frozenset[str], question: PortQuestion
    ) -> _PolicyRuling:
        # A namespaced policy is in the profiles of its namespace only, which cache their rulings themselves.
        if policy.namespace:
            return self._find_of_policy(policy, direction, own_names, question)
        version, by_direction = self._selections.version, self._of_policies.setdefault(policy, {})
        of_version, remembered = by_direction.get(direction, (None, {}))
        if of_version != version or len(remembered) > PORTS_REMEMBERED:
            remembered = {}
            by_direction[direction] = version, remembered
        names = own_names and own_names & {name for name, _ in policy.port_names[direction]}
        key = question, names
        ruling = remembered.get(key)
        if ruling is None:
            ruling = remembered[key] = self._find_of_policy(policy, direction, names, question)
        return ruling

    def _find_of_policy(
        self, policy: CompiledPolicy[Any], direction: Direction, own_names: frozenset[str], question: PortQuestion
    ) -> _PolicyRuling:
        allow: Bitset = 0
        deny: Bitset = 0
        matched: Bitset = 0
        for action, rules in policy.steps[direction]:
            meant = reduce(or_, (self._matching(direction, rule, own_names, question) for rule in rules), 0) & ~matched
            matched |= meant
            if action is Action.ALLOW:
                allow |= meant
            elif action is Action.DENY:
                deny |= meant
        return _PolicyRuling(allow, deny, matched)

    def _matching(
        self, direction: Direction, rule: CompiledRule, own_names: frozenset[str], question: PortQuestion
    ) -> Bitset:
        """The peers that a rule matches on a port."""
        family, protocol, port = question
        if rule.traffic.contains(protocol, port):
            return rule.peers.among(self._selections, family)
        if not rule.port_names:
            return 0
        names = rule.names_of(protocol)
        if direction is Direction.EGRESS:
            named = reduce(or_, (self._population.holding(NamedPort(name, protocol, port)) for name in names), 0)
            return rule.peers.among(self._selections, family) & named
        return 0 if own_names.isdisjoint(names) else rule.peers.among(self._selections, family)


def _own_names(profile: Profile, subject: Identity, question: PortQuestion) -> frozenset[str]:
    """The names in a profile's ingress rules by which the subject itself calls the port in question."""
    if not profile.port_names or profile.direction is Direction.EGRESS:
        return _NO_NAMES
    _, protocol, port = question
    named = profile.port_names
    found = [
        name[0]
        for name, numbers in subject.port_names.items()
        if port in numbers and name[1] == protocol and name in named
    ]
    return frozenset(found) if found else _NO_NAMES
