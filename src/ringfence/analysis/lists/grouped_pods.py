"""Groups the pods of a list: a workload is one entry if no policy and no option of the list distinguishes its pods."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import msgspec

from ringfence.analysis.lists.connection_filters import ANY_END, WHOLE_CLUSTER, ClusterPart, ListedSide
from ringfence.engine.population import Identity, Member, Reference, is_one_pod
from ringfence.engine.state import State
from ringfence.sets.traffic import Traffic


class PodGroup(msgspec.Struct, frozen=True):
    """A workload whose pods are listed as one, or the single member `pod`.

    `asked` is the traffic at these pods that the list is about. `in_part` says whether they are in the part of the
    cluster that the list is about.
    """

    reference: Reference
    identity: Identity
    pod: Member | None
    asked: Traffic
    in_part: bool

    @property
    def is_several(self) -> bool:
        """Whether it stands for more than one pod, so that there can be connections between its pods."""
        return self.pod is None or self.pod.is_several

    def is_one_pod(self, other: "PodGroup") -> bool:
        """Whether both are one and the same pod."""
        return is_one_pod(self.pod, other.pod)


_Alike = tuple[Identity, Traffic, bool]
"""What pods must have in common to be one entry: identity, asked traffic, and whether they are in the part."""


def pod_groups(
    state: State, side: ListedSide = ANY_END, part: ClusterPart = WHOLE_CLUSTER, *, pods: bool = False
) -> list[PodGroup]:
    """The groups that one side of a list has, in alphabetical order: by workload where possible, or one by one."""
    of_workloads: defaultdict[Reference, list[tuple[_Alike, Member]]] = defaultdict(list)
    for identity in state.population.identities():
        for member in identity.pods():
            reference = member.reference if pods else state.workload(member)
            of_workloads[reference].append(((identity, side.asked(member), part.contains(member)), member))
    groups = []
    for reference, found in of_workloads.items():
        alike, first = found[0]
        if len(found) == 1:
            groups.append(PodGroup(reference, alike[0], first, *alike[1:]))
        # One common entry is only true if no policy and no option of the list tells the pods apart.
        elif len({one for one, _ in found}) == 1:
            groups.append(PodGroup(reference, alike[0], None, *alike[1:]))
        else:
            groups += [PodGroup(member.reference, one[0], member, *one[1:]) for one, member in found]
    # A group about which nothing is asked has no connection that the list could be about.
    return sorted((group for group in groups if group.asked), key=lambda group: group.reference)


def alike_groups(sides: Iterable[Sequence[PodGroup]]) -> dict[Reference, list[Reference]]:
    """Maps a group to others that no policy distinguishes from it and that are listed in the same way on both sides.

    Such groups have the same connections with every third one and with addresses, and the same traffic between them and
    within them. So two single pods are kept to show the traffic between them, or one group of several pods. Pods whose
    node is known are left out: their node reaches them regardless of policies.
    """
    places: defaultdict[Reference, list[Hashable]] = defaultdict(list)
    known: dict[Reference, PodGroup] = {}
    for number, groups in enumerate(sides):
        for group in groups:
            known[group.reference] = group
            places[group.reference].append((number, group.asked, group.in_part))
    alike: defaultdict[Hashable, list[PodGroup]] = defaultdict(list)
    for reference, group in known.items():
        if group.pod is None or not (group.pod.node or group.pod.host_addresses):
            alike[reference.namespace, group.identity.bit, *places[reference]].append(group)
    made: dict[Reference, list[Reference]] = {}
    for groups in alike.values():
        kept = [group for group in groups if group.is_several][:1] or groups[:2]
        others = [group.reference for group in groups if group not in kept]
        if others:
            made[kept[0].reference] = others
    return made
