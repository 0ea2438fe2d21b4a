"""Places of fields for objects that no text describes."""

from ringfence.model.origin import FieldRanges, Range


def on_line(line: int) -> FieldRanges:
    """A field that stands somewhere on this line."""
    return FieldRanges(Range(line, 1, line, 2))
