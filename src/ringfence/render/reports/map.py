"""The maps of a report: boxes and arrows with their places, for the page to draw (docs/formats.md)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from ringfence.analysis.differences import ChangedArrows, ClusterDifference
from ringfence.analysis.lists import BY_NAMESPACE, BY_WORKLOAD, FoldedView, by_namespace
from ringfence.engine.population import Reference
from ringfence.render.formats import Json
from ringfence.render.pictures import (
    MOST_BOXES,
    Box,
    LaneEdge,
    LaneLayout,
    Rectangle,
    drawn_changes,
    drawn_map,
    too_many_arrows,
)
from ringfence.sets.addresses import Addresses

_TOP: Final = 16
"""The space above the first lane, in CSS pixels."""


def map_json(view: FoldedView, numbers: Mapping[Reference, int], namespaces: Sequence[str]) -> Json:
    """The map with the numbers of the workloads, or of the namespaces if it is too large for a picture."""
    is_large = len(view.found.classes) > MOST_BOXES or too_many_arrows(view) > 0
    drawn = drawn_map(by_namespace(view) if is_large else view, _TOP)
    places = {name: number for number, name in enumerate(namespaces)}
    ends = [
        {"outside": True} if isinstance(group, Addresses) else _members_json(drawn.members(group), numbers, places)
        for group in drawn.boxes
    ]
    return {
        "by": BY_NAMESPACE if is_large else BY_WORKLOAD,
        **_picture_json(drawn.lanes, drawn.boxes.values(), drawn.edges, drawn.layout, ends),
        "notes": list(drawn.notes),
    }


def change_map_json(found: ClusterDifference, changes: ChangedArrows, numbers: Mapping[Reference, int]) -> Json:
    """The map of a change with the numbers of the workloads after it."""
    drawn = drawn_changes(found, changes, _TOP)
    places = {name: number for number, name in enumerate(sorted({one.namespace for one in numbers}))}
    ends = [
        {"outside": True}
        if isinstance(end, Addresses)
        else _members_json(() if end in drawn.groups else end, numbers, places)
        for end in drawn.boxes
    ]
    made = _picture_json(drawn.lanes, drawn.boxes.values(), drawn.edges, drawn.layout, ends)
    edges = [{**edge, "kind": arrow.kind.value} for edge, arrow in zip(made["edges"], drawn.arrows, strict=True)]
    by = BY_NAMESPACE if drawn.by_namespace else BY_WORKLOAD
    return {"by": by, **made, "edges": edges, "notes": list(drawn.notes), "leftOut": drawn.left_out}


def _picture_json(
    lanes: Iterable[str], boxes: Collection[Box], edges: Iterable[LaneEdge], layout: LaneLayout, ends: Iterable[Json]
) -> Json:
    return {
        # A tenth of a pixel cannot be seen. More digits would only make the document larger.
        "width": round(layout.width, 1),
        "height": round(layout.height, 1),
        "lanes": [{"name": name, **_rectangle(place)} for name, place in zip(lanes, layout.lanes, strict=True)],
        "boxes": [
            {
                **_rectangle(place),
                "lines": list(box.lines),
                "style": box.style.removeprefix("box").strip(),
                "title": box.tooltip,
                **end,
            }
            for box, place, end in zip(boxes, layout.nodes, ends, strict=True)
        ],
        "edges": [
            {
                "from": edge.start,
                "to": edge.end,
                "label": edge.label,
                "path": route.path,
                "x": round(route.label_x, 1),
                "y": round(route.label_y, 1),
                **({"ends": True} if route.label_ends else {}),
            }
            for edge, route in zip(edges, layout.routes, strict=True)
        ],
    }


def _rectangle(place: Rectangle) -> dict[str, float]:
    return {
        "x": round(place.x, 1),
        "y": round(place.y, 1),
        "width": round(place.width, 1),
        "height": round(place.height, 1),
    }


def _members_json(
    members: Sequence[Reference], numbers: Mapping[Reference, int], namespaces: Mapping[str, int]
) -> Json:
    """The subject of a box: a class by its first workload, or namespaces. A workload that is gone has no number."""
    if not members:
        return {}
    if members[0].kind == "Namespace" and not members[0].namespace:
        # A namespace of the map of a change may be gone after it.
        numbered = [namespaces[one.name] for one in members if one.name in namespaces]
        return {"namespaces": numbered} if numbered else {}
    return {"workload": numbers[members[0]]} if members[0] in numbers else {}
