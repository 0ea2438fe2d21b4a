"""The text of a difference: lines fit the width, and long lists are cut."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import DB, WORKLOADS, compared

from ringfence.render.differences import difference_text

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_are_broken_between_words_only(tmp_path: Path, width: int) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED))
    whole, broken = (difference_text(found, "a", "b", one) for one in (None, width))
    assert broken.split() == whole.split()
    longest = max(map(len, whole.split()))
    assert max(map(len, broken.splitlines())) <= max(width, longest + 8)
    assert broken.count("\n\n") == whole.count("\n\n")


def test_of_many_reasons_a_row_says_how_many_there_are(tmp_path: Path) -> None:
    others = [OPENED.replace("name: db,", f"name: db-{number},") for number in range(8)]
    text = difference_text(compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, *others)), "a", "b")
    opened = text.split("\n\n")[1].splitlines()
    assert len(opened) == 1 + 1 + 5 + 1
    assert opened[-1] == "      and 3 more"
