"""Compiled policies: the common form of all kinds of policies, whatever their fields are called.

A policy selects its subjects and has rules for each direction. A rule matches peers AND traffic, and has an action for
what it matches. The file of each kind of policy compiles its objects into these values; everything else (rulings,
explanations, kernel programs) reads these values only.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from itertools import groupby
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from ringfence.engine.policies.selection import IdentitySelections, PodSelection, Selections
from ringfence.engine.population import Block, PortName, ReadableFact, facts_read_by
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.model.selectors import Selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic
from ringfence.steps import Pace, Steps, finish

P = TypeVar("P")
"""The model's struct of one kind of policy, such as `NetworkPolicy`."""


class Action(Enum):
    """What a rule, or a tier, does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"
    """Leaves the decision to the next tier, whatever the later rules of this tier say."""


class Peers(msgspec.Struct, frozen=True, cache_hash=True):
    """The peers of a rule: all pods that any of `selections` selects, and all addresses of `block`.

    With `everyone` the rule has no peers, so it is about all pods and addresses; then the others are empty.
    """

    everyone: bool
    selections: tuple[PodSelection, ...] = ()
    block: Block | None = None

    @property
    def addresses(self) -> Addresses:
        """The addresses outside the cluster that are meant; selectors never mean any."""
        return self.block.addresses if self.block else NO_ADDRESSES

    def among(self, selections: Selections, family: Family) -> Bitset:
        """The identities that are meant, as peers reached over one family."""
        if self.everyone:
            return selections.everyone
        bits = selections.union(self.selections)
        return bits | selections.in_block(self.block, family) if self.block else bits

    def select(self, identity: IdentitySelections, family: Family) -> bool:
        """Whether one identity is meant: `among`, for this identity alone."""
        if self.everyone or identity.in_any(self.selections):
            return True
        return self.block is not None and identity.in_block(self.block, family)


EVERYONE: Final = Peers(everyone=True)
"""The peers of a rule that names none."""


# Compared by identity (`eq=False`): rules are keys of caches, and to hash their peers and traffic would take longer
# than the look-up.
class CompiledRule(msgspec.Struct, frozen=True, eq=False):
    """A rule: peers AND traffic. `port_names` add the ports that the destination pod gives these names.

    `index` is its place among the rules that the policy has for its direction, `name` the one that its author gave it.
    `nodes` select the nodes whose addresses belong to the block of `peers`.
    """

    index: int
    peers: Peers
    traffic: Traffic
    port_names: tuple[PortName, ...] = ()
    action: Action = Action.ALLOW
    name: str = ""
    nodes: tuple[Selector, ...] = ()

    def names_of(self, protocol: str) -> list[str]:
        """The port names that it writes for one protocol."""
        return [name for name, name_protocol in self.port_names if name_protocol == protocol]


class Step(NamedTuple):
    """Rules that follow one another and do the same: among them the order does not matter."""

    action: Action
    rules: tuple[CompiledRule, ...]


_Steps = Mapping[Direction, tuple[Step, ...]]
_PortNames = Mapping[Direction, frozenset[PortName]]
_ReadByPolicy = tuple[Sequence[ReadableFact], Sequence[Block]]


# Compared by identity, too. `weakref` lets caches of rulings go with the policy; `dict` is what `cached_property`
# needs.
class CompiledPolicy(msgspec.Struct, Generic[P], frozen=True, eq=False, weakref=True, dict=True):
    """A policy: its subjects, and its rules for each direction that it applies to.

    `kind` is the key of its kind. The policy does not apply to a direction that is not a key of `rules`. `namespace`
    is empty for a cluster-scoped policy. Of the policies of a tier whose rules are ordered, the one with the lowest
    `priority` comes first, and of equal ones the first by name.
    """

    policy: P
    origin: Origin | None
    kind: str
    namespace: str
    name: str
    subject: PodSelection
    rules: Mapping[Direction, tuple[CompiledRule, ...]]
    priority: int = 0

    def __str__(self) -> str:
        """As kubectl names it: `prod/db-policy`, or the name alone of a cluster-scoped policy."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def kind_name(self) -> str:
        """The name of its kind without the group: `ClusterNetworkPolicy`."""
        return self.kind.partition(".")[0]

    @cached_property
    def order(self) -> tuple[int, str, str]:
        """The sort key of the policies of a tier, in the order in which they are evaluated."""
        # Upstream leaves the order of equal priorities open; by name it is the same in every process
        # (`answers.equal_priorities`).
        return (self.priority, self.name, self.kind)

    @property
    def read_facts(self) -> Sequence[ReadableFact]:
        """All facts that the policy reads about pods, except addresses; each fact once."""
        return self._read[0]

    @property
    def blocks(self) -> Sequence[Block]:
        """All address blocks that the policy reads."""
        return self._read[1]

    @cached_property
    def _read(self) -> _ReadByPolicy:
        return finish(self._facts_in_steps())

    def find_facts(self) -> Steps[None]:
        """Find `read_facts` and `blocks` in steps. Without this, they are found when they are first needed."""
        if "_read" not in self.__dict__:
            self.__dict__["_read"] = yield from self._facts_in_steps()

    def _facts_in_steps(self) -> Steps[_ReadByPolicy]:
        """Facts and blocks, found in one pass: a policy can have 500,000 rules that read nothing."""
        pace = Pace()
        facts: dict[ReadableFact, None] = {}
        yield from _note_facts(self.subject.pods, facts, pace)
        blocks: list[Block] = []
        for rule in self.all_rules():
            if pace.is_pause_due():
                yield
            peers = rule.peers
            if rule.port_names:
                facts.update(dict.fromkeys(rule.port_names))
            if peers.block is not None:
                blocks.append(peers.block)
            for selection in peers.selections:
                yield from _note_facts(selection.pods, facts, pace)
        return list(facts), blocks

    @cached_property
    def steps(self) -> _Steps:
        """The rules of each direction in steps, which all profiles with this policy share."""
        return {
            direction: tuple([Step(action, tuple(some)) for action, some in groupby(rules, lambda rule: rule.action)])
            for direction, rules in self.rules.items()
        }

    @cached_property
    def port_names(self) -> _PortNames:
        """The port names in the rules of each direction."""
        return {
            direction: frozenset(name for rule in rules if rule.port_names for name in rule.port_names)
            for direction, rules in self.rules.items()
        }

    def all_rules(self) -> Iterator[CompiledRule]:
        """The rules in force, of both directions."""
        for rules in self.rules.values():
            yield from rules


def _note_facts(selector: Selector, facts: dict[ReadableFact, None], pace: Pace) -> Steps[None]:
    for fact in facts_read_by(selector):
        facts[fact] = None
        if pace.is_pause_due():
            yield
