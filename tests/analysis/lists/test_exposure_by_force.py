"""Exposure against brute force: every possible pod of a small universe, judged one by one by the naive evaluator.

A pod inside the selectors of a row may do exactly what the row says, one outside of all rows may do nothing, and no pod
is inside two rows.
"""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies
from tests.possible_pods import KEYS, PossiblePod, may_receive, may_send, policies, possible_pods, worlds
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.analysis.lists import Exposure, exposure
from ringfence.engine.possible import PossibleTraffic
from ringfence.model.policies import Direction
from ringfence.sets.traffic import NO_TRAFFIC

PORTS = [("TCP", 80), ("TCP", 81), ("UDP", 80)]


def rows_with(exposed: Exposure, pod: PossiblePod) -> list[PossibleTraffic]:
    """The traffic of the rows in whose selectors a pod is."""
    return [row.traffic for row in exposed.pods if row.pods.matches(pod.namespace_labels, pod.labels)]


def check(world: list[Object], keys: Iterable[str] = KEYS) -> None:
    """Compare the exposure of the world's pod, in both directions, with what every possible pod may."""
    subject = next(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in world if one["kind"] == "Pod")
    exposed = {row.direction: row for row in exposure(cluster_of(world).state).rows}
    for pod in possible_pods(world, keys=keys):
        for direction, one in exposed.items():
            found = rows_with(one, pod)
            assert len(found) < 2, f"{pod} is in two rows"
            for names in ((), ("http",)) if direction is Direction.EGRESS else ((),):
                traffic = found[0].to_port([(name, "TCP") for name in names]) if found else NO_TRAFFIC
                for protocol, number in PORTS if not names else PORTS[:2]:
                    if direction is Direction.INGRESS:
                        may = may_send(world, pod, subject, protocol, number)
                    else:
                        may = may_receive(world, pod, subject, protocol, number, names=names)
                    assert traffic.contains(protocol, number) is may, f"{pod} {direction} {protocol} {number} {names}"


@settings(max_examples=8)
@given(worlds())
def test_exposure_is_what_every_possible_pod_may(world: list[Object]) -> None:
    check(world)


@settings(max_examples=8)
@given(worlds(st.one_of(cluster_policy_strategies.cluster_policies, policies)))
def test_so_it_is_with_the_policies_of_administrators(world: list[Object]) -> None:
    check(world, keys=["app", "tier"])
