"""A pytest plugin: collects all tests once, and then runs some of them in a fork for each fault that it is given.

`MUTATION_PIPES` has the numbers of two file descriptors: of requests, one in JSON on each line, and of replies. A
request has the path of the faulty file, its text without and with the fault, the tests in the order in which they are
to be run, and the seconds that they may take. A reply has the outcome, and the first test that failed.
"""

import ctypes
import json
import os
import resource
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest

from tests.mutation.patching import functions_by_file, patch
from tests.mutation.selection import processor_seconds

CLONE_NEWNS: Final = 0x00020000  # <linux/sched.h>
CLONE_NEWPID: Final = 0x20000000
MS_REC: Final = 0x4000  # <linux/mount.h>
MS_PRIVATE: Final = 1 << 18
LOOPING_SECONDS: Final = 60
"""What one test may compute. The slowest ones take 10 s."""
WAITING_SECONDS: Final = 30.0
"""How long a test may run without an end before it counts as one that waits for ever."""

_libc = ctypes.CDLL(None, use_errno=True)
_failed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome == "failed":
        _failed.append(report.nodeid)


def pytest_runtestloop(session: pytest.Session) -> bool:
    requests, replies = (int(number) for number in os.environ["MUTATION_PIPES"].split())
    items = {item.nodeid: item for item in session.items}
    functions = functions_by_file(str(Path.cwd() / "src"))
    with os.fdopen(requests) as lines, os.fdopen(replies, "w", buffering=1) as written:
        print(json.dumps({"ready": len(items)}), file=written)
        for line in lines:
            request = json.loads(line)
            print(json.dumps(_in_a_fork(request, items, functions)), file=written)
    return True


def _in_a_fork(
    request: dict[str, Any], items: dict[str, pytest.Item], functions: dict[str, list[FunctionType]]
) -> dict[str, str]:
    """What came of one request. All processes that its tests start end with them."""
    file = Path(request["path"]).absolute()
    text, faulty = request["text"].encode(), request["faulty"].encode()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _own_process_numbers()
            if patch(functions.get(str(file), []), str(file), text, faulty) or faulty == text:
                _run([items[test] for test in request["tests"] if test in items], request["seconds"], writing)
            else:
                _say(writing, "nothing to patch")
        except BaseException as error:
            _say(writing, "broken", f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.close(writing)
    try:
        return _reply(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _reply(reading: int) -> dict[str, str]:
    """The last line of the child. Before it comes one for each test that begins."""
    received = b""
    while select.select([reading], [], [], WAITING_SECONDS)[0]:
        if not (part := os.read(reading, 1 << 16)):
            lines = received.decode().splitlines()
            reply: dict[str, str] = json.loads(lines[-1]) if lines else {}
            # A child that says nothing in the end was killed, for computing too long or by the fault.
            return reply if reply.get("outcome") else {"outcome": "ended", "by": reply.get("begun", "")}
        received += part
    lines = received.decode().splitlines()
    return {"outcome": "timed out", "by": json.loads(lines[-1]).get("begun", "") if lines else ""}


def _say(writing: int, outcome: str, by: str = "") -> None:
    os.write(writing, json.dumps({"outcome": outcome, "by": by}).encode() + b"\n")


def _run(items: Sequence[pytest.Item], seconds: float, writing: int) -> None:
    begun, clock = processor_seconds(), time.monotonic()
    for index, item in enumerate(items):
        # The budget is of processor time, so that other work on the machine counts little. Some tests only wait.
        used = max(processor_seconds() - begun, (time.monotonic() - clock) / 10)
        if used > seconds and index:
            break
        os.write(writing, json.dumps({"begun": item.nodeid}).encode() + b"\n")
        limit = int(processor_seconds()) + LOOPING_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        following = items[index + 1] if index + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if _failed:
            _say(writing, "failed", _failed[0])
            return
    _say(writing, "passed")


def _own_process_numbers() -> None:
    """Go on in a child that is in a namespace of process numbers of its own, which ends with this process."""
    if _libc.unshare(CLONE_NEWNS | CLONE_NEWPID):
        raise OSError(ctypes.get_errno(), "unshare")
    first = os.fork()
    if first:
        _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        os.waitpid(first, 0)
        os._exit(0)
    _libc.prctl(1, signal.SIGKILL)
    _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    _libc.mount(b"proc", b"/proc", b"proc", 0, None)
    second = os.fork()
    if second:
        # As the first process of the namespace it takes over all that lose their parent.
        while os.wait()[0] != second:
            pass
        os._exit(0)
