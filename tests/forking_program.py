"""The interpreter from which commands are forked. `tests/prepared_commands.py` starts it.

It has imported ringfence, but no module of the tests: as the user nobody, it may not have the right to read them.
"""

import ctypes
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

MARK: Final = "RINGFENCE_TEST_MARK"
"""The variable in the environment of all processes of one user."""
NO_MARK: Final = "-" * 32
"""What the variable is before a user is known. A mark is as long."""

IMPORTED_BY_COMMANDS: Final = (
    "ringfence.cli.can",
    "ringfence.cli.lab",
    "ringfence.lab.run",
    "ringfence.lab.session.client",
    "ringfence.lab.session.launch",
    "ringfence.lab.session.pod_command",
    "ringfence.sources.manifests.yaml_documents",
)
"""What commands import when they need it. Each of them would import it anew."""


def serve(requests: socket.socket) -> None:
    """Start commands, and report how they ended, while requests arrive."""
    for module in IMPORTED_BY_COMMANDS:
        importlib.import_module(module)
    save_before_forks()
    gc.freeze()  # A garbage collection copies the pages of the objects in each process that visits them.
    while True:
        message, streams, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not message:
            return
        request = json.loads(message)
        if "ended" in request:
            reply = os.waitstatus_to_exitcode(os.waitpid(request["ended"], 0)[1])
        else:
            reply = os.fork()
            if reply == 0:
                requests.close()
                _run(request, streams)
        for stream in streams:
            os.close(stream)
        requests.send(json.dumps(reply).encode())


def save_before_forks() -> None:
    """From now on, if `make coverage` measures this process, save the data so far before each fork.

    Otherwise the child saves the same data when it ends. That took 300 ms of CPU time for each of thousands of
    children.
    """
    if _measurement() is not None:
        os.register_at_fork(before=_save_measurement)


def _save_measurement() -> None:
    measurement = _measurement()
    if measurement is not None:
        measurement.get_data()  # Not `switch_context`, which would have to know the context.


def _measurement() -> Any:
    coverage = sys.modules.get("coverage")
    return coverage.Coverage.current() if coverage is not None else None


def _run(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Become the requested command: with its arguments, environment, streams and process group."""
    code: object = 1
    try:
        os.setpgid(0, 0)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 1)
        os.environ.clear()
        os.environ.update(request["environment"])
        _show_mark(request["environment"].get(MARK, NO_MARK))
        sys.argv = request["arguments"]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        importlib.import_module("ringfence.__main__").main()
    except SystemExit as ending:
        code = ending.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _show_mark(mark: str) -> None:
    """Make /proc/PID/environ show the mark.

    The file shows the memory of the initial environment, also after it is overwritten.
    """
    ctypes.memmove(_MARK_AT, mark.encode(), len(NO_MARK))


_libc = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_void_p
_MARK_AT: Final = _libc.getenv(MARK.encode())

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _requests:
        serve(_requests)
