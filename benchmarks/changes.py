"""Changes of a large cluster: the time of a change and of a question after it, which needs all its effects."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from statistics import median, quantiles
from typing import Any

import msgspec

from benchmarks.measuring import Figure, processor_seconds
from ringfence.cluster import Cluster
from ringfence.model.kinds import kind_of
from ringfence.model.objects import NetworkPolicy, Pod
from ringfence.model.policies import defaulted

PORT = 8080
_PODS = 300
_POLICIES = 300
_CLUSTER_POLICIES = 50


class ChangeLimits(msgspec.Struct, frozen=True):
    """Milliseconds; None without a limit."""

    pod: float | None = None
    policy: float | None = None
    policy_99: float | None = None
    new_label: float | None = None
    cluster_policy: float | None = None


def name_of(pod: Pod) -> str:
    """The name of a pod in questions."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def measure(cluster: Cluster, pods: Sequence[Pod], random: Random, limits: ChangeLimits) -> Iterator[Figure]:
    """Pods, policies and labels that no policy has read before; a question follows each change."""
    yield from _pods(cluster, pods, random, limits)
    yield from _policies(cluster, pods, random, limits)
    yield from _cluster_policies(cluster, pods, random, limits)
    yield from _new_labels(cluster, pods, random, limits)


def _pods(cluster: Cluster, pods: Sequence[Pod], random: Random, limits: ChangeLimits) -> Iterator[Figure]:
    state = cluster.state
    gone, come, relabelled = [], [], []
    for pod, other, source in zip(*(random.sample(pods, min(_PODS, len(pods))) for _ in range(3)), strict=True):
        if pod is other or pod is source:
            continue
        space, name = pod.metadata.namespace, pod.metadata.name
        gone.append(_milliseconds(partial(state.remove, "Pod", space, name), _asking(cluster, source, other)))
        come.append(_milliseconds(partial(state.upsert, pod), _asking(cluster, source, pod)))
        new = _labelled(pod, other)
        relabelled.append(_milliseconds(partial(state.upsert, new), _asking(cluster, source, pod)))
        state.upsert(pod)
    yield from _summary("one pod goes, and a question", gone, limits.pod)
    yield from _summary("one pod comes, and a question", come, limits.pod)
    yield from _summary("one pod gets the labels of another, and a question", relabelled, limits.pod)


def _policies(cluster: Cluster, pods: Sequence[Pod], random: Random, limits: ChangeLimits) -> Iterator[Figure]:
    state = cluster.state
    within: dict[str, list[Pod]] = {}
    for pod in pods:
        within.setdefault(pod.metadata.namespace, []).append(pod)
    removed, added, changed, reached = [], [], [], []
    for policy in random.sample(cluster.policies(), min(_POLICIES, len(cluster.policies()))):
        space, name = policy.metadata.namespace, policy.metadata.name
        ask = _asking(cluster, random.choice(pods), random.choice(within[space]))
        removed.append(_milliseconds(partial(cluster.remove, "NetworkPolicy", space, name), ask))
        added.append(_milliseconds(partial(state.upsert, policy), ask))
        other = _with_spec_of(policy, random.choice(cluster.policies()))
        changed.append(_milliseconds(partial(state.upsert, other), ask))
        state.upsert(policy)
        target = name_of(random.choice(within[space]))
        reached.append(processor_seconds(partial(cluster.sources, target, PORT)) * 1e3)
    yield from _summary("one policy is removed, and a question", removed, limits.policy, limits.policy_99)
    yield from _summary("one policy is added, and a question", added, limits.policy, limits.policy_99)
    yield from _summary("one policy is changed, and a question", changed, limits.policy, limits.policy_99)
    yield from _summary("who can reach a pod (sources), right after a policy has changed", reached, None)


