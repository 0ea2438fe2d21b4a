"""Measurements by name, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from benchmarks.__main__ import PARTS, main
from benchmarks.measuring import Figure

from benchmarks import __main__ as benchmarks

FIGURES = [Figure("one", 1.5, "ms", 2), Figure("another", 3, "")]


def line_of(figure: Figure) -> str:
    return msgspec.json.encode(figure).decode() + "\n"


def test_an_unknown_part_is_an_error_that_lists_the_parts() -> None:
    with pytest.raises(SystemExit, match=r"^unknown part: nonsense; the parts are .*packets") as refused:
        main([PARTS[0], "nonsense"])
    assert all(part in str(refused.value) for part in (*PARTS, "agent", "watching"))


def test_a_process_writes_each_figure_when_it_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures_of(part: str) -> Iterator[Figure]:
        assert part == "loading"
        yield FIGURES[0]
        assert capsys.readouterr().out == line_of(FIGURES[0])
        yield FIGURES[1]

    monkeypatch.setattr(benchmarks, "figures_of", figures_of)
    main(["--here", "loading"])
    assert capsys.readouterr().out == line_of(FIGURES[1])


@pytest.mark.parametrize("code", [0, 3])
def test_figures_of_a_process_are_read_and_its_failure_is_raised_after_them(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    written = "".join(map(line_of, FIGURES))
    program.write_text(f"#!/bin/sh\ncat <<'EOF'\n{written}EOF\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    read: list[Figure] = []
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3") if code else nullcontext():
        for figure in benchmarks._figures_of_process("loading"):
            read.append(figure)
    assert read == FIGURES
