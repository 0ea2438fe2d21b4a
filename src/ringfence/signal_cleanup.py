"""Cleaning up before a signal ends the program."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""They end a program at once, with nothing cleaned up; Ctrl-C raises KeyboardInterrupt."""


class _Signalled(BaseException):
    """A signal was received: no handler of errors may take it for one."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def ended_after_cleanup() -> Iterator[None]:
    """End by a signal only after what is inside has cleaned up. Signals that are handled otherwise stay as they are."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle signals
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _Signalled(number)

    taken = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    except _Signalled as received:
        signal.signal(received.number, signal.SIG_DFL)
        signal.raise_signal(received.number)
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
