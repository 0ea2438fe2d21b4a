"""Judges invariants about the connections of a whole cluster: `no-path` and `no-cross-namespace`."""

from itertools import product

from ringfence.analysis.endpoints import AskedPorts, check_namespace
from ringfence.analysis.lists import connection_assumptions, connection_filter, label_assumptions, list_connections
from ringfence.engine.answers import list_matches
from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.more import more_of
from ringfence.sets.traffic import ALL_TRAFFIC
from ringfence.testing.asking import Asking, check_served, narrowed
from ringfence.testing.chains_of_pods import chain_of_pods
from ringfence.testing.outcomes import Finding
from ringfence.testing.reachability_tests import Acceptance, NoCrossNamespace, NoPath, ReachabilityTest


def judge_no_path(asking: Asking, test: ReachabilityTest, expectation: NoPath, *, with_assumptions: bool) -> Finding:
    """Whether nothing passes from any source to any destination."""
    assumptions: dict[str, None] = {}
    for source, destination in product(expectation.sources, expectation.destinations):
        answer = asking.answer(source, destination, expectation.ports, test.namespace)
        if Acceptance.UNSERVED_PORTS not in test.accepted:
            check_served(answer, expectation.ports)
        if with_assumptions:
            assumptions |= dict.fromkeys(asking.assumptions(answer))
        # A direct connection comes first: it is a shorter proof than any chain.
        if not answer.none:
            question = narrowed(answer, passing=True)
            assert question is not None
            message = f"{question.source.text} may reach {question.destination.text} on {question.ports}"
            return Finding(False, message, question, tuple(assumptions))
        if expectation.through_pods:
            if with_assumptions:
                assumptions |= dict.fromkeys(connection_assumptions(asking.state))
            if chain := _chain(asking, test, expectation.ports, source, destination):
                return Finding(False, f"there is a path: {' -> '.join(chain)}", assumptions=tuple(assumptions))
    return Finding(True, assumptions=tuple(assumptions))


def _chain(
    asking: Asking, test: ReachabilityTest, ports: AskedPorts, source: str, destination: str
) -> tuple[str, ...] | None:
    """The shortest chain of pods between two ends. Raises EndpointError for ports that are not numbers of pods."""
    start, end = (asking.endpoint(text, test.namespace) for text in (source, destination))
    for one in (start, end):
        if one.possible is not None or (one.service is not None and not ports.is_everything):
            raise EndpointError(f"{one.text}: through-pods is about pods that exist, and their own ports")
    if ports.names:
        raise EndpointError("through-pods: use port numbers, because a name may mean another port at each pod")
    return chain_of_pods(asking.state, start, end, ALL_TRAFFIC if ports.is_everything else ports.numbers)


def judge_no_cross_namespace(asking: Asking, expectation: NoCrossNamespace, *, with_assumptions: bool) -> Finding:
    """Whether nothing passes between pods of two namespaces that are not excepted.

    Raises InputError for an excepted namespace that is in no object.
    """
    state = asking.state
    for namespace in expectation.excepted:
        check_namespace(state, namespace)
    assumptions = _assumptions(state, set(expectation.excepted)) if with_assumptions else ()
    wanted = connection_filter(state, asking.namespace)
    crossing = [
        one
        for one in list_connections(state, wanted, "workload")
        if isinstance(one.source, Reference)
        and isinstance(one.destination, Reference)
        and one.source.namespace != one.destination.namespace
        and not {one.source.namespace, one.destination.namespace} & set(expectation.excepted)
    ]
    if not crossing:
        return Finding(True, assumptions=assumptions)
    first = crossing[0]
    others = len(crossing) - 1
    verb = "crosses" if others == 1 else "cross"
    more = f", and {more_of(others, 'connection')} {verb} namespaces" if others else ""
    message = f"{first.source} may reach {first.destination}: {first.traffic}{more}"
    return Finding(False, message, None, assumptions)


def _assumptions(state: State, excepted: set[str]) -> tuple[str, ...]:
    """The assumptions under which nothing passes between namespaces."""
    namespaces = [name for name in state.namespaces.names() if name not in excepted]
    pods = [pod for name in namespaces for pod in state.members_in(name)]
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(pods))
    pairs = [(list(state.members_in(name)), [pod for pod in pods if pod.namespace != name]) for name in namespaces]
    matches = list_matches(state, pairs, ALL_TRAFFIC).sentences()
    return tuple(dict.fromkeys((*doubts, *label_assumptions(state, pods), *matches)))
