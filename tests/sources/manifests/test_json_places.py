"""Where the fields of a JSON text are written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.text_edits import text_in
from ringfence.sources.loading import DEEPEST_FIELD
from ringfence.sources.manifests.json_places import locate

json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab{}[]":,\\\n ä', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def paths(value: object, path: str = "") -> list[tuple[str, object]]:
    """The path of everything inside a value, and what it is."""
    inside: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inside = [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]
    elif isinstance(value, list):
        inside = [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
    return [found for place, inner in inside for found in [(place, inner), *paths(inner, place)]]


@given(json_trees, st.booleans(), st.sampled_from([None, 0, 2]))
def test_places_are_found_in_any_json(tree: object, ascii_only: bool, indent: int | None) -> None:
    """The text of each range, read alone, is the value that is at the path; that of its key is the end of the path."""
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    located = locate(text, 1)
    assert located.duplicates == []
    assert set(located.fields) == {"", *(path for path, _ in paths(tree))}
    everything = [("", tree), *paths(tree)]
    for path, value in everything:
        if [other for other, _ in everything].count(path) == 1:
            field = located.fields[path]
            assert json.loads(text_in(text, field.value)) == value
            assert field.key is None or path.endswith(json.loads(text_in(text, field.key)))


@given(st.lists(st.sampled_from("ab"), max_size=5))
def test_second_keys_are_found(keys: list[str]) -> None:
    text = "{" + ",\n".join(f'"{key}": {{"a": 1}}' for key in keys) + "}"
    seconds = [(key, line) for line, key in enumerate(keys, 1) if key in keys[: line - 1]]
    found = locate(text, 1).duplicates
    assert [(key, part.line) for key, part in found] == seconds
    assert all(text_in(text, part) == f'"{key}"' for key, part in found)


def test_lines_of_a_deep_text_are_found_without_recursion() -> None:
    depth = 100_000
    found = locate("[" * depth + "]" * depth, 1).fields
    assert sorted(found) == ["[0]" * level for level in range(DEEPEST_FIELD + 1)]
