"""Characters that are easily taken for others are named, with their column and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.odd_characters import character_remedy


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a\u00a0b", "U+00A0 no-break space in column 5: use a space"),
        ("\u2003", "U+2003 em space in column 4: use a space"),
        ("“web”", 'U+201C left double quotation mark in column 4: use "'),
        ("it’s", "U+2019 right single quotation mark in column 6: use '"),
        ("–", "U+2013 en dash in column 4: use -"),
        ("a\u200b", "U+200B zero width space in column 5: remove it"),
        ("\ufeffa", "U+FEFF byte order mark in column 4: remove it"),
        ("\u202ea", "U+202E right-to-left override in column 4: remove it"),
        ("a\x85", "U+0085 next line in column 5: use a line feed"),
        ("a\u2028", "U+2028 line separator in column 5: use a line feed"),
        ("app：web", "U+FF1A fullwidth colon in column 7: use :"),
        ("\0", "U+0000 control character in column 4: remove it"),
        (
            "x\ufffd",
            "U+FFFD replacement character in column 5: write the character that was meant, and save the file as UTF-8",
        ),
    ],
)
def test_a_character_that_is_not_what_it_seems(text: str, remedy: str) -> None:
    assert character_remedy(text, 4) == remedy


def test_without_a_column() -> None:
    assert character_remedy("\u00a0") == "U+00A0 no-break space: use a space"


@given(st.text(st.characters(max_codepoint=126, blacklist_categories=["Cc"])))
def test_no_printable_ascii_character_is_odd(text: str) -> None:
    assert character_remedy(text) == ""


@pytest.mark.parametrize("text", ["größer", "日本", "😀", "a\tb\r\n"])
def test_letters_of_other_languages_are_as_they_look(text: str) -> None:
    assert character_remedy(text) == ""
