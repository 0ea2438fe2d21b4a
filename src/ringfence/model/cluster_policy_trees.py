"""The administrators' policies in the shape of the API again, as plain dicts and lists."""

from typing import Any, Final

import msgspec

from ringfence.steps import Pace, Steps, finish

_NAMED_PORTS: Final = ("destinationNamedPort", "namedPort")
"""The fields that may be an empty text, which is not the same as an absent field."""


def written_tree(part: Any) -> Any:
    """A policy, or a part of one, as it is written: without what is empty, except selectors, which select all."""
    return finish(written_tree_in_steps(part, Pace()))


def written_tree_in_steps(part: Any, pace: Pace) -> Steps[Any]:
    """The same, in steps."""
    if pace.is_pause_due():
        yield
    match part:
        case msgspec.Struct():
            return (yield from written_tree_in_steps(msgspec.to_builtins(part), pace))
        case dict():
            return (yield from _written_fields(part, pace))
        case list() | tuple() if not all(isinstance(item, str) for item in part):
            items = []
            for item in part:
                items.append((yield from written_tree_in_steps(item, pace)))
            return items
        case list() | tuple():
            return list(part)
    return part


def _written_fields(fields: dict[str, Any], pace: Pace) -> Steps[dict[str, Any]]:
    written: dict[str, Any] = {}
    for name, child in fields.items():
        if child in (None, [], ()) or (child == "" and name not in _NAMED_PORTS):
            continue
        # Labels may have empty values.
        is_copied = name == "matchLabels" or not isinstance(child, dict | list | tuple)
        written[name] = child if is_copied else (yield from written_tree_in_steps(child, pace))
    return written
