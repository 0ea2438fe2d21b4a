"""The diagnosis of what is seen of a cluster: one of three answers for each node, and why."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.doctor import IsEnforced, Unseen, diagnose, report
from ringfence.doctor.observed import Observed
from ringfence.doctor.signatures import known_daemon_sets
from ringfence.render.doctor_report import doctor_text

from .clusters import CLUSTERS, Object, SampleCluster, container, daemon_set, node, pod_of, watching
from .seen import seen

_GAPS = ("daemonsets", "clusterroles", "clusterrolebindings")


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda one: one.name)
def test_each_plugin_is_known_by_what_it_leaves(cluster: SampleCluster) -> None:
    observed = seen(cluster.objects)
    diagnosis = diagnose(observed)
    text = doctor_text(report(observed, diagnosis))
    assert {one.node: one.answer.value for one in diagnosis.nodes} == cluster.answers
    for word in cluster.words:
        assert word in text


def _unknown_names() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(lambda name: name not in known_daemon_sets())


@st.composite
def _unknown_clusters(draw: st.DrawFn) -> list[Object]:
    """Nodes with programs that nobody knows, each of which may have the right to watch policies."""
    nodes = draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True))
    objects: list[Object] = [node(name) for name in nodes]
    for name in draw(st.lists(_unknown_names(), max_size=3, unique=True)):
        owner = daemon_set(name, container("main", draw(st.sampled_from(["example.com/calico:v1", "x"]))))
        objects += [owner, *(pod_of(owner, one) for one in nodes if draw(st.booleans()))]
        objects += watching(name) if draw(st.booleans()) else []
    return objects


@given(objects=_unknown_clusters(), gaps=st.sets(st.sampled_from(_GAPS)))
def test_an_unknown_cluster_is_never_enforced(objects: list[Object], gaps: set[str]) -> None:
    observed = msgspec.structs.replace(seen(objects), unseen=tuple(Unseen(one, "forbidden") for one in gaps))
    found = report(observed, diagnose(observed))
    assert found.answer != IsEnforced.YES
    assert all(one.answer != IsEnforced.YES for one in found.nodes)


@given(cluster=st.sampled_from(CLUSTERS), gaps=st.sets(st.sampled_from(["pods", "nodes", *_GAPS]), min_size=1))
def test_what_cannot_be_seen_never_makes_a_cluster_enforced(cluster: SampleCluster, gaps: set[str]) -> None:
    """Somebody with fewer rights sees less, and is not told more."""
    complete = {one.node: one.answer for one in diagnose(seen(cluster.objects)).nodes}
    for one in diagnose(_with_gaps(seen(cluster.objects), gaps)).nodes:
        assert one.answer is not IsEnforced.YES or complete[one.node] is IsEnforced.YES


def _with_gaps(observed: Observed, gaps: set[str]) -> Observed:
    unseen = [Unseen(one, "forbidden") for one in gaps if one != "pods"]
    if "pods" in gaps:
        unseen += [Unseen(f"the pods of {one.title}", "forbidden") for one in observed.daemon_sets]
    return msgspec.structs.replace(
        observed,
        unseen=tuple(unseen),
        pods={} if "pods" in gaps else observed.pods,
        nodes=() if "nodes" in gaps else observed.nodes,
        daemon_sets=() if "daemonsets" in gaps else observed.daemon_sets,
        cluster_roles=() if "clusterroles" in gaps else observed.cluster_roles,
        cluster_role_bindings=() if "clusterrolebindings" in gaps else observed.cluster_role_bindings,
    )


def test_a_missing_right_is_named_and_makes_no_enforcement_unknown() -> None:
    observed = msgspec.structs.replace(seen([node("a")]), unseen=(Unseen("daemonsets", "you may not list daemonsets"),))
    found = report(observed, diagnose(observed))
    assert found.answer == IsEnforced.UNKNOWN
    assert "you may not list daemonsets" in doctor_text(found)


def test_a_cluster_without_a_node_that_is_seen_is_inconclusive() -> None:
    observed = seen([])
    assert report(observed, diagnose(observed)).answer == IsEnforced.UNKNOWN
