"""A wall clock that jumps, for one program: `clock.c` is preloaded into the program."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).with_name("clock.c")
_SECONDS: Final = struct.Struct("=q")


class Clock:
    """The clock of a program that is started with `environment`. Skips the test where there is no C compiler."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (cc): a program's clock cannot be changed without")
        library, offset = folder / "clock.so", folder / "clock-offset"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        offset.write_bytes(_SECONDS.pack(0))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(offset)}
        with offset.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), _SECONDS.size)

    def jump(self, seconds: int) -> None:
        """Shift the clock by this many seconds from now on."""
        self._offset[:] = _SECONDS.pack(seconds)
