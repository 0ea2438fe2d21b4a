"""Judges expectations about isolation: `isolated`, and the invariant that every namespace denies by default."""

from ringfence.analysis.endpoints import Endpoint, check_namespace, represented_alone
from ringfence.analysis.lists import Isolated, isolation_of
from ringfence.model.policies import Direction
from ringfence.testing.asking import Asking
from ringfence.testing.outcomes import Finding
from ringfence.testing.reachability_tests import DefaultDeny, IsIsolated, ReachabilityTest


def judge_isolation(
    asking: Asking, test: ReachabilityTest, expectation: IsIsolated, *, with_assumptions: bool
) -> Finding:
    """Whether policies isolate all the pods. Raises InputError for an endpoint that names no pods."""
    endpoints = [one for text in expectation.pods for one in asking.alternatives(text, test.namespace)]
    return _isolated(asking, endpoints, expectation.directions, with_assumptions=with_assumptions)


def judge_default_deny(asking: Asking, expectation: DefaultDeny, *, with_assumptions: bool) -> Finding:
    """Whether policies isolate every possible pod of each namespace, whatever labels it has.

    Raises InputError for an excepted namespace that is in no object.
    """
    for namespace in expectation.excepted:
        check_namespace(asking.state, namespace)
    for namespace in sorted(set(asking.state.namespaces.names()) - set(expectation.excepted)):
        # All possible pods, not the existing ones: a default must hold for the pod that is created tomorrow.
        endpoints = list(asking.alternatives(f"any-pod:{namespace}/*", None))
        found = _isolated(asking, endpoints, expectation.directions, with_assumptions=with_assumptions)
        if not found.holds or found.assumptions:
            return found
    return Finding(True)


def _isolated(
    asking: Asking, endpoints: list[Endpoint], directions: tuple[Direction, ...], *, with_assumptions: bool
) -> Finding:
    listed = isolation_of(asking.state, [represented_alone(asking.state, one) for one in endpoints])
    assumptions = listed.assumptions if with_assumptions else ()
    for row in listed.rows:
        for direction in directions:
            if not _policies(row, direction):
                why = f": {row.exempt}" if row.exempt else ": no policy selects it"
                message = f"{row.reference} is not isolated for {direction.field}{why}"
                return Finding(False, message, assumptions=assumptions)
    return Finding(True, assumptions=assumptions)


def _policies(row: Isolated, direction: Direction) -> tuple[object, ...]:
    return row.ingress if direction is Direction.INGRESS else row.egress