def _cluster_policies(cluster: Cluster, pods: Sequence[Pod], random: Random, limits: ChangeLimits) -> Iterator[Figure]:
    state = cluster.state
    policies = [one.policy for one in state.tiers.policies() if not one.namespace]
    if not policies:
        return
    removed, added, changed, reached = [], [], [], []
    for policy in random.sample(policies, min(_CLUSTER_POLICIES, len(policies))):
        ask = _asking(cluster, random.choice(pods), random.choice(pods))
        kind, name = kind_of(policy), policy.metadata.name
        removed.append(_milliseconds(partial(state.remove, kind, "", name), ask))
        added.append(_milliseconds(partial(state.upsert, policy), ask))
        other = msgspec.structs.replace(policy, spec=random.choice(policies).spec)
        changed.append(_milliseconds(partial(state.upsert, other), ask))
        state.upsert(policy)
        reached.append(processor_seconds(partial(cluster.sources, name_of(random.choice(pods)), PORT)) * 1e3)
    yield from _summary("one cluster policy is removed, and a question", removed, limits.cluster_policy)
    yield from _summary("one cluster policy is added, and a question", added, limits.cluster_policy)
    yield from _summary("one cluster policy is changed, and a question", changed, limits.cluster_policy)
    yield from _summary("who can reach a pod (sources), right after a cluster policy has changed", reached, None)


def _new_labels(cluster: Cluster, pods: Sequence[Pod], random: Random, limits: ChangeLimits) -> Iterator[Figure]:
    """Selectors that read new labels: keys of many pods, with as many values as possible."""
    of_set = next((pod for pod in pods if _POD_NAME in (pod.metadata.labels or {})), None)
    if of_set is None:
        return
    labels = of_set.metadata.labels or {}
    terms: dict[str, dict[str, Any]] = {
        "helm.sh/chart, with any value": {"key": "helm.sh/chart", "operator": "Exists"},
        "controller-revision-hash, with any value": {"key": _REVISION, "operator": "Exists"},
        "controller-revision-hash, with one value": {"key": _REVISION, "operator": "In", "values": [labels[_REVISION]]},
        "pod-index, with one value": {"key": _INDEX, "operator": "In", "values": ["0"]},
        "pod-index, with each of its values": {"key": _INDEX, "operator": "In", "values": [str(i) for i in range(20)]},
        "pod-name, with 10 values": {"key": _POD_NAME, "operator": "In", "values": _values(pods, _POD_NAME, 10)},
    }
    for name, term in terms.items():
        policy = defaulted(msgspec.convert(_reading(term), NetworkPolicy))
        ask = _asking(cluster, random.choice(pods), of_set)
        took = _milliseconds(partial(cluster.state.upsert, policy), ask)
        identities = cluster.state.population.everyone.bit_count()
        yield Figure(f"a label is read for the first time: {name}", took, "ms", limits.new_label)
        yield Figure("  identities then", identities, "")
        back = _milliseconds(partial(cluster.remove, "NetworkPolicy", "default", policy.metadata.name), ask)
        yield Figure("  and is read no more", back, "ms", limits.new_label)


_POD_NAME = "statefulset.kubernetes.io/pod-name"
_REVISION = "controller-revision-hash"
_INDEX = "apps.kubernetes.io/pod-index"


def _values(pods: Sequence[Pod], key: str, count: int) -> list[str]:
    found = dict.fromkeys(labels[key] for pod in pods if key in (labels := pod.metadata.labels or {}))
    return list(found)[:count]


def _reading(term: dict[str, Any]) -> dict[str, Any]:
    """A policy that allows ingress from pods of all namespaces that a term matches."""
    peer = {"namespaceSelector": {}, "podSelector": {"matchExpressions": [term]}}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]}
    return {"metadata": {"name": "reads-another-label", "namespace": "default"}, "spec": spec}


def _labelled(pod: Pod, other: Pod) -> Pod:
    metadata = msgspec.structs.replace(pod.metadata, labels=other.metadata.labels)
    return msgspec.structs.replace(pod, metadata=metadata)


def _with_spec_of(policy: NetworkPolicy, other: NetworkPolicy) -> NetworkPolicy:
    return msgspec.structs.replace(policy, spec=other.spec)


def _asking(cluster: Cluster, source: Pod, destination: Pod) -> Callable[[], object]:
    return lambda: cluster.can(name_of(source), name_of(destination), port=PORT)


def _milliseconds(change: Callable[[], object], ask: Callable[[], object]) -> float:
    def both() -> None:
        change()
        ask()

    return processor_seconds(both) * 1e3


def _summary(what: str, took: Sequence[float], limit: float | None, limit_99: float | None = None) -> Iterator[Figure]:
    yield Figure(f"{what}: median", median(took), "ms", limit)
    yield Figure("  99th percentile", quantiles(took, n=100)[98], "ms", limit_99)
