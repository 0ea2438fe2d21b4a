"""Values in validation errors, quoted as Go quotes them."""

import pytest

from ringfence.model.field_errors import go_quoted, json_text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain ä 😀", '"plain ä 😀"'),
        ('"\\', '"\\"\\\\"'),
        ("\n\t\r\a\b\f\v", '"\\n\\t\\r\\a\\b\\f\\v"'),
        ("\0\x1b\x7f", '"\\x00\\x1b\\x7f"'),
        ("\x80\u200b\ufeff\uffff", '"\\u0080\\u200b\\ufeff\\uffff"'),
        ("\U0001d173", '"\\U0001d173"'),
    ],
)
def test_what_cannot_be_printed_is_escaped(text: str, quoted: str) -> None:
    assert go_quoted(text) == quoted


@pytest.mark.parametrize(
    ("value", "written"),
    [("a<b>&c", '"a\\u003cb\\u003e\\u0026c"'), ("ä\u2028", '"ä\\u2028"'), (("A", "B"), '["A","B"]')],
)
def test_json_is_safe_inside_html(value: str | tuple[str, ...], written: str) -> None:
    assert json_text(value) == written
