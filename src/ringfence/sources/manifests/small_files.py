"""Small files beside the manifests: configurations, baselines, traits of plugins. Each is read as a whole."""

from pathlib import Path

from ringfence.errors import InputError


def read_small_file(path: str, most: int, kind: str, remedy: str = "") -> bytes:
    """The content of a file of at most `most` bytes. Raises InputError for one that cannot be read, or is larger.

    `kind` is what the file should be, in the words of the error: `"baseline"`.
    """
    hint = f"; {remedy}" if remedy else ""
    try:
        with Path(path).open("rb") as stream:
            # One byte more than allowed tells a file that is too large, without reading all of it.
            content = stream.read(most + 1)
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: the {kind} cannot be read: {reason}{hint}") from None
    if len(content) > most:
        raise InputError(f"{path}: larger than {most >> 20} MiB, which is not a {kind}{hint}")
    return content
