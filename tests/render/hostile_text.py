"""Hostile texts: they try to end a quotation, start a line, or control the terminal."""

from typing import Final

from hypothesis import strategies as st

CONTROL_SEQUENCES: Final = {
    "clear the screen": "\x1b[2J",
    "clear the screen, C1": "\x9b2J",
    "set the window title": "\x1b]0;title\x07",
    "link": "\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\",
    "return": "yes\rno",
    "backspace": "no\x08\x08yes",
    "delete": "a\x7fb",
    "vertical tab": "a\x0bb",
    "right-to-left override": "\u202egnp.exe",
    "isolate": "\u2066a\u2069",
    "arabic letter mark": "a\u061cb",
    "line separator": "a\u2028b",
    "zero-width space": "a\u200bb",
    "soft hyphen": "a\u00adb",
    "tag": "a\U000e0041b",
    "byte that is not UTF-8": "a\udcffb",
}

MARKUP: Final = [
    *('quote"quote', 'a"]; evil -> b; x["', "back\\", 'back\\"', "'", "new\nline", "\n\n", "tab\ttab"),
    *("pipe|pipe", "\\|", "<b>html</b>", "&lt;", "&#60;", "#quot;", "#35;", "%%{init: {'theme': 'dark'}}%%", "%% x"),
    *("a, b", "=1+1", "+1", "-1", "-", "@x", "end", "subgraph", "}", "]]>", "--> x", "`code`", "*a*", "__a__", "~~a~~"),
    *("[a](b)", "![a](b)", "# a", "1. a", "- a", "> a", "+ a", "\\N", "\\G", "", " ", " a ", "a/b", "é", "日本"),
]

texts = st.sampled_from([*MARKUP, *CONTROL_SEQUENCES.values()]) | st.text(max_size=8)
"""Hostile texts, and any others."""
