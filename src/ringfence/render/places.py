"""The place in a file where something is written, as text behind it and as JSON."""

from ringfence.model.origin import Place
from ringfence.render.formats import Json


def place_text(place: Place | None) -> str:
    """The place as the end of a line of text: `  (db.yaml:14)`; empty without a place."""
    return f"  ({place})" if place else ""


def place_json(place: Place | None) -> Json:
    """The file and the line, as keys beside others; none without a place."""
    if place is None:
        return {}
    return {"file": place.file, "line": place.line, **rendered_json(place)}


def rendered_json(place: Place) -> Json:
    """The file that what is at a place was rendered from, as a key beside others; none if the input does not say it."""
    return {"renderedFrom": place.rendered_from} if place.rendered_from else {}


def line_json(place: Place | None) -> Json:
    """The line alone, for a part in the same file as its policy."""
    return {"line": place.line} if place else {}
