"""Markdown shows its texts as they are, read back with the parser that `rich` brings along."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.render.hostile_text import texts
from tests.render.rendered_markdown import Rendered

from ringfence.render.formats.markdown import markdown_code, markdown_list, markdown_table, markdown_text
from ringfence.render.formats.terminal import one_line

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline_texts(written: str) -> list[str]:
    """The text of each cell or item; fails if it contains any markup."""
    return [plain(token) for token in PARSER.parse(written) if token.type == "inline"]


def plain(token: Token) -> str:
    children = token.children or []
    assert {child.type for child in children} <= {"text", "text_special"}, [child.type for child in children]
    return "".join(child.content for child in children).strip()


def shown(text: str) -> str:
    """`text` as a reader sees it: without the blanks at both ends, which Markdown drops."""
    return one_line(text).strip()


def test_a_table() -> None:
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_a_list() -> None:
    assert markdown_list(["a", "b"]) == "* a\n* b\n"


@pytest.mark.parametrize("text", ["*a*", "_a_", "`a`", "a|b", "<b>", "[a](b)", "~~a~~", "&amp;", "\\"])
def test_markup_is_escaped(text: str) -> None:
    assert inline_texts(markdown_text(text)) == [text]


@given(st.lists(st.tuples(texts, texts), max_size=3))
def test_a_table_shows_every_cell(rows: list[tuple[str, str]]) -> None:
    written = markdown_table(["left", "right"], rows)
    assert len(written.splitlines()) == len(rows) + 2
    assert inline_texts(written) == ["left", "right", *(shown(cell) for row in rows for cell in row)]


@given(st.lists(texts.filter(lambda text: shown(text) != ""), max_size=3))
def test_a_list_shows_every_item(items: list[str]) -> None:
    written = markdown_list(items)
    assert len(written.splitlines()) == len(items)
    assert inline_texts(written) == [shown(item) for item in items]
    assert [token.type for token in PARSER.parse(written)].count("list_item_open") == len(items)


@pytest.mark.parametrize(
    "text",
    [
        "@team",
        "a@b.example",
        "https://evil.example",
        "www.evil.example",
        "#1",
        "`@team`",
        "a|www.b.example|a@b.example",
    ],
)
def test_code_has_no_mention_reference_or_link(text: str) -> None:
    rendered = Rendered(f"see {markdown_code(text)} and\n\n| code |\n|---|\n| {markdown_code(text)} |\n")
    assert set(rendered.elements) == {"p", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert rendered.codes == [text, text]


@given(st.lists(texts, min_size=1, max_size=3))
def test_code_shows_every_character_in_a_sentence_and_in_a_table(written: list[str]) -> None:
    codes = [markdown_code(text) for text in written]
    table = f"| {' | '.join(codes)} |\n{'|---' * len(codes)}|\n| {' | '.join(codes)} |\n"
    rendered = Rendered(f"* {', '.join(codes)}.\n\n{table}")
    assert rendered.codes == list(map(one_line, written)) * 3
    assert (rendered.elements.count("th"), rendered.elements.count("td")) == (len(written), len(written))
    assert set(rendered.elements) == {"ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td"}
