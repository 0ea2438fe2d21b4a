"""Work in a laboratory, done by a child process: this process enters no sandbox, and nothing is left when it ends."""

import os
import traceback
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.session import enter_sandbox

T = TypeVar("T")


def in_child(work: Callable[[], T], kind: type[T]) -> T:
    """Run `work` in a child process, in a sandbox of its own, and return its result.

    `kind` is the type of the result, which msgspec must be able to write. This process must have one thread only.
    Raises LaboratoryError if the laboratory cannot be built, or if the child ends without a result.
    """
    reader, writer = os.pipe()
    # Only the forking thread exists in the child. Locks that other threads hold would stay locked there.
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as stream:
                stream.write(msgspec.msgpack.encode(_result(work)))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)  # without the exit handlers of the parent
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        written = stream.read()
    os.waitpid(child, 0)
    if not written:
        raise LaboratoryError("the laboratory ended before it had an answer")
    error, result = msgspec.msgpack.decode(written, type=tuple[str, kind | None])  # type: ignore[valid-type]
    if error:
        raise LaboratoryError(error)
    assert result is not None
    return result


def _result(work: Callable[[], T]) -> tuple[str, T | None]:
    try:
        enter_sandbox()
        return "", work()
    except RingfenceError as error:
        return str(error), None
