"""The map of a report: boxes and arrows with their places, for the page to draw (docs/formats.md)."""

from collections.abc import Mapping
from typing import Final

from ringfence.analysis.lists import FoldedView
from ringfence.engine.population import Reference
from ringfence.render.formats import Json
from ringfence.render.pictures import MOST_BOXES, Rectangle, drawn_map
from ringfence.sets.addresses import Addresses

_TOP: Final = 16
"""The space above the first lane, in CSS pixels."""


def map_json(view: FoldedView, numbers: Mapping[Reference, int]) -> Json | None:
    """The map by the numbers of the workloads; None of more classes than one can look at."""
    if len(view.found.classes) > MOST_BOXES:
        return None
    drawn = drawn_map(view, _TOP)
    layout = drawn.layout
    return {
        "width": round(layout.width, 1),
        "height": round(layout.height, 1),
        "lanes": [{"name": name, **_rectangle(place)} for name, place in zip(drawn.lanes, layout.lanes, strict=True)],
        "boxes": [
            {
                **_rectangle(place),
                "lines": list(box.lines),
                "style": box.style.removeprefix("box").strip(),
                "title": box.tooltip,
                **_end(group, view, numbers),
            }
            for (group, box), place in zip(drawn.boxes.items(), layout.nodes, strict=True)
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
            for edge, route in zip(drawn.edges, layout.routes, strict=True)
        ],
        "notes": list(drawn.notes),
    }


def _rectangle(place: Rectangle) -> dict[str, float]:
    return {
        "x": round(place.x, 1),
        "y": round(place.y, 1),
        "width": round(place.width, 1),
        "height": round(place.height, 1),
    }


def _end(group: object, view: FoldedView, numbers: Mapping[Reference, int]) -> Json:
    """What a box stands for: a class by its first workload, addresses, or all of a namespace."""
    if isinstance(group, int):
        return {"workload": numbers[view.found.classes[group][0]]}
    return {"outside": True} if isinstance(group, Addresses) else {}
