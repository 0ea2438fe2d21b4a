"""Measurements by name."""

import pytest
from benchmarks.__main__ import PARTS, main


def test_an_unknown_part_is_an_error_that_lists_the_parts() -> None:
    with pytest.raises(SystemExit, match=r"^unknown part: nonsense; the parts are .*packets") as refused:
        main([PARTS[0], "nonsense"])
    assert all(part in str(refused.value) for part in (*PARTS, "agent", "watching"))
