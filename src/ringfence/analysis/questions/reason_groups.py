"""Groups pairs of a question that are allowed or denied for equal reasons, so that an explanation names these once.

Reasons are equal if the same policies, rules and peers match or do not match, by the same field. Names of pods and
values of their labels may differ.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

import msgspec

from ringfence.engine.answers import End, PairReason, PolicyReason, SideReason
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.sets.addresses import Addresses


class PodsOf(msgspec.Struct, frozen=True):
    """Pods or addresses of some pairs: a number of pods of a workload, a single pod, or addresses."""

    end: Reference | Addresses
    pods: int


class ReasonGroup(msgspec.Struct, frozen=True):
    """Pairs with equal reasons: the reason of the first, the number of pairs, and the pods on either side."""

    first: PairReason
    pairs: int
    sources: tuple[PodsOf, ...]
    destinations: tuple[PodsOf, ...]


def reason_groups(state: State, reasons: Iterable[PairReason]) -> tuple[ReasonGroup, ...]:
    """The groups of pairs with equal reasons, in the order of their first pairs."""
    together: dict[Hashable, list[PairReason]] = {}
    for reason in reasons:
        key = (reason.asked, reason.allowed, _key(reason.egress), _key(reason.ingress))
        together.setdefault(key, []).append(reason)
    return tuple(
        ReasonGroup(
            group[0],
            len(group),
            _by_workload(state, (one.source for one in group)),
            _by_workload(state, (one.destination for one in group)),
        )
        for group in together.values()
    )


def _key(side: SideReason) -> Hashable:
    """The key of a group. Places are part of it, because they identify the field of a peer that does not match."""
    return (
        *(side.isolated, side.allowed, side.traffic, side.denied_over, side.denied_for),
        *(bool(side.exempt), isinstance(side.subject, Member), isinstance(side.peer, Member)),
        tuple(_policy_key(policy) for policy in side.policies),
        tuple((str(one.policy), one.place) for one in side.bystanders),
    )


def _policy_key(reason: PolicyReason) -> Hashable:
    rules = tuple(
        (rule.index, rule.selects, rule.carries, rule.traffic, tuple((one.matches, one.place) for one in rule.peers))
        for rule in reason.rules
    )
    return str(reason.policy), reason.place, rules


def _by_workload(state: State, ends: Iterable[End]) -> tuple[PodsOf, ...]:
    different = dict.fromkeys(ends)
    workloads = Counter(state.workload(end) for end in different if isinstance(end, Member))
    return tuple(dict.fromkeys(_counted(state, different, workloads)))


def _counted(state: State, ends: Iterable[End], workloads: Counter[Reference]) -> Iterator[PodsOf]:
    for end in ends:
        if isinstance(end, Member):
            workload = state.workload(end)
            is_one_of_many = workloads[workload] > 1
            yield PodsOf(workload, workloads[workload]) if is_one_of_many else PodsOf(end.reference, 1)
        else:
            yield PodsOf(end, 0)
