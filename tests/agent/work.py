"""How much work a call does, as a count that is the same on every machine and however busy it is.

Counted are the lines of the package that are executed, each pass of a loop anew, and the calls of functions that are
not written in Python. What such a function does inside counts as one, so a test of growth does not see a list that is
searched in C again and again; the benchmark `hostile-objects` does.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import ringfence

_PACKAGE: Final = str(Path(ringfence.__file__).parent)


def work_of(call: Callable[[], object]) -> int:
    """Executed lines and calls."""
    count = 0

    def traced(frame: FrameType, event: str, _: Any) -> Any:
        return count_line if frame.f_code.co_filename.startswith(_PACKAGE) else None

    def count_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return count_line

    def count_call(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "c_call"

    earlier_trace, earlier_profile = sys.gettrace(), sys.getprofile()
    sys.setprofile(count_call)
    sys.settrace(traced)
    try:
        call()
    finally:
        sys.settrace(earlier_trace)
        sys.setprofile(earlier_profile)
    return count
