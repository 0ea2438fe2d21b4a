"""What the matrix of a report must say, from the engine's lists."""

from collections import defaultdict

from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses

OUTSIDE = "outside the cluster"


def expected_cells(cluster: Cluster) -> dict[str, str]:
    """What each cell must say: the engine's connections, for the workloads that the data has in one row."""
    data = cluster.report_data("random")
    namespaces, workloads = data["namespaces"], data["workloads"]
    references = [Reference(namespaces[one["namespace"]], one["kind"], one["name"]) for one in workloads]
    rows: list[list[int]] = [[] for _ in data["rows"]]
    for number, one in enumerate(workloads):
        rows[one["class"]].append(number)
    titles = [", ".join(str(references[number]) for number in members) for members in rows]
    found = {(one.source, one.destination): str(one.traffic) for one in cluster.connections()}
    outside: defaultdict[tuple[object, str], list[str]] = defaultdict(list)
    for (source, destination), traffic in found.items():
        if isinstance(destination, Addresses):
            outside[source, "to"].append(f"{destination}: {traffic}")
        if isinstance(source, Addresses):
            outside[destination, "from"].append(f"{source}: {traffic}")
    if not rows:
        return {}
    expected = {f"{OUTSIDE} to {OUTSIDE}": "both are outside the cluster"}
    for members, title in zip(rows, titles, strict=True):
        for others, other in zip(rows, titles, strict=True):
            first, last = members[0], others[-1]
            if first == last and not workloads[first].get("several"):
                said = "one pod, which always reaches itself"
            else:
                said = found.get((references[first], references[last]), "nothing")
            expected[f"{title} to {other}"] = said
        expected[f"{title} to {OUTSIDE}"] = "; ".join(outside[references[members[0]], "to"]) or "nothing"
        expected[f"{OUTSIDE} to {title}"] = "; ".join(outside[references[members[0]], "from"]) or "nothing"
    return expected
