"""Edits of a text: in the terms of the text before, and nothing else of it changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.origin import FieldRanges, Origin, Range
from ringfence.model.text_edits import Replacement, TextEdit, apply_edits, rename_key, replace_value, text_in

TEXT = "ports:\r\n\t- port: '80'  # “web”\r\nend"


def edit(line: int, column: int, end_line: int, end_column: int, new_text: str) -> TextEdit:
    return TextEdit("f.yaml", Range(line, column, end_line, end_column), new_text)


def test_a_replacement_leaves_all_else_as_it_is() -> None:
    assert apply_edits(TEXT, [edit(2, 10, 2, 14, "80")]) == "ports:\r\n\t- port: 80  # “web”\r\nend"


def test_an_empty_range_inserts_and_an_empty_text_deletes() -> None:
    assert apply_edits("a\nb\n", [edit(2, 1, 2, 1, "x\n")]) == "a\nx\nb\n"
    assert apply_edits("a\nb\n", [edit(1, 1, 2, 1, "")]) == "b\n"
    assert apply_edits("a\nb", [edit(2, 2, 2, 2, "\nc")]) == "a\nb\nc"
    assert apply_edits("", [edit(1, 1, 1, 1, "a")]) == "a"


def test_several_edits_are_in_terms_of_the_text_before() -> None:
    edits = [edit(2, 1, 2, 2, "BBB"), edit(1, 1, 1, 2, "A\nA")]
    assert apply_edits("a\nb", edits) == "A\nA\nBBB"


def test_insertions_in_one_place_keep_their_order_and_stand_before_what_replaces_it() -> None:
    edits = [edit(1, 1, 1, 2, "b"), edit(1, 1, 1, 1, "2"), edit(1, 1, 1, 1, "1")]
    assert apply_edits("a", edits) == "21b"


def test_edits_of_the_same_text_are_refused() -> None:
    with pytest.raises(ValueError, match=r"f.yaml:1: two edits of the same text"):
        apply_edits("abc", [edit(1, 1, 1, 3, "x"), edit(1, 2, 1, 4, "y")])


@pytest.mark.parametrize("part", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 3, 1), (1, 1, 1, 4), (2, 3, 2, 3), (1, 3, 1, 1)])
def test_a_range_that_the_text_does_not_have_is_refused(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"no line|two edits"):
        apply_edits("ab\nc", [edit(*part, "x")])


def test_the_text_in_a_range() -> None:
    assert text_in(TEXT, Range(2, 10, 2, 14)) == "'80'"
    assert text_in(TEXT, Range(1, 7, 2, 2)) == "\r\n\t"


@given(st.text("ab\n\r\u2028é😀", max_size=20), st.data())
def test_an_edit_replaces_its_range(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    part = Range(*position(text, start), *position(text, end))
    assert text_in(text, part) == text[start:end]
    assert apply_edits(text, [TextEdit("f", part, "new")]) == text[:start] + "new" + text[end:]


def position(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset].split("\n")
    return len(before), len(before[-1]) + 1


ORIGIN = Origin(
    "f.yaml",
    fields={
        "": FieldRanges(Range(1, 1, 9, 1)),
        "spec": FieldRanges(Range(3, 3, 9, 1), Range(2, 1, 2, 5)),
        "spec.plain": FieldRanges(Range(3, 10, 3, 13), Range(3, 3, 3, 8)),
        "spec.quoted": FieldRanges(Range(4, 13, 4, 18), Range(4, 3, 4, 11)),
        "spec.escaped": FieldRanges(Range(5, 12, 5, 20), Range(5, 3, 5, 10)),
        "spec.block": FieldRanges(Range(6, 10, 7, 8), Range(6, 3, 6, 8)),
        "spec.shared": FieldRanges(Range(8, 11, 8, 15), Range(8, 3, 8, 9)),
        "spec.shared.elsewhere": FieldRanges(Range(3, 10, 3, 13), Range(3, 3, 3, 8)),
    },
)


class TestReplacements:
    def test_a_plain_value(self) -> None:
        replaced = replace_value(ORIGIN, "spec.plain", Replacement("tcp", "TCP"))
        assert replaced == TextEdit("f.yaml", Range(3, 10, 3, 13), "TCP")

    def test_a_string_keeps_its_quotes_and_a_number_has_none(self) -> None:
        assert replace_value(ORIGIN, "spec.quoted", Replacement("080", "80")) == edit(4, 14, 4, 17, "80")
        assert replace_value(ORIGIN, "spec.quoted", Replacement("080", 80)) == edit(4, 13, 4, 18, "80")
        assert replace_value(ORIGIN, "spec.plain", Replacement("080", 80)) == edit(3, 10, 3, 13, "80")

    @pytest.mark.parametrize("path", ["spec.escaped", "spec.block", "spec.missing", "metadata"])
    def test_what_is_written_in_another_way_is_left_alone(self, path: str) -> None:
        assert replace_value(ORIGIN, path, Replacement("tcp", "TCP")) is None
        assert replace_value(ORIGIN, path, Replacement("tcp", 1)) is None

    def test_a_key(self) -> None:
        assert rename_key(ORIGIN, "spec.plain", "plain", "other") == edit(3, 3, 3, 8, "other")
        assert rename_key(ORIGIN, "spec.plain", "pla", "other") == edit(3, 4, 3, 7, "other")
        assert rename_key(ORIGIN, "spec.plain", "pl", "other") is None
        assert rename_key(ORIGIN, "", "", "other") is None
        assert rename_key(ORIGIN, "spec.missing", "missing", "other") is None

    def test_what_an_alias_brings_from_elsewhere_is_left_alone(self) -> None:
        assert replace_value(ORIGIN, "spec.shared.elsewhere", Replacement("tcp", "TCP")) is None
        assert rename_key(ORIGIN, "spec.shared.elsewhere", "plain", "other") is None
