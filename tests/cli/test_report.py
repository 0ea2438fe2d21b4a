"""`report`: one HTML file, or its data."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import fits, schema, strict

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"


def run(*words: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, ["report", *words, "-f", str(path)])


def test_a_report_is_written_to_a_file_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("older")
    result = run("-o", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"wrote {file}, ")
    text = file.read_text()
    assert text.startswith("<!doctype html>")
    assert f"<title>{EXAMPLE} - ringfence</title>" in text
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_same_input_gives_the_same_bytes() -> None:
    assert run().stdout == run().stdout


def test_the_data_has_the_shape_of_its_schema(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    assert run("-o", str(file), "--title", "prod & <staging>").exit_code == 0
    data = json.loads(file.read_text())
    assert fits(data, strict(schema("report")))
    assert data["title"] == "prod & <staging>"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("report.pdf", "a report is an HTML file, or its data as JSON: end the name with .html or .json"),
        ("report", "a report is an HTML file, or its data as JSON: end the name with .html or .json"),
        ("missing/report.html", "there is no folder missing"),
    ],
)
def test_a_file_that_cannot_be_a_report_is_an_error(
    output: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("-o", output)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {output}: {message}\n")


def test_an_error_in_the_input_is_in_the_report_and_in_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: A_b, namespace: x}}\n")
    result = run("-o", str(tmp_path / "report.json"), path=tmp_path / "bad.yaml")
    assert result.exit_code == 0
    (problem,) = json.loads((tmp_path / "report.json").read_text())["problems"]
    assert problem["severity"] == "error"


def test_what_if_options_count() -> None:
    assert "db-policy" not in run("--without", "prod/db-policy").stdout.partition('id="report">')[2].partition("<")[0]


@pytest.mark.parametrize("output", ["report.html", "report.json"])
def test_a_file_name_that_is_not_utf_8_is_shown_as_far_as_it_can_be(output: str, tmp_path: Path) -> None:
    manifest = tmp_path / "a\udcff.yaml"
    manifest.write_bytes((EXAMPLE / "db-policy.yaml").read_bytes())
    result = run("-o", str(tmp_path / output), path=manifest)
    assert result.exit_code == 0, result.stderr
    assert "db-policy" in (tmp_path / output).read_text("utf-8")
