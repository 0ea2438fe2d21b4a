"""Files that commands write: one message for a file that cannot be written, whichever command writes it."""

from pathlib import Path

from ringfence.errors import InputError
from ringfence.whole_files import write_whole


def write_file(file: Path, content: str | bytes, named: str) -> None:
    """Write a file as a whole, or not at all.

    Raises InputError if it cannot be written; `named` is how the user named it, such as `-o report.html`.
    """
    try:
        write_whole(file, content)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        # The text of an OSError itself names a temporary file, which the user does not know.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{named}: cannot be written: {reason}") from error
