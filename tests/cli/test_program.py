"""The installed programs, as a shell runs them."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from errno import EPIPE
from pathlib import Path

import pytest
from tests.prepared_commands import PreparedCommand

from ringfence import __version__
from ringfence.cli import cli, worst_exit_code
from ringfence.cluster import Cluster

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")
BIN = Path(sys.executable).parent


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("program", ["ringfence", "kubectl-ringfence"])
def test_both_programs_answer(program: str) -> None:
    ended = run(program, "can", "-f", EXAMPLE, "prod/web", "prod/db", "-p", "3306")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "no: prod/web -> prod/db on TCP 3306\n", "")


def test_the_usage_shows_the_name_that_users_type() -> None:
    assert run("ringfence", "can", "--help").stdout.startswith("Usage: ringfence can ")
    assert run("kubectl-ringfence", "can", "--help").stdout.startswith("Usage: kubectl ringfence can ")
    assert run("kubectl-ringfence", "cna").stderr.startswith("Usage: kubectl ringfence ")


@pytest.mark.parametrize(
    "command",
    [
        *(f"connections -o {output} -f {EXAMPLE}" for output in ("table", "csv", "markdown", "dot", "mermaid", "json")),
        *(f"matrix -o {output} -f {EXAMPLE}" for output in ("table", "csv", "markdown")),
        *(f"get netpol -A -o {output} -f {EXAMPLE}" for output in ("wide", "name", "yaml", "json")),
        f"can prod/web prod/db -f {EXAMPLE}",
        f"explain prod/web prod/db -f {EXAMPLE}",
        f"validate -f {EXAMPLE}",
        "--help",
        "connections --help",
    ],
)
def test_a_reader_that_closes_the_pipe_ends_the_program_silently(command: str) -> None:
    """The program ends by SIGPIPE, as other Unix programs do: an exit code of 1 would mean "no"."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = PreparedCommand(command.split(), output_to=writer)
    finally:
        os.close(writer)
    with closing(ended):
        assert (ended.wait(timeout=60), ended.errors()) == (-signal.SIGPIPE, "")


def test_the_installed_program_ends_silently_as_well() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        words: list[str | Path] = [BIN / "ringfence", "--help"]
        ended = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, "")


def test_a_reader_that_closes_the_pipe_of_messages_ends_the_program_silently(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        words: list[str | Path] = [BIN / "ringfence", "matrix", "-f", tmp_path]
        ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stdout) == (-signal.SIGPIPE, "")


def test_an_error_of_another_pipe_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **values: object) -> None:
        raise BrokenPipeError(EPIPE, "Broken pipe")

    monkeypatch.setattr(Cluster, "load", broken)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["matrix", "-f", EXAMPLE])
    assert capfd.readouterr().err == "error: [Errno 32] Broken pipe\n"


def test_what_a_locale_cannot_encode_is_escaped() -> None:
    """Latin-1 has no ✗; for ASCII click chooses UTF-8 by itself."""
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    words: list[str | Path] = [BIN / "ringfence", "explain", "-f", EXAMPLE, "prod/web", "prod/db", "-p", "3306"]
    ended = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert b"\\u2717 ingress[0]" in ended.stdout


def test_json_is_utf8_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: é}}")
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    words: list[str | Path] = [BIN / "ringfence", "connections", "-f", tmp_path, "-o", "json"]
    ended = subprocess.run(words, capture_output=True, env=environment, check=True)
    assert "é" in ended.stdout.decode()


def test_a_mistake_ends_in_one_line_and_no_traceback() -> None:
    ended = run("ringfence", "can", "-f", EXAMPLE, "prod/nobody", "prod/db")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "error: prod/nobody: there is no pod or workload nobody in namespace prod\n"


_FOR_NO_QUESTION = ("httpx2", "rich", "ringfence.agent", "ringfence.dataplane", "ringfence.lab", "ringfence.web")
_FOR_CHANGES = ("ringfence.analysis.differences", "ringfence.analysis.possible", "ringfence.render.differences")
_FOR_FEW = ("ringfence.analysis.conversion", "ringfence.lint", "ringfence.render.pictures", "ringfence.testing")


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--version"], ("msgspec", "yaml", "ringfence.engine", *_FOR_NO_QUESTION, *_FOR_CHANGES, *_FOR_FEW)),
        (["can", "-f", EXAMPLE, "prod/api", "prod/db"], ("ringfence.render.policies", *_FOR_CHANGES, *_FOR_FEW)),
        (["connections", "-f", EXAMPLE], (*_FOR_CHANGES, *_FOR_FEW)),
        (["validate", "-f", EXAMPLE], (*_FOR_CHANGES, *_FOR_FEW)),
        (["get", "netpol", "-A", "-f", EXAMPLE], (*_FOR_CHANGES, *_FOR_FEW)),
        (["diff", EXAMPLE, EXAMPLE], _FOR_FEW),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_about_manifests_imports_only_what_it_needs(arguments: list[str], unused: tuple[str, ...]) -> None:
    """Importing takes most of the time of a command about few manifests."""
    names = (*unused, *_FOR_NO_QUESTION)
    script = f"""
import sys
from ringfence.cli import cli
try:
    cli({arguments!r}, standalone_mode=False)
except SystemExit:
    pass
print([name for name in {names!r} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert len(ended.stdout.splitlines()) > 1


@pytest.mark.parametrize(("codes", "worst"), [([0, 1], 1), ([1, 3], 3), ([3, 2], 2), ([2, 1, 0], 2), ([0], 0)])
def test_of_several_exit_codes_the_one_that_says_least_counts(codes: list[int], worst: int) -> None:
    assert worst_exit_code(codes) == worst


def test_a_closed_standard_input_is_an_error_without_a_traceback() -> None:
    words = [str(BIN / "ringfence"), "can", "-f", "-", "prod/web", "prod/db"]
    command = f"exec {' '.join(words)} <&-"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    message = "error: -: standard input is closed: pipe manifests into it, or name a file\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", message)


def run_with(failure: str) -> subprocess.CompletedProcess[str]:
    """The program, in which loading manifests ends with an exception."""
    program = f"""
import sys
from ringfence import Cluster, cli
def fail(*paths, **options):
    raise {failure}
Cluster.load = fail
sys.argv = ["ringfence", "can", "-f", "x", "a", "b"]
cli.main()
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_an_interrupted_command_exits_with_130() -> None:
    ended = run_with("KeyboardInterrupt")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_an_unexpected_exception_is_one_line_that_asks_for_a_report() -> None:
    ended = run_with("KeyError('a\\\\nb')")
    assert (ended.returncode, ended.stdout) == (70, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: a defect of ringfence {__version__} (KeyError: ")
    assert line.endswith(", at __main__:5): please report it with this line, the command and its input")
