"""`ui`: the address that it prints, how it ends, and what it needs."""

import os
import signal
import socket
import subprocess
import sys
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"


def test_it_serves_at_the_printed_address_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "ringfence", "ui", "-f", str(EXAMPLE), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        assert "ringfence" in opener.open(address, timeout=30).read().decode()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, 130)
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["ui", "-f", str(EXAMPLE), "--no-browser", "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} of 127.0.0.1 cannot be used: Address already in use; choose another" in result.stderr


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(cli, ["ui", "-f", str(EXAMPLE)])
    assert result.exit_code == 2
    assert "in its checkout: pip install '.[ui]'" in result.stderr


def test_the_course_is_served_from_a_folder_that_is_removed_at_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ringfence", "ui", "--learn", "--no-browser"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        assert "data-lessons" in opener.open(address, timeout=30).read().decode()
        assert list(tmp_path.glob("ringfence-learn-*/01-*/manifests/policy.yaml"))
        process.terminate()
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, "Traceback" in errors) == (128 + signal.SIGTERM, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "x"],
        ["-k", "x"],
        ["--context", "x"],
        ["--kubeconfig", "x"],
        ["-n", "x"],
        ["--without", "a/b"],
        ["--suppose", "x"],
        ["-R"],
        ["--exclude", "x"],
        ["--strict"],
        ["--ignore-errors"],
        ["-v"],
        ["--plugin", "x"],
        ["--tests", "."],
    ],
)
def test_the_course_takes_no_cluster(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, ["ui", "--learn", *arguments])
    assert result.exit_code == 2
    assert f"the lessons of --learn have their own clusters: leave out {arguments[0]}" in result.stderr
