"""Checks claims about possible pods with examples, which take part in the engine like existing pods.

An answer about possible pods is computed with selectors. The check of an example does not use these: the engine that
answers questions about existing pods computes its traffic.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ringfence.engine.answers import traffic_between
from ringfence.engine.population import Member, NamedPort, PortName, possible_pod
from ringfence.engine.possible import ExamplePod, PossiblePods, PossibleTraffic, example
from ringfence.engine.state import State
from ringfence.model.metadata import Labels
from ringfence.model.policies import Direction


class SaidOfPods(msgspec.Struct, frozen=True):
    """The claim that `traffic` is allowed between each of some possible pods and an existing pod."""

    pod: Member
    direction: Direction
    pods: PossiblePods
    traffic: PossibleTraffic


def checked_examples(state: State, claims: Iterable[SaidOfPods]) -> list[ExamplePod]:
    """An example for each claim. Raises AssertionError if a claim does not hold for its example: a defect."""
    listed = list(claims)
    found: dict[PossiblePods, ExamplePod] = {}
    # Supposing pods is expensive, so as many examples as can exist together are supposed at once. Few rounds suffice.
    waiting = dict.fromkeys(claim.pods for claim in listed)
    while waiting:
        spaces: dict[str, Labels] = {}
        together = _examples(state, waiting, spaces)
        _check_all(state, [claim for claim in listed if claim.pods in together], together, spaces)
        found |= together
        waiting = {pods: None for pods in waiting if pods not in together}
    return [found[claim.pods] for claim in listed]


def _examples(
    state: State, waiting: Iterable[PossiblePods], spaces: dict[str, Labels]
) -> dict[PossiblePods, ExamplePod]:
    """Examples that can exist at the same time: no two need different labels of a namespace. `spaces` gets these."""
    found: dict[PossiblePods, ExamplePod] = {}
    for pods in waiting:
        try:
            one = found[pods] = example(state.namespaces, pods, spaces)
        except ValueError:
            continue
        # The first example of a namespace fixes its labels; those that need others wait for the next round.
        spaces.setdefault(one.namespace, one.namespace_labels)
    return found


def _check_all(
    state: State,
    claims: Sequence[SaidOfPods],
    examples: Mapping[PossiblePods, ExamplePod],
    spaces: Mapping[str, Labels],
) -> None:
    asked = [(claim, _members(claim, examples[claim.pods])) for claim in claims]
    with state.supposing_pods((member for _, members in asked for member, _ in members), spaces):
        for claim, members in asked:
            for member, names in members:
                _check(state, claim, member, names)


def _members(claim: SaidOfPods, one: ExamplePod) -> list[tuple[Member, tuple[PortName, ...]]]:
    """The example as pods of the engine: one without port names, and one for each set of port names that matters."""
    plain = possible_pod(one.namespace, one.labels)
    # Names change what a rule allows, so a claim about a pod with them says nothing about a pod without.
    found: list[tuple[Member, tuple[PortName, ...]]] = [(plain, ())]
    for number, names in enumerate(_different_names(claim.traffic)):
        ports = frozenset(NamedPort(name, protocol, _NUMBER) for name, protocol in names)
        reference = msgspec.structs.replace(plain.reference, name=f"{plain.name} {number}")
        found.append((msgspec.structs.replace(plain, reference=reference, named_ports=ports), names))
    return found


_NUMBER = 1
"""The number of named ports in examples. Rules and pods rarely use port 1."""


def _different_names(traffic: PossibleTraffic) -> Iterator[tuple[PortName, ...]]:
    yield from dict.fromkeys(one.names for one in traffic.by_name if one.names)


def _check(state: State, claim: SaidOfPods, member: Member, names: tuple[PortName, ...]) -> None:
    ends = (member, claim.pod) if claim.direction is Direction.INGRESS else (claim.pod, member)
    passing = traffic_between(state, *ends)
    for protocol in {protocol for _, protocol in names}:
        expected = claim.traffic.to_port(name for name in names if name[1] == protocol)
        assert passing.contains(protocol, _NUMBER) is expected.contains(protocol, _NUMBER), _message(claim, member)
    if not names:
        assert passing == claim.traffic.to_port(()), _message(claim, member)


def _message(claim: SaidOfPods, member: Member) -> str:
    return f"{claim.pods} and {claim.pod}: {claim.traffic} is wrong of {member}"
