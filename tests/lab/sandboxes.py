"""Work done in a sandbox: a child process enters it, does the work, and returns the result.

A process cannot leave a sandbox again, so tests never enter one themselves.
"""

import ctypes
import gc
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, Generic, ParamSpec, TypeVar, cast

import msgspec
import pytest

import ringfence
from ringfence.errors import LaboratoryError
from ringfence.lab.session.sandbox import enter_sandbox

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")

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
        gc.freeze()  # what was made before is not looked at: a look copies its pages, half a second for all of a worker
        os.close(reader)
        with os.fdopen(writer, "wb") as stream:
            pickle.dump(_outcome(lambda: _enter_and(work, rootless=rootless)), stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    os.waitpid(child, 0)
    return cast(T, _result(pickle.loads(content) if content else ("failed", "the child died")))


class SharedSandbox(Generic[S]):
    """A sandbox in which several tests work, one after the other, with something that takes long to build.

    A test that fails leaves it in an unknown state: it is then built anew for the next one.
    """

    def __init__(self, build: Callable[[], S]) -> None:
        self._build = build
        self._child = 0

    def do(self, work: Callable[Concatenate[S, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """What `work`, a function of a module, returns for what was built and these arguments."""
        if not self._child:
            self._start()
        pickle.dump((work, arguments, named), self._requests)
        self._requests.flush()
        try:
            outcome = pickle.load(self._replies)
        except EOFError:
            outcome = ("failed", "the child died")
        if outcome[0] != "done":
            self.close()
        return cast(T, _result(outcome))

    def close(self) -> None:
        """End the sandbox."""
        if self._child:
            self._requests.close()
            self._replies.close()
            os.waitpid(self._child, 0)
            self._child = 0

    def _start(self) -> None:
        request_reader, request_writer = os.pipe()
        reply_reader, reply_writer = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            gc.freeze()
            os.close(request_writer)
            os.close(reply_reader)
            self._serve(os.fdopen(request_reader, "rb"), os.fdopen(reply_writer, "wb"))
            os._exit(0)
        os.close(request_reader)
        os.close(reply_writer)
        self._requests, self._replies = os.fdopen(request_writer, "wb"), os.fdopen(reply_reader, "rb")

    def _serve(self, requests: BinaryIO, replies: BinaryIO) -> None:
        built: list[S] = []

        def answer() -> object:
            if not built:
                built.append(_enter_and(self._build, rootless=False))
            return work(built[0], *arguments, **named)

        while True:
            try:
                work, arguments, named = pickle.load(requests)
            except EOFError:
                return
            pickle.dump(_outcome(answer), replies)
            replies.flush()


def _enter_and(work: Callable[[], T], *, rootless: bool) -> T:
    if rootless:
        become_nobody()
    enter_sandbox()
    return work()


def _outcome(work: Callable[[], object]) -> tuple[str, Any]:
    try:
        return "done", work()
    except LaboratoryError as error:
        return "refused", str(error)
    except BaseException:
        return "failed", traceback.format_exc()


def _result(outcome: tuple[str, Any]) -> Any:
    kind, value = outcome
    if kind == "refused" and value.startswith(FORBIDDEN):
        pytest.skip(value)
    if kind != "done":
        raise Failure(value)
    return value


def become_nobody() -> None:
    """Become an ordinary user. An ordinary user keeps the identity."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self would belong to root


def python_command(arguments: Sequence[str], *, rootless: bool) -> list[str]:
    """How to start `python ARGUMENTS`, as an ordinary user if `rootless`, so that it can import ringfence."""
    if not rootless or os.getuid() != 0:
        return [sys.executable, *arguments]
    own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_NOBODY, "sh"]
    return [*own, sys.base_prefix, str(_SOURCES), str(_LIBRARIES), *arguments]


def require_namespaces() -> None:
    """Skip the test, with the reason, where the kernel forbids namespaces."""
    in_sandbox(lambda: None, rootless=True)


as_root_and_not = pytest.mark.parametrize(
    "rootless", [False, True], ids=["as the user who runs the tests", "without root"]
)
