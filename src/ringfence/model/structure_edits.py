"""Changes to the text of a file that add or remove a field or an item of a list, in block style and in flow style.

They need only the places of the surrounding fields. If these do not show how the text is written, as in JSON, there is
no edit.
"""

from collections.abc import Iterable

from ringfence.model.origin import Origin, Range
from ringfence.model.text_edits import TextEdit


def add_field(origin: Origin | None, path: str, name: str, value: str, known: Iterable[str]) -> TextEdit | None:
    """The edit that writes a field before the first one of the mapping at `path`; `value` is YAML on one line.

    `known` are the fields that the mapping may have.
    """
    if origin is None or (parent := origin.fields.get(path)) is None:
        return None
    start = Range(parent.value.line, parent.value.column, parent.value.line, parent.value.column)
    first = _first_key(origin, path, known)
    if first is None:
        is_empty = parent.value.end_line == start.line and parent.value.end_column - start.column == len("{}")
        return TextEdit(origin.file, parent.value, f"{{{name}: {value}}}") if is_empty else None
    # A mapping that starts with its first key is written in block style; in flow style a brace comes first.
    if (first.line, first.column) == (start.line, start.column):
        return TextEdit(origin.file, start, f"{name}: {value}\n{' ' * (start.column - 1)}")
    at = Range(first.line, first.column, first.line, first.column)
    return TextEdit(origin.file, at, f"{name}: {value}, ")


def add_item(origin: Origin | None, path: str, value: str) -> TextEdit | None:
    """The edit that writes an item after the last one of the list at `path`; `value` is YAML on one line."""
    if origin is None or (last := _last_item(origin, path)) is None:
        return None
    parent, at = origin.fields[path].value, Range(last.end_line, last.end_column, last.end_line, last.end_column)
    if _is_block_list(origin, path):
        return TextEdit(origin.file, at, f"\n{' ' * (parent.column - 1)}- {value}")
    return TextEdit(origin.file, at, f", {value}")


def remove_item(origin: Origin | None, path: str) -> TextEdit | None:
    """The edit that removes an item of a list; None for the only one, for without it the list may mean something else.

    The text between it and the item beside it, such as a comment, is removed as well.
    """
    if origin is None or (item := origin.fields.get(path)) is None:
        return None
    parent, _, index = path[:-1].rpartition("[")
    before, after = (origin.fields.get(f"{parent}[{int(index) + step}]") for step in (-1, 1))
    own = item.value
    if before:
        end = before.value
        return TextEdit(origin.file, Range(end.end_line, end.end_column, own.end_line, own.end_column), "")
    if after:
        return TextEdit(origin.file, Range(own.line, own.column, after.value.line, after.value.column), "")
    return None


def join_items(origin: Origin | None, path: str) -> TextEdit | None:
    """The edit that makes an item of a list a part of the item before it, where both are mappings in the same style.

    In block style, the dash is removed; in flow style, the braces between two items on one line.
    """
    if origin is None or (item := origin.fields.get(path)) is None:
        return None
    parent, _, index = path[:-1].rpartition("[")
    before = origin.fields.get(f"{parent}[{int(index) - 1}]")
    if before is None:
        return None
    own, other = item.value, before.value
    if _is_block_list(origin, parent):
        if not (_is_block_mapping(origin, path) and _is_block_mapping(origin, f"{parent}[{int(index) - 1}]")):
            return None
        dash = origin.fields[parent].value.column
        return TextEdit(origin.file, Range(own.line, dash, own.line, own.column), " " * (own.column - dash))
    if other.end_line != own.line or _is_block_mapping(origin, path):
        return None
    return TextEdit(origin.file, Range(other.end_line, other.end_column - 1, own.line, own.column + 1), ", ")


def _is_block_mapping(origin: Origin, path: str) -> bool:
    """Whether a mapping has no braces: it starts with its first key."""
    start = origin.fields[path].value
    keys = (field.key for other, field in origin.fields.items() if other.startswith(f"{path}.") and field.key)
    return any((key.line, key.column) == (start.line, start.column) for key in keys)


def remove_field(origin: Origin | None, path: str, known: Iterable[str]) -> TextEdit | None:
    """The edit that removes a field, from the end of the field before it; None if no `known` field is before it."""
    if origin is None or (field := origin.fields.get(path)) is None or field.key is None:
        return None
    parent = path.rpartition(".")[0]
    others = [origin.fields.get(f"{parent}.{name}") for name in known]
    ends = [(one.whole.end_line, one.whole.end_column) for one in others if one and one.key and one.key < field.key]
    if not ends:
        return None
    return TextEdit(origin.file, Range(*max(ends), field.value.end_line, field.value.end_column), "")


def _first_key(origin: Origin, path: str, known: Iterable[str]) -> Range | None:
    """Where the first key of a mapping is; None if there is none, or it is in quotes."""
    fields = ((name, origin.fields.get(f"{path}.{name}")) for name in known)
    keys = [(field.key, name) for name, field in fields if field and field.key]
    if not keys:
        return None
    first, name = min(keys)
    return first if first.end_column - first.column == len(name) else None


def _last_item(origin: Origin, path: str) -> Range | None:
    index = 0
    while f"{path}[{index}]" in origin.fields:
        index += 1
    return origin.fields[f"{path}[{index - 1}]"].value if index else None


def _is_block_list(origin: Origin, path: str) -> bool:
    """Whether a list has a dash before each item: a bracket stands before the first one and behind the last one."""
    parent, last = origin.fields[path].value, _last_item(origin, path)
    return last is not None and (parent.end_line, parent.end_column) == (last.end_line, last.end_column)
