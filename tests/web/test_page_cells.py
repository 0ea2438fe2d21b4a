"""What each cell of the page says after edits, by the data that its scripts get: what the cluster with them allows."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from tests import strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.engine.population import Reference
from ringfence.render.formats import yaml_text
from ringfence.web import LocalPage, Simulation
from ringfence.web.simulation import PolicyKey


def page_data(simulation: Simulation) -> Any:
    """What the page of a cluster gets."""
    return json.loads(bytes(asyncio.run(LocalPage(simulation).data(Request({"type": "http"}))).body))


def passing_rows(data: Any) -> list[dict[int, str]]:
    """What passes from each class of workloads to the others, as `report.js: rowOf` reads it."""
    rows: list[dict[int, str]] = []
    for row in data["rows"]:
        made: dict[int, str] = {}
        for ranges in [*([data["common"]] if row.get("common") else []), row["cells"]]:
            for first, last, traffic in zip(ranges[::3], ranges[1::3], ranges[2::3], strict=True):
                for place in range(first, last + 1):
                    if traffic < 0:
                        made.pop(place, None)
                    else:
                        made[place] = data["traffic"][traffic]["text"]
        rows.append(made)
    return rows


def shown_cells(data: Any) -> Iterator[tuple[Reference, Reference, str]]:
    """Two workloads and what the page says of them, as `report.js: between`: the edits say more than the report."""
    workloads, rows = data["workloads"], passing_rows(data)
    references = [Reference(data["namespaces"][one["namespace"]], one["kind"], one["name"]) for one in workloads]
    edits = {(one["source"], one["destination"]): one["now"] for one in data["simulation"]["pairs"]}
    for source, one in zip(references, workloads, strict=True):
        for destination, other in zip(references, workloads, strict=True):
            if source == destination and not one.get("several"):
                continue  # one pod, which always reaches itself
            said = rows[one["class"]].get(other["class"], "nothing")
            if (ends := (str(source), str(destination))) in edits:
                said = edits[ends]["text"] if edits[ends] else "nothing"
            yield source, destination, said


@given(strategies.clusters(), st.data())
def test_after_edits_each_cell_says_what_the_cluster_with_them_answers(
    objects: list[Object], data: st.DataObject
) -> None:
    simulation = Simulation(lambda: cluster_of(objects), "random")
    edited = list(objects)
    for old in [one for one in objects if one["kind"] == "NetworkPolicy"]:
        names = {key: old["metadata"][key] for key in ("namespace", "name")}
        key = PolicyKey("NetworkPolicy", **names)
        for new in data.draw(st.lists(strategies.policies | st.none(), max_size=2), label=f"{key}"):
            edited = [one for one in edited if (one["kind"], one["metadata"]) != (old["kind"], old["metadata"])]
            if new is None:
                simulation.edit(key, "")
                continue
            old = {**new, "metadata": {**new["metadata"], **names}}
            assert simulation.edit(key, yaml_text(old)).is_applied
            edited.append(old)
    expected = {(one.source, one.destination): str(one.traffic) for one in cluster_of(edited).connections()}
    for source, destination, said in shown_cells(page_data(simulation)):
        assert said == expected.get((source, destination), "nothing"), (source, destination)
