"""The administrators' policies in the shape of the API again, as plain dicts and lists."""

from typing import Any, Final

import msgspec

_NAMED_PORTS: Final = ("destinationNamedPort", "namedPort")
"""The fields that may be an empty text, which is not the same as an absent field."""


def written_tree(part: Any) -> Any:
    """A policy, or a part of one, as it is written: without what is empty, except selectors, which select all."""
    match part:
        case msgspec.Struct():
            return written_tree(msgspec.to_builtins(part))
        case dict():
            # Labels may have empty values.
            return {
                name: child if name == "matchLabels" else written_tree(child)
                for name, child in part.items()
                if child not in (None, [], ()) and (child != "" or name in _NAMED_PORTS)
            }
        case list() | tuple() if all(isinstance(item, str) for item in part):
            return list(part)
        case list() | tuple():
            return [written_tree(item) for item in part]
    return part
