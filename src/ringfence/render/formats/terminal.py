"""Text for terminals: every character is shown, and none controls the terminal.

Names, labels, annotations and file names come from manifests, and messages from API servers. Their authors must not
move the cursor, change the window title, hide a line or reverse the order of letters on the reader's screen.

Sources: ECMA-48 (C0 and C1 control functions); Unicode Standard Annex 9 (bidirectional controls);
`terminalEscaper` in kubectl's `cli-runtime/pkg/printers/terminal.go`.
"""

import re
from typing import Final

_KUBECTL: Final = {0x1B: "^[", 0x0D: "\\r"}

_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_BIDIRECTIONAL: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LINE_SEPARATORS: Final = "\u2028\u2029"
# With these two names can differ and look the same. The joiners U+200C and U+200D are not among them: emoji and
# several scripts need them.
_INVISIBLE: Final = "\u00ad\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f"
# Bytes of a file name that are not UTF-8 arrive as surrogates, which no output can encode.
_SURROGATES: Final = "\ud800-\udfff"

UNSAFE: Final = re.compile(f"[{_CONTROLS}{_BIDIRECTIONAL}{_LINE_SEPARATORS}{_INVISIBLE}{_SURROGATES}]")
"""A character that controls a terminal or is invisible in it, except line feeds and tabs."""

_UNSAFE_IN_LINE: Final = re.compile(f"[\t\n{UNSAFE.pattern[1:]}")


def escape_as_kubectl(text: str) -> str:
    """`text` as kubectl prints it: only escape characters and carriage returns are replaced."""
    return text.translate(_KUBECTL)


def escape_controls(text: str) -> str:
    """`text`, which may have several lines, with every character made visible that would control a terminal or be
    invisible in it.
    """
    return UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    """`text` with every control character made visible, line breaks and tabs too: it stays on its line."""
    return _UNSAFE_IN_LINE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    # The two that kubectl replaces look the same here as there.
    if code in _KUBECTL:
        return _KUBECTL[code]
    if match[0] in "\t\n":
        return "\\t" if match[0] == "\t" else "\\n"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
