"""Profiles: the policies that isolate a pod in one direction. Pods that the same policies isolate share one."""

from typing import Final, NamedTuple

from ringfence.engine.policies.rules import CompiledPolicy
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset

_PORTS_REMEMBERED: Final = 8


class PortRuling(NamedTuple):
    """The peers that a profile allows one protocol and port.

    `by_name` are those that it allows besides, if the subject itself calls this port by a name: ingress only, where the
    subject is the destination.
    """

    peers: Bitset
    by_name: tuple[tuple[str, Bitset], ...] = ()


PortKey = tuple[Family, str, int]


class Profile:
    """The policies that isolate a pod in one direction, and all their rules."""

    __slots__ = ("__weakref__", "_remembered", "_version", "direction", "policies", "rules")

    def __init__(self, direction: Direction, policies: tuple[CompiledPolicy, ...]) -> None:
        self.direction = direction
        self.policies = policies
        self.rules = tuple(rule for policy in policies for rule in policy.rules[direction])
        self._version: object = None
        self._remembered: dict[PortKey, PortRuling] = {}

    def rulings(self, version: object) -> dict[PortKey, PortRuling]:
        """What is remembered of single ports as long as `version`, that of all selections, stays the same."""
        if self._version != version or len(self._remembered) > _PORTS_REMEMBERED:
            self._version, self._remembered = version, {}
        return self._remembered
