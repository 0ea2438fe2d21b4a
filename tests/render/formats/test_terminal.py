"""A terminal shows every character of a text, and none controls it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.hostile_text import CONTROL_SEQUENCES, texts

from ringfence.render.formats.terminal import escape_as_kubectl, escape_controls, one_line

JOINERS = "\u200c\u200d"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "^[[31mred"),
        ("a\rb", "a\\rb"),
        ("\x9b2J", "\\x9b2J"),
        ("\x07\x08\x7f", "\\x07\\x08\\x7f"),
        ("\u202eabc", "\\u202eabc"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_control_character_becomes_visible(text: str, shown: str) -> None:
    assert escape_controls(text) == one_line(text) == shown


@pytest.mark.parametrize("text", CONTROL_SEQUENCES.values(), ids=CONTROL_SEQUENCES)
def test_no_control_sequence_is_left(text: str) -> None:
    for escaped in (escape_controls(text), one_line(text)):
        assert escaped.isprintable()


@given(st.text() | texts)
def test_of_control_and_format_characters_only_line_breaks_tabs_and_joiners_are_left(text: str) -> None:
    left = {one for one in escape_controls(text) if unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs")}
    assert left <= set("\n\t")
    escape_controls(text).encode()  # which fails for surrogates


@given(st.text() | texts)
def test_a_line_stays_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert "\t" not in one_line(text)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_a_text_without_control_characters_is_not_changed(text: str) -> None:
    assert escape_controls(text) == one_line(text) == escape_as_kubectl(text) == text


@given(st.text() | texts)
def test_what_is_escaped_stays_as_it_is(text: str) -> None:
    """A writer and the command line may both escape the same text."""
    assert escape_controls(escape_controls(text)) == escape_controls(text)
    assert escape_controls(one_line(text)) == one_line(text)


@pytest.mark.parametrize("text", ["👩\u200d👧", "می\u200cخواهم"])
def test_joiners_stay_because_scripts_and_emoji_need_them(text: str) -> None:
    assert escape_controls(text) == text


def test_lines_and_tabs_are_kept_in_text_of_several_lines() -> None:
    assert escape_controls("a\n\tb\n") == "a\n\tb\n"
    assert one_line("a\n\tb\n") == "a\\n\\tb\\n"


def test_kubectl_replaces_escape_and_carriage_return_only() -> None:
    assert escape_as_kubectl("\x1b[m\r\x9b\x07\n") == "^[[m\\r\x9b\x07\n"
