"""The changes in the data of a report are the difference, with the numbers of its workloads."""

from pathlib import Path
from typing import Any

from hypothesis import given
from tests.analysis.differences.clusters import DB, WORKLOADS, written
from tests.analysis.differences.test_difference_by_lists import changes
from tests.render.json_shapes import fits, schema, strict
from tests.render.reports.test_document import members, names_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, pod, policy, workload

from ringfence.analysis.differences import ClusterDifference, Ends
from ringfence.analysis.lists import pod_groups
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses

SHAPE = strict(schema("report"))
Pair = tuple[str, ...]
"""`opened` or `closed`, both ends, and the traffic."""


def shown(cluster: Cluster, known: set[Reference], end: Reference) -> str:
    """The name of an end of a difference in the report: a pod's workload, if the report folds the pod into it."""
    if end in known:
        return str(end)
    (pod,) = [pod for pod in cluster.state.members() if pod.reference == end]
    return str(cluster.state.workload(pod))


def pairs_of(found: ClusterDifference, before: Cluster, after: Cluster) -> set[Pair]:
    """The rows of a difference, pair by pair, as the report names the ends."""
    old, new = ({one.reference for one in pod_groups(cluster.state) if one.is_several} for cluster in (before, after))
    renamed = {one.after: one.before for one in found.renamed}
    known = {one.reference for one in pod_groups(after.state)}
    pairs = set()
    for row in found.connections:
        for source in ends_of(row.sources):
            for destination in ends_of(row.destinations):
                is_itself = source == destination and not (source in new and renamed.get(source, source) in old)
                if not is_itself:
                    names = (
                        str(end) if isinstance(end, Addresses) else shown(after, known, end)
                        for end in (source, destination)
                    )
                    pairs.add((row.kind.value, *names, str(row.traffic)))
    return pairs


def ends_of(ends: Ends) -> list[Any]:
    return [ends] if isinstance(ends, Addresses) else list(ends)


def written_pairs(data: dict[str, Any]) -> set[Pair]:
    """The rows of the document, pair by pair."""
    names = list(map(str, names_of(data)))
    pairs = set()
    for row in data["difference"]["rows"]:
        sources, destinations, alone = (members(row[side]) for side in ("sources", "destinations", "alone"))
        for source in sources or [None]:
            for destination in destinations or [None]:
                if source != destination or source not in alone:
                    ends = (row["addresses"] if end is None else names[end] for end in (source, destination))
                    pairs.add((row["kind"], *ends, row["traffic"]))
    return pairs


@given(changes())
def test_the_rows_are_those_of_the_difference(change: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, change)
    data = after.report_data("random", since=before)
    assert fits(data, SHAPE)
    assert written_pairs(data) == pairs_of(before.diff(after), before, after)


def test_a_cause_names_its_policy_if_the_report_has_it(tmp_path: Path) -> None:
    a = Cluster.load(written(tmp_path, "a.yaml", WORKLOADS, DB))
    opened = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
    b, none = (
        Cluster.load(written(tmp_path, name, WORKLOADS, text)) for name, text in (("b.yaml", opened), ("c.yaml", ""))
    )
    (row,) = b.report_data("b", since=a)["difference"]["rows"]
    (cause,) = row["causes"]
    assert (row["before"], row["after"]) == ("nothing", "TCP 3306")
    assert "ingress rule 1 of prod/db now allows it" in cause["text"]
    assert b.report_data("b", since=a)["policies"][cause["policy"]]["name"] == "db"
    assert all(
        "policy" not in cause for row in none.report_data(since=a)["difference"]["rows"] for cause in row["causes"]
    )


def test_without_another_cluster_there_is_no_difference() -> None:
    assert "difference" not in Cluster().report_data("alone")


def test_a_single_pod_is_not_its_own_peer_and_two_of_a_workload_are() -> None:
    """`closed` isolates both workloads, so that no pod of either reaches another one."""
    web, db = pod("x/web", {"app": "web"}), workload("x/db", "Deployment", pod("x/any", {"app": "db"}), replicas=2)
    before, after = cluster_of([web, db]), cluster_of([web, db, policy("x/closed", ingress=[])])
    data = after.report_data("closed", since=before)
    names = list(map(str, names_of(data)))
    (row,) = (one for one in data["difference"]["rows"] if one["sources"] and one["destinations"])
    assert {names[one] for one in members(row["alone"])} == {"x/web"}
    assert {names[one] for one in members(row["sources"])} == {"x/web", "x/Deployment/db"}
