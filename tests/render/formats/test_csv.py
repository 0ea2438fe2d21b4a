"""CSV gives back its cells, and no cell is a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.hostile_text import texts

from ringfence.render.formats.csv import csv_text
from ringfence.render.formats.terminal import one_line


def rows_of(written: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written, newline="")))


def test_a_row_is_a_line() -> None:
    assert csv_text([["a", "b"], ["1", "2"]]) == "a,b\n1,2\n"


@pytest.mark.parametrize("cell", ["a,b", 'a"b', "", " a ", "-", "10.0.0.0/8 ::/0", "TCP 80,443"])
def test_a_cell_is_read_back_as_it_was(cell: str) -> None:
    assert rows_of(csv_text([[cell, "x"]])) == [[cell, "x"]]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1+1", "@SUM(A1)"])
def test_a_formula_becomes_text(cell: str) -> None:
    assert rows_of(csv_text([[cell]])) == [[f"'{cell}"]]


@given(st.lists(st.lists(texts, min_size=1, max_size=3), max_size=3))
def test_any_cells_are_read_back_with_their_control_characters_visible(rows: list[list[str]]) -> None:
    written = csv_text(rows)
    assert written.count("\n") == len(rows)
    found = rows_of(written)
    assert [[cell.removeprefix("'") for cell in row] for row in found] == [
        [one_line(cell).removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell[0] in "=+@" or (cell[0] == "-" and cell != "-") for row in found for cell in row if cell)
