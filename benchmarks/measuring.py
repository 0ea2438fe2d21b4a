"""Figures with their limits, and the functions that measure them.

The machines are shared: work in Python alone is measured in processor time, so that other load does not count; the rest
in wall time. Every report starts with the time of a fixed piece of plain Python, so that reports of different machines
can be compared as ratios.
"""

import gc
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured value in `unit`, and its limit, if it has one."""

    what: str
    value: float
    unit: str
    limit: float | None = None

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:>12,.4g} {self.unit:<3} {'ok' if self.keeps else 'OVER'}"
        return f"{self.what:<70} {self.value:>12,.4g} {self.unit:<3} {limit}".rstrip()

    @property
    def keeps(self) -> bool:
        """Whether the limit, if any, is kept."""
        return self.limit is None or self.value <= self.limit


def seconds(run: Callable[[], object]) -> float:
    """The wall time of one run, in seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def processor_seconds(run: Callable[[], object]) -> float:
    """The processor time of one run, in seconds."""
    start = time.process_time()
    run()
    return time.process_time() - start


def processor_seconds_of_command(*words: str, patience: float, must_succeed: bool = False) -> float:
    """The processor time of a command, in seconds.

    Raises TimeoutExpired for one that does not end, and with `must_succeed` CalledProcessError for another exit code
    than 0.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=must_succeed, timeout=patience)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def typical(runs: Sequence[Callable[[], object]]) -> float:
    """The median of the times of `runs`."""
    return median(map(seconds, runs))


def calibration() -> float:
    """Seconds for a fixed piece of plain Python."""
    return typical([lambda: sum(i * i % 7 for i in range(1_000_000))] * 5)


def resident_megabytes() -> float:
    """The peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def present_megabytes() -> float:
    """The current memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


@contextmanager
def without_collection() -> Iterator[None]:
    """Measure without the cyclic garbage collector's pauses, which depend on all earlier objects."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class Peak:
    """The peak memory of this process since this object was made, above the memory at that time."""

    def __init__(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _status("VmRSS")

    def megabytes(self) -> float:
        """As of now."""
        return (_status("VmHWM") - self._before) / 1024


def _status(field: str) -> int:
    [line] = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])
