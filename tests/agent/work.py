"""The work that a call does, as a count that does not depend on the machine or on its load.

The count includes the executed lines of the package, each pass of a loop separately, and the calls of functions that
are not written in Python. The work inside such a function counts as one. A test of growth therefore does not detect a
list that is searched in C again and again; the benchmark `hostile-objects` does.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import ringfence

_PACKAGE: Final = str(Path(ringfence.__file__).parent)


def work_of(call: Callable[[], object]) -> int:
    """The number of executed lines and of calls."""
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
