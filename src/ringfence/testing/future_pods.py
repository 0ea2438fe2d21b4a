"""Pods that do not exist yet and are not listed: whether they could connect (`only-from` and `only-to` with `future`).

Each listed endpoint stands for future pods: those that its selector matches or, for a pod or workload, those with all
its labels. The pods to which an end is exposed (`analysis.lists.exposure_of`) must be among these.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_

from ringfence.analysis.endpoints import Endpoint, possible_pods_endpoint, selection_of
from ringfence.analysis.lists import exposure_of
from ringfence.engine.policies import PodSelection
from ringfence.engine.population import Member
from ringfence.engine.possible import Budget, Smallest, Universe
from ringfence.errors import EndpointError
from ringfence.model.policies import Direction
from ringfence.model.selectors import Operator, Selector, Term
from ringfence.sets.traffic import ALL_TRAFFIC
from ringfence.testing.asking import Asking
from ringfence.testing.outcomes import Finding
from ringfence.testing.reachability_tests import OnlyThese


def judge_future_pods(
    asking: Asking, expectation: OnlyThese, own: Endpoint, listed: Iterable[Endpoint], *, with_assumptions: bool
) -> Finding:
    """Whether no future pod may connect, except those that a listed endpoint stands for.

    Raises EndpointError for port names of future pods, which are not known, and UndecidedError if selectors overlap in
    too many ways.
    """
    ports = expectation.ports
    # With ingress the name is one of the existing pod, and known. With egress it would be one of the future pod.
    if ports.names and expectation.direction is Direction.EGRESS:
        raise EndpointError("with future: true, the port names of pods are not known: use port numbers")
    budget = Budget()
    with budget.deciding():
        universe = Universe(asking.state.namespaces, budget.step)
        smallest = Smallest(universe)
        selections = (selection for one in listed for selection in _selections(one))
        covered = reduce(or_, map(universe.selected, selections), universe.regions.nothing)
        assumptions: dict[str, None] = {}
        for pod in own.ends:
            if not isinstance(pod, Member):
                continue
            asked = ALL_TRAFFIC if ports.is_everything else ports.at(pod)
            exposed = exposure_of(asking.state, [Endpoint(str(pod), (pod,), pod.reference)])
            if with_assumptions:
                assumptions |= dict.fromkeys(exposed.assumptions)
            for one in exposed.to_pods(expectation.direction, asked).rows:
                for row in one.pods:
                    region = universe.selected(PodSelection(row.pods.pods, namespaces=row.pods.namespaces))
                    # Regions have no difference of their own. As the second is part of the first, "exclusive or" is the
                    # same.
                    if uncovered := region ^ (region & covered):
                        text = possible_pods_endpoint(smallest.describe(uncovered)[0])
                        return Finding(False, _message(expectation, text, pod), None, tuple(assumptions))
    return Finding(True, assumptions=tuple(assumptions))


def _message(expectation: OnlyThese, text: str, pod: Member) -> str:
    on = "" if expectation.ports.is_everything else f" on {expectation.ports}"
    if expectation.direction is Direction.INGRESS:
        return f"{text}, which does not exist yet, may reach {pod}{on}, and is not listed"
    return f"{pod} may reach {text}{on}, which does not exist yet, and is not listed"


def _selections(listed: Endpoint) -> Iterator[PodSelection]:
    """The future pods that a listed endpoint stands for; none for addresses."""
    selection = selection_of(listed)
    if selection is not None:
        yield selection
        return
    for pod in listed.ends:
        if isinstance(pod, Member):
            terms = (Term(key, Operator.IN, frozenset((value,))) for key, value in sorted(pod.labels.items()))
            yield PodSelection(Selector(tuple(terms)), namespace=pod.namespace)
