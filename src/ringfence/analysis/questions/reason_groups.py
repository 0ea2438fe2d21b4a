"""Groups pairs of a question that are allowed or denied for equal reasons, so that an explanation names these once.

Reasons are equal if the same policies, rules and peers match or do not match, by the same field. Names of pods and
values of their labels may differ.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import msgspec

from ringfence.analysis.questions.pairs import ExplainedPair
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


def reason_groups(state: State, explanations: Sequence[ExplainedPair]) -> Iterator[ReasonGroup]:
    """Yield the groups of pairs with equal reasons, in the order of their first pairs.

    Only reasons about the same traffic can be equal, so a group needs only these. If few groups are taken, few reasons
    are found.
    """
    about_same: defaultdict[Hashable, list[ExplainedPair]] = defaultdict(list)
    for one in explanations:
        about_same[_about(one)].append(one)
    groups: dict[int, list[ExplainedPair]] = {}
    for one in explanations:
        # The reasons of these pairs are found only now. If the caller stops before, they never are.
        for group in _alike(about_same.pop(_about(one), ())):
            groups[id(group[0])] = group
        # A group is given where its first pair comes, so that the order is that of the pairs.
        if group := groups.pop(id(one), []):
            yield ReasonGroup(
                one.reason,
                len(group),
                _by_workload(state, (each.pair.source for each in group)),
                _by_workload(state, (each.pair.destination for each in group)),
            )


def _about(explained: ExplainedPair) -> Hashable:
    return explained.pair.asked, explained.allowed


def _alike(explanations: Iterable[ExplainedPair]) -> Iterable[list[ExplainedPair]]:
    """The groups of explanations with equal reasons."""
    together: defaultdict[Hashable, list[ExplainedPair]] = defaultdict(list)
    for one in explanations:
        together[_key(one.reason.egress), _key(one.reason.ingress)].append(one)
    return together.values()


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
