"""Labels whose value is not known before a pod is created: whether the answer of one side depends on them.

A template's pods are assumed to have none of the values that selectors name. Whether another value makes a difference
is tried: a pod with the value replaces the template for one question.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import prod

import msgspec

from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.verdicts import policed_addresses, side_traffic
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.added_labels import UnknownLabel
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.partitions import merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_MOST_TRIALS = 64
"""The most combinations of values that are tried. If there are more, every label that a selector reads is named."""


_SideAnswer = dict[Traffic, Addresses]
"""The allowed traffic, with the addresses for which it is allowed; these are empty if the peer is a pod."""


class _Choice(msgspec.Struct, frozen=True):
    """One value that a label of one end could have: of the subject, or of the peer."""

    is_subject: bool
    label: UnknownLabel
    value: str


class AssumedLabel(msgspec.Struct, frozen=True):
    """The assumption that a label of a template's pods has none of the `values`, each of which selectors name."""

    pod: Member
    label: UnknownLabel
    values: tuple[str, ...]

    def __str__(self) -> str:
        listed = " or ".join(self.values)
        if self.label.differs_by_pod:
            return (
                f"the label {self.label.key} differs between the pods of {self.pod}: it is assumed not to be {listed}"
            )
        return f"the value of the label {self.label.key} of {self.pod} is not known: it is assumed not to be {listed}"

    def in_general(self) -> Iterator[str]:
        """The assumption about each value, as sentences that do not depend on the pods."""
        for value in self.values:
            yield f"the label {self.label.key} of some pods is not known: it is assumed not to be {value}"


def unknown_label_assumptions(side: Side) -> Iterator[str]:
    """The labels of both ends on which the answer of a side depends, with the values that would change it."""
    ends = [(True, side.subject), (False, side.peer)]
    pods = [(is_subject, end) for is_subject, end in ends if isinstance(end, Member) and not end.host_network]
    choices = [
        [_Choice(is_subject, label, value) for value in values]
        for is_subject, pod in pods
        for label in pod.unknown_labels
        if (values := values_named(side.state, label))
    ]
    if not choices:
        return
    deciding = set(_deciding(side, choices))
    for is_subject, pod in pods:
        for label in pod.unknown_labels:
            found = {one.value for one in deciding if one.is_subject is is_subject and one.label is label}
            if found:
                yield str(AssumedLabel(pod, label, tuple(sorted(found))))


def values_named(state: State, label: UnknownLabel) -> list[str]:
    """The values that selectors of policies in force name and that a label could have."""
    return sorted(filter(label.may_be, state.population.values_read(label.key)))


def _deciding(side: Side, choices: Sequence[Sequence[_Choice]]) -> Iterator[_Choice]:
    """The choices that change the answer, alone or in the smallest combinations that do."""
    # Each trial evaluates the side with another pod, and combinations multiply. To name every label errs on the safe
    # side.
    if prod(len(of_label) + 1 for of_label in choices) > _MOST_TRIALS:
        yield from (choice for of_label in choices for choice in of_label)
        return
    answer = _answer(side)
    found: list[frozenset[_Choice]] = []
    for size in range(1, len(choices) + 1):
        for labels in combinations(choices, size):
            for chosen in map(frozenset, product(*labels)):
                # A combination that contains a smaller one with an effect says nothing new.
                if any(one <= chosen for one in found) or not _can_be_together(side, chosen):
                    continue
                if _answer_with(side, chosen) != answer:
                    found.append(chosen)
                    yield from chosen


def _answer_with(side: Side, chosen: frozenset[_Choice]) -> _SideAnswer:
    """The answer of a side whose pods have the chosen values."""
    subject = _with_values(side.subject, chosen, is_subject=True)
    peer = _with_values(side.peer, chosen, is_subject=False) if isinstance(side.peer, Member) else side.peer
    pods = [pod for pod in (subject, peer) if isinstance(pod, Member)]
    # The engine answers for the pod with the value, so that a trial applies the same rules as a verdict.
    with side.state.supposing_pods(pods):
        return _answer(msgspec.structs.replace(side, subject=subject, peer=peer))


def _with_values(pod: Member, chosen: frozenset[_Choice], *, is_subject: bool) -> Member:
    """A pod like this one, with the values that are chosen for its end."""
    values = {one.label.key: one.value for one in chosen if one.is_subject is is_subject}
    return msgspec.structs.replace(pod, labels={**pod.labels, **values})


def _can_be_together(side: Side, chosen: frozenset[_Choice]) -> bool:
    """Whether no two pods of one workload have the same value of a label in which all of them differ."""
    if side.subject is not side.peer:
        return True
    own = [(one.label, one.value) for one in chosen if one.label.differs_by_pod]
    return len(own) == len(set(own))


def _answer(side: Side) -> _SideAnswer:
    """The asked traffic that is allowed, by addresses if the peer is outside the cluster."""
    asked = ALL_TRAFFIC if side.asked is None else side.asked
    if isinstance(side.peer, Member):
        return {side_traffic(side.state, side.subject, side.direction, side.peer) & asked: NO_ADDRESSES}
    policed = policed_addresses(side.state, side.subject, side.direction, side.peer)
    cells = side.state.tiers.allowed_addresses(side.identity, side.direction, policed)
    return {traffic: addresses for addresses, traffic in merged((part, traffic & asked) for part, traffic in cells)}
