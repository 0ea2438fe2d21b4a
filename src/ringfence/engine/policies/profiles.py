"""Profiles: the rules of one tier for a pod in one direction, in the order in which they are evaluated.

Pods that the same policies select share one profile. A pod's profiles, one for each tier that has something to say to
it, are a *stack*: the first rule of the stack that matches decides, unless it passes the decision to the next profile.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final, NamedTuple

from ringfence.engine.policies.rules import Action, CompiledPolicy, CompiledRule
from ringfence.engine.population import Identity, PortName
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

_PORTS_REMEMBERED: Final = 8
"""The number of ports for which a profile caches its rulings. A question about all pods needs one port of each."""


AddressRule = tuple[Addresses, Traffic]
"""Addresses outside the cluster, and traffic that is allowed with each of them."""


class PortQuestion(NamedTuple):
    """One protocol and one port at the destination, over one address family."""

    family: Family
    protocol: str
    port: int


class PortRuling(NamedTuple):
    """The identities that are allowed what a question is about, and those that are denied it; others are passed on."""

    allow: Bitset
    deny: Bitset


class Step(NamedTuple):
    """Rules that follow one another and do the same: among them the order does not matter."""

    action: Action
    rules: tuple[CompiledRule, ...]


class Profile:
    """The policies of one tier that select a pod for one direction, in order, and what they say.

    What none of the rules matches gets the action `otherwise`: NetworkPolicies deny it, for they isolate the pod; other
    kinds pass it on.
    """

    __slots__ = (
        "__weakref__",
        "_remembered",
        "_version",
        "address_rules",
        "direction",
        "naming",
        "otherwise",
        "policies",
        "rules",
        "steps",
        "tier",
    )

    def __init__(
        self, tier: str, direction: Direction, policies: tuple[CompiledPolicy[Any], ...], otherwise: Action
    ) -> None:
        self.tier = tier
        self.direction = direction
        self.policies = policies
        self.otherwise = otherwise
        self.rules = tuple(rule for policy in policies for rule in policy.rules[direction])
        self.steps = tuple(
            Step(action, tuple(rules)) for action, rules in groupby(self.rules, lambda rule: rule.action)
        )
        self.naming: dict[PortName, list[CompiledRule]] = {}
        """The rules that name a port."""
        for rule in self.rules:
            for name in rule.port_names:
                self.naming.setdefault(name, []).append(rule)
        self.address_rules: list[AddressRule] | None = None
        """What its rules allow with addresses outside the cluster, apart from port names; None if not found yet."""
        self._version: object = None
        self._remembered: dict[object, PortRuling] = {}

    @property
    def is_final(self) -> bool:
        """Whether it leaves nothing to the profiles of later tiers."""
        return self.otherwise is not Action.PASS and all(step.action is not Action.PASS for step in self.steps)

    @property
    def allows_only(self) -> bool:
        """Whether its rules do nothing but allow: then what is allowed is their union."""
        return all(step.action is Action.ALLOW for step in self.steps)

    def rulings(self, version: object) -> dict[object, PortRuling]:
        """The rulings on single ports, cached as long as `version`, that of all selections, stays the same."""
        if self._version != version or len(self._remembered) > _PORTS_REMEMBERED:
            self._version, self._remembered = version, {}
        return self._remembered


Stack = tuple[Profile, ...]
"""A pod's profiles in one direction, in the order of the tiers; only the last one may deny what no rule matches."""

OwnPorts = frozenset[tuple[str, str, int]]
"""The numbers that a subject gives to the port names in its ingress rules, each with its name and protocol."""

NO_OWN_PORTS: Final[OwnPorts] = frozenset()


def own_ports(stack: Iterable[Profile], subject: Identity) -> OwnPorts:
    """What a stack's rulings depend on besides the stack: for ingress, the subject itself is the destination.

    Nothing for egress, where each destination has its own.
    """
    return frozenset(
        (*name, port)
        for profile in stack
        if profile.direction is Direction.INGRESS
        for name in subject.port_names.keys() & profile.naming
        for port in subject.port_names[name]
    )


def is_union(stack: Stack) -> bool:
    """Whether a stack allows exactly the union of its rules, so that their order does not matter."""
    return bool(stack) and stack[-1].otherwise is Action.DENY and all(profile.allows_only for profile in stack)
