"""The pods of a report: workloads, and their subjects.

A *subject* of the document is a set of pods that policies cannot distinguish (an identity of the engine): the policies
that act on it, and the rules that have it as a peer, are written once for all its workloads.
"""

from collections.abc import Sequence, Set

from ringfence.analysis.lists import ALL_CONNECTIONS, FoldedView, PodGroup, pod_groups
from ringfence.engine.policies import CompiledPolicy, Peers
from ringfence.engine.population import Identity, Reference
from ringfence.engine.state import State
from ringfence.model.added_labels import UNKNOWN_VALUE
from ringfence.model.metadata import Labels
from ringfence.model.policies import Direction
from ringfence.render.formats import Json
from ringfence.render.reports.ranges import number_ranges
from ringfence.sets import bitsets
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset


class ReportSubjects:
    """The subjects of a report by their numbers, in the order of their first workloads."""

    def __init__(self, state: State) -> None:
        self.groups = pod_groups(state, ALL_CONNECTIONS.sources)
        self._numbers: dict[int, int] = {}
        self._identities: list[Identity] = []
        for group in self.groups:
            if group.identity.bit not in self._numbers:
                self._numbers[group.identity.bit] = len(self._identities)
                self._identities.append(group.identity)
        self._state = state
        self._ranges: dict[Bitset, list[int]] = {}
        self._labels = _common_labels(state, {group.reference for group in self.groups if group.pod is None})

    def number(self, group: PodGroup) -> int:
        """The subject of a group of pods."""
        return self._numbers[group.identity.bit]

    def ranges(self, bits: Bitset) -> list[int]:
        """The subjects among identities as ranges, first and last of each in turn: `[0, 3, 7, 7]`."""
        if bits not in self._ranges:
            numbers = self._numbers
            self._ranges[bits] = number_ranges(numbers[bit] for bit in bitsets.members(bits) if bit in numbers)
        return self._ranges[bits]

    def selected_by(self, policy: CompiledPolicy[object]) -> list[int]:
        """The subjects that a policy selects, as ranges."""
        # A policy selects pods by labels only, so either family gives the same ones.
        peers = Peers(everyone=False, selections=(policy.subject,))
        return self.ranges(self._state.tiers.peers(peers, Family.IPV4))

    def json(self, policies: dict[int, int]) -> list[Json]:
        """Each subject with the policies that act on it, in the order in which they decide.

        `policies` has the number of each policy in the document, by its `id`.
        """
        tiers = self._state.tiers
        written: list[Json] = []
        for identity in self._identities:
            acting: dict[str, list[int]] = {}
            for direction in Direction:
                profiles = tiers.profiles(identity, direction)
                acting[direction.field] = [policies[id(policy)] for one in profiles for policy in one.policies]
            written.append(acting)
        return written

    def workloads_json(self, view: FoldedView, namespaces: Sequence[str]) -> list[Json]:
        """Each workload: its names, labels, subject, and its class in the matrix."""
        class_of = {member: number for number, members in enumerate(view.found.classes) for member in members}
        index = {name: number for number, name in enumerate(namespaces)}
        return [
            {
                "namespace": index[group.reference.namespace],
                "kind": group.reference.kind,
                "name": group.reference.name,
                "class": class_of[group.reference],
                "subject": self.number(group),
                "labels": dict(sorted(self._labels_of(group).items())),
                **({"several": True} if group.is_several else {}),
                **({"hostNetwork": True} if group.identity.host_network else {}),
                **({"node": group.pod.node} if group.pod is not None and group.pod.node else {}),
            }
            for group in self.groups
        ]

    def _labels_of(self, group: PodGroup) -> Labels:
        """The labels of a group, without the labels whose values the control plane sets later."""
        labels = self._labels[group.reference] if group.pod is None else group.pod.labels
        return {key: value for key, value in labels.items() if value != UNKNOWN_VALUE}


def _common_labels(state: State, workloads: Set[Reference]) -> dict[Reference, Labels]:
    """For each workload the labels that all of its pods have."""
    common: dict[Reference, Labels] = {}
    for member in state.members():
        reference = state.workload(member)
        if reference in workloads:
            known = common.setdefault(reference, member.labels)
            # Of the first pod of a workload, both are the same object, which need not be compared with itself.
            if known is not member.labels and known != member.labels:
                common[reference] = dict(known.items() & member.labels.items())
    return common
