"""The traffic that each side allows at one time, to compare two times between which policies have changed.

Identities must be the same at both times (`PoliciesInForce.telling_apart`).
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import and_
from typing import Final

from ringfence.engine.policies import OwnPorts, Stack, own_ports
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.boxes import Step, no_limit
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

_RANGES_OF_A_STEP: Final = 50
"""The number of address ranges that are compared in the time of a step."""


class Moment:
    """The traffic that each side allows at one time. `stacks` are the policies of identities that have others now.

    All others are the same as at the `earlier` time, if it is given, whose cached results are used for them.
    """

    def __init__(
        self, state: State, stacks: Mapping[tuple[int, Direction], Stack], earlier: "Moment | None" = None
    ) -> None:
        self.state = state
        self._stacks = stacks
        self._earlier = earlier
        self._rows: dict[tuple[Stack, OwnPorts, Family], Partition[Bitset, Traffic]] = {}
        self._rows_of: dict[tuple[int, Direction, Family], Partition[Bitset, Traffic]] = {}
        self._outside: dict[tuple[Stack, OwnPorts], Partition[Addresses, Traffic]] = {}

    def policies(self, subject: Identity, direction: Direction) -> tuple[Stack, OwnPorts]:
        """Everything that the subject's side depends on."""
        stack = self._stacks.get((subject.bit, direction))
        if stack is None:
            stack = self.state.tiers.stack(subject, direction)
        return stack, own_ports(stack, subject)

    def peers(self, subject: Identity, direction: Direction, family: Family) -> Partition[Bitset, Traffic]:
        """The traffic that the subject's side allows with every identity over one family."""
        # Most identities keep their policies when one changes: their rows are those of the earlier moment.
        if self._earlier and (subject.bit, direction) not in self._stacks:
            return self._earlier.peers(subject, direction, family)
        of = subject.bit, direction, family
        if of not in self._rows_of:
            stack, own = self.policies(subject, direction)
            key = stack, own, family
            if key not in self._rows:
                self._rows[key] = self.state.tiers.peers_of(*key)
            self._rows_of[of] = self._rows[key]
        return self._rows_of[of]

    def addresses(self, subject: Identity, direction: Direction) -> Partition[Addresses, Traffic]:
        """The traffic that the subject's side allows with every address outside the cluster."""
        if self._earlier and (subject.bit, direction) not in self._stacks:
            return self._earlier.addresses(subject, direction)
        key = self.policies(subject, direction)
        if key not in self._outside:
            self._outside[key] = self.state.tiers.addresses_of(*key)
        return self._outside[key]

    def traffic(self, source: Identity, destination: Identity) -> Traffic:
        """The traffic allowed from the pods of one identity to those of another."""
        families = [family for family in source.families if family in destination.families]
        if len(families) > 1:
            families = list(self.state.population.decisive_families())
        over = (
            _at(self.peers(source, Direction.EGRESS, family), destination)
            & _at(self.peers(destination, Direction.INGRESS, family), source)
            for family in families
        )
        return reduce(and_, over, ALL_TRAFFIC if families else NO_TRAFFIC)


def _at(row: Partition[Bitset, Traffic], identity: Identity) -> Traffic:
    return next(traffic for peers, traffic in row if peers >> identity.bit & 1)


def stacks_of(state: State, subjects: frozenset[Identity]) -> Mapping[tuple[int, Direction], Stack]:
    """The policies of some subjects at present, for a `Moment` that is used after these have changed."""
    return {
        (subject.bit, direction): state.tiers.stack(subject, direction)
        for subject in subjects
        for direction in Direction
    }


def changed_peers(
    subject: Identity, direction: Direction, before: Moment, after: Moment, step: Step = no_limit
) -> Bitset:
    """The peers for which the traffic that the subject's own side allows has changed; `step` counts comparisons."""
    changed: Bitset = 0
    for family in {*after.state.population.decisive_families(), *subject.families}:
        for peers, was in before.peers(subject, direction, family):
            step(1)
            for others, now in after.peers(subject, direction, family):
                if was != now:
                    changed |= peers & others
    return changed


def _steps_of_addresses(stack: Stack) -> int:
    """The steps that it takes to find what policies say about all addresses: each rule divides what others left."""
    found = [rule.peers.addresses for profile in stack for rule in profile.rules if not rule.peers.everyone]
    ranges = [len(addresses.v4) + len(addresses.v6) for addresses in found if addresses]
    return len(ranges) * sum(ranges) // _RANGES_OF_A_STEP


def changed_addresses(
    subject: Identity, direction: Direction, before: Moment, after: Moment, step: Step = no_limit
) -> Iterator[tuple[Addresses, Traffic, Traffic]]:
    """The outside addresses for which the traffic that the subject's side allows has changed, before and after.

    `step` counts the work of finding what the policies say about all addresses.
    """
    step(_steps_of_addresses(after.policies(subject, direction)[0]))
    for extent, was in before.addresses(subject, direction):
        for other, now in after.addresses(subject, direction):
            if was != now and (common := extent & other):
                yield common, was, now
