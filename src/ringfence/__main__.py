"""The program `ringfence`, also as `python -m ringfence`.

Only what is imported here is imported before Ctrl-C ends the program as it should: with 130, and without a traceback.
"""

import os
import signal

_INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    # A program that was started with the signal ignored, as by `nohup`, goes on ignoring it.
    is_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_interruptible:
        # At once: nothing has begun yet that would have to be cleaned up.
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    from ringfence.cli import main as run_command_line

    if is_interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_command_line()


if __name__ == "__main__":
    main()
