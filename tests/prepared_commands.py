"""Commands of ringfence in their own processes, which start in a fraction of the time of a new interpreter.

Each process that runs tests starts one interpreter that has imported ringfence (`tests/forking_program.py`). That
interpreter forks a child for each command. For the tests of the laboratory, the child behaves as a command that a shell
starts: it has its own arguments, environment, standard streams and process group, it can be interrupted and killed, and
its exit status is that of the program. `tests/cli/test_program.py` specifies how the installed program starts.
"""

import atexit
import json
import os
import select
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from tests import forking_program
from tests.lab.sandboxes import python_command


class PreparedCommand:
    """A running command, with the part of `subprocess.Popen` that tests need. Its output goes to files in memory."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] = os.environ,
        *,
        rootless: bool = False,
        output_to: int | None = None,
        errors_to: int | None = None,
    ) -> None:
        """Start `ringfence ARGUMENTS`. Its output may go to other descriptors instead."""
        self._interpreter = _interpreter(rootless)
        reader, writer = os.pipe()
        output, errors = os.memfd_create("output"), os.memfd_create("errors")
        streams = (reader, output if output_to is None else output_to, errors if errors_to is None else errors_to)
        try:
            self.pid = self._interpreter.start(["ringfence", *arguments], environment, streams)
        finally:
            os.close(reader)
        self._ended = os.pidfd_open(self.pid)
        self.stdin: IO[str] = os.fdopen(writer, "w")
        self._output, self._errors = os.fdopen(output), os.fdopen(errors)
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """The exit code, or minus the number of the signal that ended the command.

        Raises TimeoutExpired after some seconds.
        """
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("ringfence", timeout)
            self.returncode = self._interpreter.exit_code(self.pid)
        return self.returncode

    def communicate(self, text: str, timeout: float) -> tuple[str, str]:
        """Write `text` to the standard input, wait, and return standard output and standard error."""
        with suppress(BrokenPipeError), self.stdin:  # A command that fails need not read its input.
            self.stdin.write(text)
        self.wait(timeout)
        return self.output(), self.errors()

    def output(self) -> str:
        """The content of its standard output, after it has ended."""
        self._output.seek(0)
        return self._output.read()

    def errors(self) -> str:
        """The content of its standard error, after it has ended."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Wait until it has ended, and close everything."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.wait(timeout=60)
        os.close(self._ended)
        self._output.close()
        self._errors.close()


class _Interpreter:
    """The process that forks commands and knows how they ended."""

    def __init__(self, *, rootless: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        source = Path(forking_program.__file__).read_text()
        with theirs:
            self._process = subprocess.Popen(
                python_command(["-c", source, str(theirs.fileno())], rootless=rootless),
                env={**os.environ, forking_program.MARK: forking_program.NO_MARK},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._socket = ours

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]) -> int:
        """The process identifier of a new command."""
        return self._ask({"arguments": arguments, "environment": dict(environment)}, streams)

    def exit_code(self, pid: int) -> int:
        """How a command that has ended did so."""
        return self._ask({"ended": pid}, ())

    def _ask(self, request: object, streams: Sequence[int]) -> int:
        socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
        reply = self._socket.recv(100)
        assert reply, "the interpreter has died"
        number = json.loads(reply)
        assert isinstance(number, int)
        return number

    def close(self) -> None:
        self._socket.close()
        self._process.wait(timeout=60)


@cache
def _interpreter(rootless: bool) -> _Interpreter:
    """One interpreter for all tests of this process."""
    interpreter = _Interpreter(rootless=rootless)
    atexit.register(interpreter.close)
    return interpreter
