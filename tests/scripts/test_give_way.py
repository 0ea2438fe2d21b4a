"""A command that gives way to all others runs beside them in CI."""

import signal
import subprocess
from pathlib import Path

GIVE_WAY = Path(__file__).parents[2] / "scripts" / "give-way"


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([GIVE_WAY, "sh", "-c", command, "name", "one argument"], capture_output=True, text=True)


def test_the_outcome_is_that_of_the_command() -> None:
    ended = run('echo "$1"; echo problem >&2; exit 3')
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "one argument\n", "problem\n")


def test_the_command_is_as_nice_as_it_can_be_and_so_is_its_session() -> None:
    assert run("nice").stdout == "19\n"
    if Path("/proc/self/autogroup").exists():
        assert run("cat /proc/self/autogroup").stdout.endswith(" nice 19\n")


def test_the_command_ends_with_the_script() -> None:
    with subprocess.Popen([GIVE_WAY, "sh", "-c", "echo $$; exec sleep 600"], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline()
        one.send_signal(signal.SIGTERM)
        assert one.stdout.read() == "", "both processes have closed the pipe"
