"""Expectations: what the engine says about each probe, and whose policies deny it.

The engine answers for identities, so one answer serves all pods that no policy distinguishes.
"""

from collections.abc import Iterator
from typing import Any

from ringfence.analysis.probes import DenyingSide, IsolatingPolicy
from ringfence.engine.answers import is_exempt
from ringfence.engine.policies import CompiledPolicy, PortQuestion
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.lab.network import IPAddress, LabPod, LabPort
from ringfence.lab.probing.probes import LabEndpoint, Probe
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import Traffic

_Side = tuple[Identity, Direction, Identity | IPAddress]
"""A pod whose policies are asked, in which direction, and the other end of the connection."""


class Expectations:
    """What a state says about probes. The state must not change in between, because answers are cached."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._members: dict[str, tuple[Member, Identity]] = {
            str(member): (member, state.identity(member)) for member in state.members()
        }
        self._between_pods: dict[tuple[Identity, Direction, Identity, Family, LabPort], bool] = {}
        self._with_addresses: dict[tuple[Identity, Direction], Partition[Addresses, Traffic]] = {}
        self._denying_sides: dict[tuple[Identity, Direction], DenyingSide] = {}

    def allows(self, probe: Probe) -> bool:
        """Whether the engine allows the connection."""
        return self._is_exempt(probe) or all(self._side_allows(side, probe) for side in self._sides(probe))

    def denied_by(self, probe: Probe) -> tuple[DenyingSide, ...]:
        """The sides that deny the connection, with the policies that isolate them."""
        if self._is_exempt(probe):
            return ()
        denying = [side for side in self._sides(probe) if not self._side_allows(side, probe)]
        return tuple(self._denying_side(subject, direction) for subject, direction, _ in denying)

    def _is_exempt(self, probe: Probe) -> bool:
        source, destination = probe.source, probe.destination
        if not isinstance(source, LabPod) or not isinstance(destination, LabPod):
            return False
        return is_exempt(self._state, self._members[source.name][0], self._members[destination.name][0])

    def _sides(self, probe: Probe) -> Iterator[_Side]:
        source, destination = self._end(probe.source), self._end(probe.destination)
        if isinstance(source, Identity):
            yield source, Direction.EGRESS, destination
        if isinstance(destination, Identity):
            yield destination, Direction.INGRESS, source

    def _end(self, endpoint: LabEndpoint) -> Identity | IPAddress:
        return self._members[endpoint.name][1] if isinstance(endpoint, LabPod) else endpoint

    def _side_allows(self, side: _Side, probe: Probe) -> bool:
        subject, direction, peer = side
        port, family = probe.port, Family(probe.destination_address.version)
        if not isinstance(peer, Identity):
            return self._traffic_with(subject, direction, peer).contains(port.protocol, port.number)
        key = (subject, direction, peer, family, port)
        if key not in self._between_pods:
            question = PortQuestion(family, port.protocol, port.number)
            self._between_pods[key] = self._state.tiers.allows(subject, direction, peer, question)
        return self._between_pods[key]

    def _traffic_with(self, subject: Identity, direction: Direction, address: IPAddress) -> Traffic:
        if (subject, direction) not in self._with_addresses:
            self._with_addresses[subject, direction] = self._state.tiers.allowed_addresses(subject, direction)
        family, number = Family(address.version), int(address)
        cells = self._with_addresses[subject, direction]
        # The cells contain all addresses, so one of them is found.
        return next(traffic for addresses, traffic in cells if addresses.contains(family, number))

    def _denying_side(self, subject: Identity, direction: Direction) -> DenyingSide:
        if (subject, direction) not in self._denying_sides:
            stack = self._state.tiers.stack(subject, direction)
            policies = (policy for profile in stack for policy in profile.policies)
            self._denying_sides[subject, direction] = DenyingSide(direction.field, tuple(map(_isolating, policies)))
        return self._denying_sides[subject, direction]


def _isolating(policy: CompiledPolicy[Any]) -> IsolatingPolicy:
    return IsolatingPolicy(str(policy), str(policy.origin.at()) if policy.origin else "")
