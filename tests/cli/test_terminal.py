"""What goes where: data to standard output, messages to standard error, and no control sequence to a terminal."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.render.hostile_text import CONTROL_SEQUENCES
from tests.semantics.objects import ANY_LABELS

import ringfence.cli
from ringfence.cli import cli, terminal
from ringfence.cluster import Cluster
from ringfence.errors import InputError, LiveClusterError

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")
OTHERS = ("Secret", "ConfigMap", "Secret")
RED_NO, QUESTION = "\x1b[31m\x1b[1mno:\x1b[0m", " prod/web -> prod/db on TCP 3306\n"


@pytest.mark.parametrize("command", ["can prod/web prod/db", "connections", "get netpol -A", "validate"])
def test_output_that_cannot_be_written_is_an_error_and_not_a_no(command: str) -> None:
    program = [sys.executable, "-c", "from ringfence.cli import main; main()", *command.split(), "-f", EXAMPLE]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        pytest.param({}, "no:" + QUESTION, id="no colour where there is no terminal"),
        pytest.param({"CLICOLOR_FORCE": "1"}, RED_NO + QUESTION, id="unless it is forced"),
        pytest.param({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, "no:" + QUESTION, id="NO_COLOR has the last word"),
        pytest.param({"FORCE_COLOR": "1", "TERM": "dumb"}, RED_NO + QUESTION, id="by either name, on any terminal"),
        pytest.param({"FORCE_COLOR": "0"}, "no:" + QUESTION, id="0 forces nothing"),
        pytest.param({"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, RED_NO + QUESTION, id="if it is not empty"),
    ],
)
def test_colour(variables: dict[str, str], printed: str) -> None:
    command = ["can", "prod/web", "prod/db", "-p", "3306", "-f", EXAMPLE]
    assert CliRunner(env=variables).invoke(cli, command).stdout == printed


@pytest.mark.parametrize(("term", "is_coloured"), [("xterm-256color", True), ("dumb", False)])
def test_a_dumb_terminal_gets_no_colour(term: str, is_coloured: bool) -> None:
    leader, follower = pty.openpty()
    program = [sys.executable, "-c", "from ringfence.cli import main; main()"]
    environment = {key: value for key, value in os.environ.items() if not key.endswith(("COLOR", "COLOR_FORCE"))}
    with os.fdopen(leader, "rb", buffering=0) as reader:
        subprocess.run(
            [*program, "can", "prod/web", "prod/db", "-f", EXAMPLE],
            stdout=follower,
            env=environment | {"TERM": term},
            check=False,
        )
        os.close(follower)
        assert (b"\x1b[" in reader.read(4096)) is is_coloured


def test_a_file_that_cannot_be_parsed_is_reported_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("kind: [\n")
    command = ["can", "prod/web", "prod/db", "-p", "3306", "-f", EXAMPLE, "-f", str(tmp_path)]
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.stdout) == (2, "no:" + QUESTION)
    assert result.stderr.startswith(f"{tmp_path / 'broken.yaml'}:")
    strict = CliRunner().invoke(cli, [*command, "--strict"])
    assert (strict.exit_code, strict.stdout) == (2, "")
    assert strict.stderr.endswith("error: 1 error in the input, and --strict was given\n")


@pytest.mark.parametrize("command", ["can prod/web prod/db", "validate", "get netpol -A", "connections --to prod/db"])
def test_verbose_lists_the_kinds_that_were_skipped(command: str, tmp_path: Path) -> None:
    (tmp_path / "others.yaml").write_text("".join(f"{{apiVersion: v1, kind: {kind}}}\n---\n" for kind in OTHERS))
    arguments = [*command.split(), "-f", EXAMPLE, "-f", str(tmp_path)]
    assert CliRunner().invoke(cli, arguments).stderr == ""
    named = CliRunner().invoke(cli, [*arguments, "-v"]).stderr
    assert named == "skipped objects of unsupported kinds: 1 ConfigMap, 2 Secret\n"
    assert CliRunner().invoke(cli, [*command.split(), "-f", EXAMPLE, "-v"]).stderr == "", "nothing was skipped"


# --- control sequences ------------------------------------------------------------------------------------------------

EVERY_SEQUENCE = "".join(text for name, text in CONTROL_SEQUENCES.items() if name != "byte that is not UTF-8")
FORGED = "x\nyes: forged"

COMMANDS = [
    "can {pod} b -p 80",
    "sources {pod} -o csv",
    "destinations b",
    "sources b -o json",
    "isolation",
    "isolation -o json",
    "can {pod} b -p 80 -o json",
    "can * b",
    "can {pod}x b",
    "explain {pod} b -p 80",
    "explain b {pod} -p 80",
    "explain {pod} b -o json",
    *(f"connections -o {output}" for output in ("table", "csv", "markdown", "dot", "mermaid", "json")),
    *(f"matrix -o {output}" for output in ("table", "csv", "markdown")),
    "get netpol",
    "get netpol -A --show-labels -L {pod}",
    *(f"get netpol -o {output}" for output in ("wide", "name", "json", "yaml")),
    "get netpol {pod}",
    "get netpol -l {pod}",
    "describe netpol",
    "describe netpol {pod}",
    "validate",
    "validate -o json",
    "connections -n {pod}",
    "matrix -n {pod}",
]


def manifests(text: str) -> str:
    """A List whose every free text is `text`: names, labels, annotations, a kind, an API version and a field."""
    selector = {"matchLabels": {"app": "b"}}
    metadata = {"name": text, "labels": {text: text}, "annotations": {text: text, "long": text * 50}}

    def policy(name: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata | {"name": name},
            "spec": {"podSelector": selector} | spec,
        }

    deployment = {"selector": ANY_LABELS, "template": {"metadata": {}}}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b", "labels": {"app": "b", "x": text}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": text, "metadata": {"name": text}},
        {"apiVersion": text, "kind": "Pod", "metadata": {"name": text}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": {text: text}}},
        policy(text, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "c"}}}]}]),
        policy("p", ingress=[]),
        policy("misspelt", **{text: text}),
        policy("invalid", ingress=[{"ports": [{"port": text}], "from": [{"ipBlock": {"cidr": text}}]}]),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def run_hostile(command: str, text: str, folder: Path, *options: str) -> Result:
    """Run a command on hostile manifests, from a file with a hostile name."""
    path = folder / f"{text.replace('/', '_')}.json"
    path.write_text(manifests(text))
    words = [word.replace("{pod}", text) for word in command.split(" ")]
    # With `color`, click lets escape sequences through, as it does on a terminal.
    return CliRunner().invoke(cli, [*words, "-f", str(path), *options], color=True)


@pytest.mark.parametrize("text", [EVERY_SEQUENCE, CONTROL_SEQUENCES["byte that is not UTF-8"]], ids=["all", "bytes"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_control_sequence_reaches_the_terminal(command: str, text: str, tmp_path: Path) -> None:
    result = run_hostile(command, text, tmp_path, "-v")
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for line in (result.stdout + result.stderr).split("\n"):
        assert line.isprintable(), line


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_break_in_a_name_starts_an_answer_or_a_message(command: str, tmp_path: Path) -> None:
    result = run_hostile(command, FORGED, tmp_path, "-v")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert not re.search("^yes: forged", result.stdout + result.stderr, re.M)


@pytest.mark.parametrize("text", ["\x1b[2J", FORGED])
def test_a_message_of_an_api_server_cannot_control_the_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(context: str | None, kubeconfig: str | None, *, namespace: str | None, service_users: bool) -> Cluster:
        raise LiveClusterError(text)

    monkeypatch.setattr(Cluster, "live", refuse)
    result = CliRunner().invoke(cli, ["connections"], color=True)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {text}\n".replace("\x1b", "^[").replace("\n", "\n  ").rstrip(" ")


@pytest.mark.parametrize(
    "words", [["\x1b[2J"], ["--\x1b[2J"], ["can", "a", "b", "-o", "\x1b[2J"], ["can", "a", "b", "\x1b[2J"]]
)
def test_a_mistyped_argument_cannot_control_the_terminal(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words, color=True)
    assert result.exit_code == 2
    assert "\x1b" not in result.output
    assert "[2J" in result.output


def test_a_page_for_a_browser_is_not_printed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.check_not_a_terminal("name a file")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(InputError, match="not for a terminal: name a file"):
        terminal.check_not_a_terminal("name a file")


class TestPrinting:
    def test_colours_of_a_writer_are_kept_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("CLICOLOR_FORCE", "1")
        terminal.print_painted("\x1b[31mred\x1b[0m \x1b[2J\n")
        assert capsys.readouterr().out == "\x1b[31mred\x1b[0m ^[[2J\n"

    def test_without_a_terminal_colours_of_a_writer_are_left_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal.print_painted("\x1b[31mred\x1b[0m\n")
        assert capsys.readouterr().out == "red\n"

    @pytest.mark.parametrize(("text", "printed"), [("a", "a\n"), ("a\n", "a\n"), ("", "")])
    def test_text_ends_its_last_line(self, text: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
        terminal.print_text(text)
        assert capsys.readouterr().out == printed

    @pytest.mark.parametrize("document", ["{}", "{}\n", ["{", "}"], ["{}", "\n"], ["{}\n", ""]])
    def test_a_document_ends_its_last_line(self, document: str | list[str], capsys: pytest.CaptureFixture[str]) -> None:
        terminal.print_document(document)
        assert capsys.readouterr().out == "{}\n"

    def test_only_marks_at_the_start_of_a_line_are_coloured(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("CLICOLOR_FORCE", "1")
        terminal.print_answer("partly: a -> b")
        assert capsys.readouterr().out == "\x1b[33m\x1b[1mpartly:\x1b[0m a -> b\n"
        terminal.print_answer("yes: a -> no: b\n  ✗ c ✓")
        printed = capsys.readouterr().out
        assert printed == "\x1b[32m\x1b[1myes:\x1b[0m a -> no: b\n  \x1b[31m\x1b[1m✗\x1b[0m c ✓\n"


@pytest.mark.parametrize("path", sorted(Path(ringfence.cli.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_only_one_module_writes_to_the_streams(path: Path) -> None:
    """What all commands print goes through `cli/terminal.py`, so that no caller can forget to escape it."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    called = {ast.unparse(function) for function in calls}
    writing = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"} & called
    assert writing == ({"click.echo"} if path.stem == "terminal" else set())
