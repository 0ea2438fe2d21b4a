"""Texts for questions that match no pod: they name pods that take no part, and pods that an operator creates."""

from collections.abc import Callable, Iterator

from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.more import more_of

_MOST_NAMED = 3
"""The most pods that a message names; of the others it gives the number."""


def absent_pods(state: State, matches: Callable[[Member], bool]) -> str:
    """The sentence about the absent pods for which `matches` holds; empty if there are none."""
    # Absent pods are not members, so that no list or answer includes them by mistake. Only messages look here.
    found = [absent for absent in state.absent.values() if matches(absent.pod)]
    named = "; ".join(map(str, found[:_MOST_NAMED]))
    more = len(found) - _MOST_NAMED
    verb = "takes" if more == 1 else "take"
    return f"{named}; and {more_of(more, 'pod')} {verb} no part" if more > 0 else named


def absent_pods_of(state: State, reference: Reference) -> str:
    """The sentence about the absent pods of a workload, which it owns directly or through other workloads."""
    return absent_pods(state, lambda pod: reference in _owners(state, pod))


def operated_objects(state: State, namespace: str | None) -> str:
    """The end of a message that names custom resources whose pods the question may mean; empty if there are none.

    These are the custom resources of one namespace, or of all (None).
    """
    found = [str(one) for one in state.operated if namespace in (None, one.namespace)]
    named = "".join(f"; an operator makes pods of {one}, which are not in the input" for one in found[:_MOST_NAMED])
    return f"{named}; and of {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else named


def _owners(state: State, pod: Member) -> Iterator[Reference]:
    if pod.owner:
        yield from state.workloads.chain(pod.owner)
