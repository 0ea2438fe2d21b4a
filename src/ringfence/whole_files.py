"""Files that are written as a whole or not at all: somebody may read the older one meanwhile."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_whole(file: Path, text: str) -> None:
    """Put a text in place of a file, with the rights that the file has; a link stays a link.

    A new file has the rights that programs of this user give to new files. Line ends are written as they are. Raises
    OSError; then the older file is still there.
    """
    target = file.resolve()
    with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=target.parent, delete=False) as made:
        written = Path(made.name)
        try:
            made.write(text)
            made.close()
            written.chmod(target.stat().st_mode if target.exists() else _rights_of_new_files())
            written.replace(target)
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def _rights_of_new_files() -> int:
    mask = os.umask(0)  # it can be read only by setting it
    os.umask(mask)
    return 0o666 & ~mask
