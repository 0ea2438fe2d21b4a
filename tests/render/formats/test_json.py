"""JSON that every parser reads, and that is safe to look at in a terminal."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.hostile_text import CONTROL_SEQUENCES, texts

from ringfence.render.formats.json import json_items, json_line, json_text

utf8_texts = texts.map(lambda text: text.encode(errors="replace").decode())
documents = st.recursive(
    utf8_texts | st.integers(-(2**40), 2**40) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(utf8_texts, inner, max_size=3),
    max_leaves=8,
)


class Point(msgspec.Struct):
    x: str


def test_a_document_is_indented_by_two() -> None:
    assert json_text({"a": [1], "b": {}}) == '{\n  "a": [\n    1\n  ],\n  "b": {}\n}'


def test_a_line_is_a_line() -> None:
    assert json_line({"a": "x\ny", "b": [1]}) == '{"a":"x\\ny","b":[1]}'


def test_a_struct_is_an_object() -> None:
    assert json_line([Point("a")]) == '[{"x":"a"}]'


def test_a_byte_of_a_file_name_that_is_not_utf8_becomes_the_replacement_character() -> None:
    assert json_line([Point("a"), Point("\udcff")]) == '[{"x":"a"},{"x":"\ufffd"}]'
    assert json_text(["\udcff"]) == '[\n  "\ufffd"\n]'


@given(documents)
def test_any_document_is_read_back(document: object) -> None:
    assert json.loads(json_text(document)) == document
    assert json.loads(json_line(document)) == document
    assert "\n" not in json_line(document)


@pytest.mark.parametrize("text", CONTROL_SEQUENCES.values(), ids=CONTROL_SEQUENCES)
def test_no_control_sequence_reaches_a_terminal(text: str) -> None:
    for written in (json_line({text: text}), *json_text({text: text}).splitlines(), *json_items([text])):
        assert written.strip("\n").isprintable()


def test_other_scripts_are_written_as_they_are() -> None:
    assert json_line("é日本👩") == '"é日本👩"'


@pytest.mark.parametrize("items", [[], [1], [{"a": 1}, {"b": 2}, {"c": 3}]])
def test_a_list_is_written_one_item_on_a_line(items: list[object]) -> None:
    written = "".join(json_items(iter(items)))
    assert json.loads(written) == items
    assert written.count("\n") == len(items) + 1


def test_a_list_is_written_as_its_items_come() -> None:
    """The list of all connections can be larger than memory."""
    pieces = json_items(map(str, range(10**18)))
    assert [next(pieces), next(pieces), next(pieces)] == ["[", '\n"0"', ',\n"1"']
