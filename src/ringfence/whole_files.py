"""Files that are written as a whole or not at all: another program may read the older one at the same time."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_whole(file: Path, content: str | bytes) -> None:
    """Put a text, or bytes, in place of a file, with the rights that the file has; a link stays a link.

    A text is written as UTF-8, its line ends as they are. A new file has the rights that programs of this user give to
    new files. A device, a pipe and what `/dev/stdout` stands for are written to as they are. Raises OSError; then the
    older file is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    is_special = file.exists() and not file.is_file()
    if is_special or file.is_relative_to("/dev"):
        file.write_bytes(data)
        return
    # The link is followed first: `replace` would otherwise put a file in the place of the link.
    target = file.resolve()
    # In the same folder, because a file can be renamed within one file system only.
    with NamedTemporaryFile("wb", dir=target.parent, delete=False) as made:
        written = Path(made.name)
        try:
            made.write(data)
            made.close()
            written.chmod(target.stat().st_mode if target.exists() else _rights_of_new_files())
            written.replace(target)
        # Ctrl-C, too, must not leave the temporary file behind.
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def _rights_of_new_files() -> int:
    mask = os.umask(0)  # it can be read only by setting it
    os.umask(mask)
    return 0o666 & ~mask
