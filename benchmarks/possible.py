"""Questions about all possible pods: equivalence of two sets of policies, redundant parts, exposure."""

from collections.abc import Iterable, Iterator
from itertools import chain
from random import Random
from typing import Final

from benchmarks.clusters import Object, Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, resident_megabytes, without_collection
from benchmarks.policies import policies
from ringfence.analysis.differences import RedundancyHere, redundancy_here
from ringfence.analysis.lists import ExposureList, exposure
from ringfence.analysis.possible import Comparison, PolicySet, Relation, compare, redundancy
from ringfence.analysis.possible import policy_set as policy_set_of
from ringfence.engine.possible import compile_in_any_cluster
from ringfence.engine.state import State
from ringfence.model.objects import NetworkPolicy

LIMITS: Final = {"possible": (1, 1, 2), "possible-large": (10, 10, 10)}
LIMITS_WITH_PODS: Final = {"possible": (1, 2), "possible-large": (10, 10)}
SIZES: Final = {
    "possible": Plan(pods=10_000, policies=1_000, namespaces=50),
    "possible-large": Plan(pods=100_000, policies=10_000, namespaces=500),
}


def refactored(written: Iterable[Object], seed: int = 1) -> Iterator[Object]:
    """The same policies in other words: other names and order, a rule for each peer and port, `In` for a label."""
    random = Random(seed)
    found = [_rewritten(one) for one in written]
    random.shuffle(found)
    return iter(found)


def _rewritten(policy: Object) -> Object:
    spec = dict(policy["spec"])
    spec["podSelector"] = _with_expressions(spec.get("podSelector") or {})
    for field, peers in (("ingress", "from"), ("egress", "to")):
        if spec.get(field):
            spec[field] = [part for rule in spec[field] for part in _split(rule, peers)]
    metadata = {**policy["metadata"], "name": f"new-{policy['metadata']['name']}"}
    return {**policy, "metadata": metadata, "spec": spec}


def _split(rule: Object, field: str) -> Iterator[Object]:
    """A rule for each peer and each port of a rule."""
    for peer in rule.get(field) or [None]:
        for port in rule.get("ports") or [None]:
            part: Object = {} if peer is None else {field: [_peer(peer)]}
            yield part if port is None else {**part, "ports": [port]}


def _peer(peer: Object) -> Object:
    return {key: value if key == "ipBlock" else _with_expressions(value) for key, value in peer.items()}


def _with_expressions(selector: Object) -> Object:
    labels = selector.get("matchLabels") or {}
    listed = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    return {"matchExpressions": [*(selector.get("matchExpressions") or ()), *listed]}


def policy_set(name: str, written: Iterable[Object]) -> PolicySet:
    """The policies, decoded as by the loader."""
    models = [one for one in decoded(written) if isinstance(one, NetworkPolicy)]
    return PolicySet(name, tuple(map(compile_in_any_cluster, models)))


def measure(part: str) -> Iterator[Figure]:
    """Equivalence of two copies of which one was refactored, and of two that differ in one policy; redundancy."""
    plan, (same, other, redundant) = SIZES[part], LIMITS[part]
    written = list(policies(plan))
    first, second = policy_set("old", written), policy_set("new", refactored(written))
    less = policy_set("less", refactored(written[1:]))
    found: list[Comparison] = []
    took = processor_seconds(lambda: found.append(compare(first, second, Relation.EQUIVALENT)))
    yield Figure(f"{plan.policies:,} policies: equivalent to a refactored copy", took, "s", same)
    assert found[0]
    took = processor_seconds(lambda: found.append(compare(first, less, Relation.EQUIVALENT)))
    yield Figure(f"{plan.policies:,} policies: the counterexample if one policy is missing", took, "s", other)
    assert found[1].counterexample
    with without_collection():  # the command line collects seldom
        took = processor_seconds(lambda: redundancy(first))
    yield Figure(f"{plan.policies:,} policies: what is redundant", took, "s", redundant)
    yield Figure(f"{plan.policies:,} policies: memory", resident_megabytes(), "MB", 500)
    yield from _with_pods(plan, written, *LIMITS_WITH_PODS[part])


def _with_pods(plan: Plan, written: Iterable[Object], limit: int, redundant: int) -> Iterator[Figure]:
    """The exposure of every workload of the cluster, and the parts that are redundant for its pods."""
    state = State()
    for one in decoded(chain(objects(plan), written)):
        state.upsert(one)
    pods = sum(1 for _ in state.population.identities())  # pods are placed when they are first asked for
    before = resident_megabytes()
    found: list[ExposureList] = []
    with without_collection():
        took = processor_seconds(lambda: found.append(exposure(state)))
    workloads = len({workload for row in found[0].rows for workload in row.workloads})
    assert workloads
    assert pods
    yield Figure(f"{plan.policies:,} policies: exposure of {workloads:,} workloads", took, "s", limit)
    yield Figure(f"{plan.policies:,} policies: memory of exposure", resident_megabytes() - before, "MB", 500)
    everywhere = redundancy(policy_set_of("these", state))
    listed: list[RedundancyHere] = []
    with without_collection():
        took = processor_seconds(lambda: listed.append(redundancy_here(state, everywhere)))
    assert listed[0].parts
    assert not listed[0].undecided
    yield Figure(f"{plan.policies:,} policies: what is redundant for the pods that there are", took, "s", redundant)
