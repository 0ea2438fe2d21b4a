"""Profiles: the rules of one tier for a pod in one direction, in the order in which they are evaluated.

Pods that the same policies select share one profile. A pod's profiles, one for each tier with a policy that selects it,
are a *stack*: the first rule of the stack that matches decides, unless it passes the decision to the next profile.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ringfence.engine.policies.rules import Action, CompiledPolicy, CompiledRule, Step
from ringfence.engine.population import Identity, PortName
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

PORTS_REMEMBERED: Final = 8
"""The number of ports whose rulings are cached, of each profile or policy. A question about all pods needs one each."""


AddressRule = tuple[Addresses, Traffic]
"""Addresses outside the cluster, and traffic that is allowed with each of them."""


class PortQuestion(NamedTuple):
    """One protocol and one port at the destination, over one address family."""

    family: Family
    protocol: str
    port: int


class PortRuling(NamedTuple):
    """The identities that are allowed, and those that are denied; the others are passed on."""

    allow: Bitset
    deny: Bitset


class PackedRuling(NamedTuple):
    """A ruling whose single bits are read: of an integer, all of it would be copied for one bit.

    The bytes end with the last bit that is set. Without `deny`, all is denied that is not allowed.
    """

    allow: bytes
    deny: bytes | None

    @classmethod
    def of(cls, ruling: PortRuling) -> "PackedRuling":
        """A ruling, packed."""
        return cls(_packed(ruling.allow), _packed(ruling.deny))

    @classmethod
    def allowing(cls, allow: Bitset) -> "PackedRuling":
        """The ruling that denies all but some identities."""
        return cls(_packed(allow), None)

    def unpacked(self, everyone: Bitset) -> PortRuling:
        """The ruling as bitsets; `everyone` are all identities."""
        allow = int.from_bytes(self.allow, "little")
        return PortRuling(allow, everyone & ~allow if self.deny is None else int.from_bytes(self.deny, "little"))


def _packed(bits: Bitset) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


class Profile:
    """The policies of one tier that select a pod for one direction, in order, and their rules.

    What none of the rules matches gets the action `otherwise`: NetworkPolicies deny it, for they isolate the pod; other
    kinds pass it on.

    A pod can have thousands of rules and a cluster thousands of profiles, so the rules stay with the policies.
    """

    __slots__ = (
        "__weakref__",
        "_allows_only",
        "_is_final",
        "_remembered",
        "_version",
        "address_cells",
        "address_rules",
        "direction",
        "otherwise",
        "policies",
        "port_names",
        "tier",
    )

    def __init__(
        self, tier: str, direction: Direction, policies: tuple[CompiledPolicy[Any], ...], otherwise: Action
    ) -> None:
        self.tier = tier
        self.direction = direction
        self.policies = policies
        self.otherwise = otherwise
        self.port_names: frozenset[PortName] = frozenset().union(*(one.port_names[direction] for one in policies))
        self.address_rules: list[AddressRule] | None = None
        """What its rules allow with addresses outside the cluster, apart from port names; None if not found yet."""
        self.address_cells: list[tuple[Addresses, Traffic]] | None = None
        """What it allows with each address outside the cluster, apart from port names; None if not found yet."""
        self._is_final: bool | None = None
        self._allows_only: bool | None = None
        self._version: object = None
        self._remembered: dict[object, PackedRuling | None] = {}

    @property
    def rules(self) -> Iterator[CompiledRule]:
        """All rules, in order."""
        return (rule for policy in self.policies for rule in policy.rules[self.direction])

    @property
    def steps(self) -> Iterator[Step]:
        """The rules, in order, in steps of one policy each."""
        return (step for policy in self.policies for step in policy.steps[self.direction])

    def naming(self, name: PortName) -> Iterator[CompiledRule]:
        """The rules that name a port."""
        of_policies = (policy for policy in self.policies if name in policy.port_names[self.direction])
        return (rule for policy in of_policies for rule in policy.rules[self.direction] if name in rule.port_names)

    @property
    def denies_the_rest(self) -> bool:
        """Whether it denies all that its rules do not allow, as NetworkPolicies do."""
        return self.otherwise is Action.DENY and self.allows_only

    @property
    def is_final(self) -> bool:
        """Whether it passes nothing on to the profiles of later tiers."""
        if self._is_final is None:
            passes = any(step.action is Action.PASS for step in self.steps)
            self._is_final = self.otherwise is not Action.PASS and not passes
        return self._is_final

    @property
    def allows_only(self) -> bool:
        """Whether all its rules allow: then the allowed traffic is their union."""
        if self._allows_only is None:
            self._allows_only = all(step.action is Action.ALLOW for step in self.steps)
        return self._allows_only

    def rulings(self, version: object) -> dict[object, PackedRuling | None]:
        """The rulings on single ports, cached as long as `version`, that of all selections, stays the same.

        None means a ruling that was asked for about one peer only.
        """
        # Old entries are dropped together: an order of use would have to be written with each of millions of look-ups.
        if self._version != version or len(self._remembered) > PORTS_REMEMBERED:
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
        for name in subject.port_names.keys() & profile.port_names
        for port in subject.port_names[name]
    )


def is_union(stack: Stack) -> bool:
    """Whether a stack allows exactly the union of its rules, so that their order does not matter."""
    return bool(stack) and stack[-1].otherwise is Action.DENY and all(profile.allows_only for profile in stack)
