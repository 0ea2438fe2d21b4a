"""What the probes call: copied beside the package, see `tests/mutation/probes.py`.

A process that a test starts writes down what it reached when it ends, if no signal kills it.
"""

import atexit
import os
import time

_seen: set[int] = set()
reached = _seen.add
_exit = os._exit
_folder = os.environ.get("PROBES_FOLDER")
_descriptor = os.open(_folder, os.O_RDONLY | os.O_CLOEXEC) if _folder else -1


def take() -> list[int]:
    """What was reached since the last call."""
    found = sorted(_seen)
    _seen.clear()
    return found


def _write() -> None:
    if not _folder or not _seen:
        return
    content = "\n".join((os.environ.get("PYTEST_CURRENT_TEST", ""), *map(str, take())))
    name = f"process-{os.getpid()}-{time.monotonic_ns()}"
    for place in ({"path": f"{_folder}/{name}"}, {"path": name, "dir_fd": _descriptor}):
        try:
            file = os.open(flags=os.O_WRONLY | os.O_CREAT, **place)
        except OSError:
            # A process in a sandbox has no such path, and another one has closed the descriptor. Of one that has
            # neither, or no rights, the blocks count as not reached.
            continue
        with os.fdopen(file, "w") as stream:
            stream.write(content)
        return


def _write_and_exit(status: int) -> None:
    _write()
    _exit(status)


atexit.register(_write)
os._exit = _write_and_exit  # type: ignore[assignment]
