"""Columns of text, aligned as kubectl aligns them."""

from itertools import count, islice

from ringfence.render.formats.text_table import aligned, streamed_table, table


def test_columns_are_as_wide_as_their_widest_cell_and_three_blanks() -> None:
    assert table(["NAME", "POD-SELECTOR", "AGE"], [["db-policy", "role=db", "5d"], ["x", "<none>", "3h20m"]]) == (
        "NAME        POD-SELECTOR   AGE\ndb-policy   role=db        5d\nx           <none>         3h20m\n"
    )


def test_a_column_is_never_narrower_than_six() -> None:
    assert table(["A", "B"], [["1", "2"]]) == "A     B\n1     2\n"


def test_an_empty_last_cell_leaves_the_blanks_before_it() -> None:
    assert table(["NAME", "TEAM"], [["web", ""]]) == "NAME   TEAM\nweb    \n"


def test_without_headers_only_the_rows_count() -> None:
    assert table(None, [["web", "1d"], ["db", "2d"]]) == "web   1d\ndb    2d\n"


def test_no_rows_no_headers() -> None:
    assert table(["NAME"], []) == ""


def test_a_cell_is_one_line_without_control_characters() -> None:
    assert table(["NAME", "WHY"], [["a\nb", "\x1b[31mred"]]) == "NAME   WHY\na...   ^[[31mred\n"


def test_a_line_without_a_column_ends_it() -> None:
    lines = [["a", "b"], ["wider", "c"], ["alone"], ["d", "e", "f"], ["g", "longer", "h"]]
    assert aligned(lines, padding=2) == ["a      b", "wider  c", "alone", "d  e       f", "g  longer  h"]


def test_a_streamed_table_is_as_wide_as_its_first_rows() -> None:
    rows = [["a" * length, "b", "c"] for length in (*range(1, 8), *[1] * 993, 20, 1)]
    lines = "".join(streamed_table(["A", "B", "C"], rows)).splitlines()
    assert "".join(f"{line}\n" for line in lines[:1001]) == table(["A", "B", "C"], rows[:1000])
    assert lines[1001] == f"{'a' * 20}   b     c"
    assert lines[1002] == lines[1000]


def test_a_streamed_table_reads_only_what_it_has_to() -> None:
    endless = (["a", "b"] for _ in count())
    assert len(list(islice(streamed_table(["A", "B"], endless), 100))) == 100


def test_a_streamed_table_without_rows_is_empty() -> None:
    assert list(streamed_table(["A"], [])) == []
