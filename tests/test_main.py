"""The program from its first moment on."""

import signal
import subprocess
import sys

import pytest

INTERRUPTED_DURING_IMPORTS = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "ringfence.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from ringfence.__main__ import main
main()
"""


def run(*arguments: str, ignored: bool = False) -> tuple[int, str]:
    """The exit code and the errors of a Python program, which may be started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignored else signal.getsignal(signal.SIGINT)
    try:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("ignored", "code"), [(False, 130), (True, 0)])
def test_ctrl_c_ends_it_without_a_traceback_while_it_imports_its_modules(ignored: bool, code: int) -> None:
    assert run("-c", INTERRUPTED_DURING_IMPORTS, "version", ignored=ignored) == (code, "")


def test_it_is_a_module_too() -> None:
    assert run("-m", "ringfence", "version") == (0, "")
