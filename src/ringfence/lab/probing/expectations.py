"""Expectations: what the engine says of each question, and whose policies say no.

The engine answers for identities, so one answer serves all pods that no policy can tell apart.
"""

from collections.abc import Iterator

from ringfence.analysis.probe_report import DenyingSide, IsolatingPolicy
from ringfence.engine.answers import is_exempt
from ringfence.engine.policies import CompiledPolicy, tiers
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.lab.network import IPAddress, LabPod, LabPort
from ringfence.lab.probing.probes import LabEndpoint, Probe
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import Traffic

_Side = tuple[Identity, Direction, Identity | IPAddress]


class Expectations:
    """What a state, which must not change meanwhile, says of questions."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._members: dict[str, tuple[Member, Identity]] = {
            str(member): (member, state.identity(member)) for member in state.members()
        }
        self._between: dict[tuple[Identity, Direction, Identity, Family, LabPort], bool] = {}
        self._outside: dict[tuple[Identity, Direction], Partition[Addresses, Traffic]] = {}
        self._isolating: dict[tuple[Identity, Direction], DenyingSide] = {}

    def allows(self, question: Probe) -> bool:
        """Whether the connection is expected to be possible."""
        return self._is_exempt(question) or all(self._side_allows(side, question) for side in self._sides(question))

    def denials(self, question: Probe) -> tuple[DenyingSide, ...]:
        """The sides that say no, with the policies that isolate them."""
        if self._is_exempt(question):
            return ()
        sides = [side for side in self._sides(question) if not self._side_allows(side, question)]
        return tuple(self._denial(subject, direction) for subject, direction, _ in sides)

    def _is_exempt(self, question: Probe) -> bool:
        source, destination = question.source, question.destination
        if not isinstance(source, LabPod) or not isinstance(destination, LabPod):
            return False
        return is_exempt(self._state, self._members[source.name][0], self._members[destination.name][0])

    def _sides(self, question: Probe) -> Iterator[_Side]:
        """The pods whose policies count, with the direction and the other end."""
        source, destination = self._end(question.source), self._end(question.destination)
        if isinstance(source, Identity):
            yield source, Direction.EGRESS, destination
        if isinstance(destination, Identity):
            yield destination, Direction.INGRESS, source

    def _end(self, party: LabEndpoint) -> Identity | IPAddress:
        return self._members[party.name][1] if isinstance(party, LabPod) else party

    def _side_allows(self, side: _Side, question: Probe) -> bool:
        subject, direction, peer = side
        port, family = question.port, Family(question.destination_address.version)
        if not isinstance(peer, Identity):
            return self._traffic_with(subject, direction, peer).contains(port.protocol, port.number)
        key = (subject, direction, peer, family, port)
        if key not in self._between:
            self._between[key] = tiers.allows(
                self._state.tiers, subject, direction, peer, family, port.protocol, port.number
            )
        return self._between[key]

    def _traffic_with(self, subject: Identity, direction: Direction, address: IPAddress) -> Traffic:
        if (subject, direction) not in self._outside:
            self._outside[subject, direction] = tiers.allowed_addresses(self._state.tiers, subject, direction)
        family, number = Family(address.version), int(address)
        cells = self._outside[subject, direction]
        return next(traffic for addresses, traffic in cells if addresses.contains(family, number))

    def _denial(self, subject: Identity, direction: Direction) -> DenyingSide:
        if (subject, direction) not in self._isolating:
            profile = self._state.network_policies.profile(subject, direction)
            policies = sorted(profile.policies, key=lambda policy: policy.name) if profile else []
            self._isolating[subject, direction] = DenyingSide(direction.field, tuple(map(_policy, policies)))
        return self._isolating[subject, direction]


def _policy(policy: CompiledPolicy) -> IsolatingPolicy:
    return IsolatingPolicy(f"{policy.namespace}/{policy.name}", str(policy.origin.at()) if policy.origin else "")
