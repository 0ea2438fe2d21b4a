"""The changed labels of namespaces and workloads, limited to keys that the selector of some policy reads."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from ringfence.analysis.differences.matched_workloads import ClusterView, Matched
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

Labels = Mapping[str, str]


class Relabelling:
    """The labels that differ between two clusters."""

    def __init__(self, before: ClusterView, after: ClusterView, matched: Sequence[Matched]) -> None:
        self._before = before
        self._after = after
        self._matched = matched

    def of_namespaces(self, workloads: Bitset) -> Iterator[str]:
        """Sentences about the changed labels of the namespaces of some workloads."""
        names = {self._matched[place].reference.namespace for place in bitsets.members(workloads)}
        for name in sorted(names & self._namespaces.keys()):
            yield from self._namespaces[name]

    def of_workloads(self, workloads: Bitset) -> Iterator[str]:
        """Sentences about the changed labels of some workloads."""
        for place in bitsets.members(workloads & self._relabelled):
            yield from self._of_workload(place)

    @cached_property
    def _namespaces(self) -> dict[str, list[str]]:
        found = {}
        for name in {one.reference.namespace for one in self._matched}:
            old, new = (view.state.namespaces.labels(name) for view in (self._before, self._after))
            if texts := list(_changes(old, new, f"namespace {name}", self._read)):
                found[name] = texts
        return found

    @cached_property
    def _relabelled(self) -> Bitset:
        return bitsets.of(
            place
            for place, (old, new) in enumerate(zip(self._before.members, self._after.members, strict=True))
            if old.labels != new.labels
        )

    def _of_workload(self, place: int) -> Iterator[str]:
        old, new = self._before.members[place].labels, self._after.members[place].labels
        yield from _changes(old, new, str(self._matched[place].reference), self._read)

    @cached_property
    def _read(self) -> set[str]:
        """The keys of the labels that some policy reads, about pods or about namespaces."""
        found = set()
        for view in (self._before, self._after):
            for policy in view.policies:
                selections = [policy.subject, *(one for rule in policy.all_rules() for one in rule.peers.selections)]
                for selection in selections:
                    found |= {term.key for term in selection.pods.terms}
                    found |= {term.key for term in (selection.namespaces.terms if selection.namespaces else ())}
        return found


def _changes(old: Labels, new: Labels, whose: str, read: set[str]) -> Iterator[str]:
    for key in sorted(read & (old.keys() | new.keys())):
        was, now = old.get(key), new.get(key)
        if was is None:
            yield f"label {key}={now} was added to {whose}"
        elif now is None:
            yield f"label {key}={was} was removed from {whose}"
        elif was != now:
            yield f"label {key} of {whose} changed from {was!r} to {now!r}"
