"""One side of a question: the pod whose policies apply, and the values that an explanation needs."""

from collections.abc import Iterable

import msgspec

from ringfence.engine.answers.verdicts import Families, relevant_families
from ringfence.engine.policies import End
from ringfence.engine.population import Identity, Member, NamedPort
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.traffic import Traffic


class Side(msgspec.Struct, frozen=True):
    """A question about the policies of `subject` in one direction and a `peer`.

    `asked` None means all traffic; `over` are the address families of a connection between two pods.
    """

    state: State
    subject: Member
    direction: Direction
    peer: End
    asked: Traffic | None
    over: Families = FAMILIES

    @property
    def identity(self) -> Identity:
        """The subject's identity."""
        return self.state.identity(self.subject)

    @property
    def destination(self) -> End:
        """The end that is connected to: the subject for ingress, the peer for egress."""
        return self.subject if self.direction is Direction.INGRESS else self.peer

    @property
    def families(self) -> tuple[Family, ...]:
        """The address families that can make a difference; both if the two ends do not determine them."""
        if isinstance(self.peer, Member):
            return relevant_families(self.state, self.subject, self.peer, self.over) or FAMILIES
        return FAMILIES

    @property
    def can_meet(self) -> bool:
        """Whether the two ends have an address family in common, of those in question."""
        if not isinstance(self.peer, Member):
            return True
        return bool(relevant_families(self.state, self.subject, self.peer, self.over))


def named_ports(destination: End) -> Iterable[NamedPort]:
    """The named ports of a destination; none for addresses and hostNetwork pods."""
    return destination.named_ports if isinstance(destination, Member) and not destination.host_network else ()
