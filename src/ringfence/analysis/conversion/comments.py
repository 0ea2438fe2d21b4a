"""Moves the comments of a policy to the policies that replace it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from ringfence.analysis.conversion.parts import MOST_ENTRIES, PolicyPart, SplitRule
from ringfence.model.policies import Direction
from ringfence.model.yaml_text import Comment, Comments

_IN_RULE: Final = re.compile(r"spec\.(ingress|egress)\[(\d+)\](?:\.(from|to|ports)\[(\d+)\])?(.*)")


def moved_comments(comments: Comments, part: PolicyPart, number: int, document: dict[str, Any]) -> Comments:
    """The comments of a policy that belong to one of its parts, `document`; `number` counts the parts from 0.

    A comment at a field that the part does not have moves to the field around it. Those outside of rules are in the
    first part only.
    """
    present = {"", *_paths(document, "")}
    before: defaultdict[str, list[str]] = defaultdict(list)
    after: dict[str, str] = {}
    for path, comment in comments.items():
        for moved in _moved(path, part, is_first=number == 0):
            nearest = moved
            # A field can be missing in the part because it has another name there (`ports`) or lies in another part.
            while nearest and nearest not in present:
                nearest = nearest[: max(nearest.rfind("."), nearest.rfind("["), 0)]
            # Only one comment fits behind a line, so all others go above it.
            if nearest == moved and nearest not in after:
                before[nearest] += comment.before
                after[nearest] = comment.after
            elif nearest:  # a comment at a top-level field that the part lacks is dropped
                before[nearest] += [*comment.before, *([comment.after] if comment.after else [])]
    return {path: Comment(tuple(before[path]), after.get(path, "")) for path in {*before, *after}}


def _moved(path: str, part: PolicyPart, *, is_first: bool) -> Iterator[str]:
    """The paths in a part to which the field at `path` has moved; none if the part does not have it."""
    match = _IN_RULE.fullmatch(path)
    if match is None:
        if is_first:
            yield path
        return
    side, index, field, entry, rest = match.groups()
    for place, placed in enumerate(part.rules(Direction.INGRESS if side == "ingress" else Direction.EGRESS)):
        if placed.index == int(index):
            inside = _inside(placed, field, int(entry or 0), rest)
            if inside is not None:
                yield f"spec.{side}[{place}]{inside}"


def _inside(placed: SplitRule, field: str | None, entry: int, rest: str) -> str | None:
    """Where a field of a rule is in one of the rules that it was split into; None if it is in another one.

    A comment on a field that several of them repeat is kept in the first one only.
    """
    if field is None:
        is_first = placed.first_peer == placed.first_port == 0
        return (".protocols" if rest == ".ports" else rest) if is_first else None
    if field == "ports":
        is_here = placed.first_peer == 0 and placed.first_port <= entry < placed.first_port + MOST_ENTRIES
        return f".protocols[{entry - placed.first_port}]" if is_here else None
    is_here = placed.first_port == 0 and placed.first_peer <= entry < placed.first_peer + MOST_ENTRIES
    return f".{field}[{entry - placed.first_peer}]{rest}" if is_here else None


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            inside = f"{path}.{key}" if path else key
            yield inside
            yield from _paths(inner, inside)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield f"{path}[{number}]"
            yield from _paths(inner, f"{path}[{number}]")
