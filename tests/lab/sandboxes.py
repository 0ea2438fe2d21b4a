"""Work done in a sandbox: a child process enters it, does the work, and hands back what came of it.

A process cannot leave a sandbox again, so tests never enter one themselves.
"""

import ctypes
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import pytest

import ringfence
from ringfence.errors import LaboratoryError
from ringfence.lab.session import sandbox

T = TypeVar("T")

NOBODY = 65534
FORBIDDEN = ("no network namespaces", "the kernel setting")
"""How the refusals begin that are the environment's, not ours."""

_PR_SET_DUMPABLE = 4
_SOURCES = Path(ringfence.__file__).parent.parent
_LIBRARIES = Path(msgspec.__file__).parent.parent

AS_NOBODY = """
mount -t tmpfs none /mnt && mkdir /mnt/python /mnt/sources /mnt/libraries
mount --bind "$1" /mnt/python && mount --bind "$2" /mnt/sources && mount --bind "$3" /mnt/libraries
export PYTHONPATH=/mnt/sources:/mnt/libraries
shift 3
exec setpriv --reuid=65534 --regid=65534 --clear-groups /mnt/python/bin/python3 "$@"
"""
"""Runs Python as nobody, who may not be able to read the folders that Python and the project are in."""


class Failure(Exception):
    """What went wrong in the sandbox, with its traceback there."""


def in_sandbox(work: Callable[[], T], *, rootless: bool = False) -> T:
    """What `work` returns, done in a sandbox (without root if `rootless`). Skips where namespaces are forbidden."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            if rootless:
                become_nobody()
            sandbox.enter_sandbox()
            result: tuple[str, Any] = ("done", work())
        except LaboratoryError as error:
            result = ("refused", str(error))
        except BaseException:
            result = ("failed", traceback.format_exc())
        with os.fdopen(writer, "wb") as stream:
            pickle.dump(result, stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    os.waitpid(child, 0)
    what, value = pickle.loads(content) if content else ("failed", "the child died")
    if what == "refused" and value.startswith(FORBIDDEN):
        pytest.skip(value)
    if what != "done":
        raise Failure(value)
    return cast(T, value)


def become_nobody() -> None:
    """Be an ordinary user from now on; who is one already stays who he is."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self would belong to root


def ringfence_command(arguments: Sequence[str], *, rootless: bool) -> list[str]:
    """How to start `ringfence ARGUMENTS`, as an ordinary user if `rootless`."""
    started = ["-c", "from ringfence.cli import main; main()", *arguments]
    if not rootless or os.getuid() != 0:
        return [sys.executable, *started]
    own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_NOBODY, "sh"]
    return [*own, sys.base_prefix, str(_SOURCES), str(_LIBRARIES), *started]


def require_namespaces() -> None:
    """Skip the test, with the reason, where the kernel forbids namespaces."""
    in_sandbox(lambda: None, rootless=True)


as_root_and_not = pytest.mark.parametrize("rootless", [False, True], ids=["as whoever runs the tests", "without root"])
