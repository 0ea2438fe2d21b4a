"""Archives and compressed files, by their first bytes: they may contain manifests, but are not manifests themselves.

Source: the specifications of the formats, as in the `magic` files of file(1).
"""

import shlex
from typing import Final

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode

_UNPACK: Final = "unpack it, and pass the folder that it contains"
_FORMATS: Final = (
    (0, b"PK\x03\x04", "a zip archive", "unzip"),
    (0, b"\x1f\x8b", "a gzip file", "gunzip"),
    (0, b"BZh", "a bzip2 file", "bunzip2"),
    (0, b"\xfd7zXZ\0", "an xz file", "unxz"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file", "unzstd"),
    (257, b"ustar", "a tar archive", "tar -xf"),
)
_CHARTS: Final = (".tgz", ".tar.gz")
"""The endings of Helm packages."""


def archive_problem(data: bytes, file: str) -> Problem | None:
    """The problem of a file that is an archive or compressed; None if it is neither."""
    for offset, mark, kind, program in _FORMATS:
        if data.startswith(mark, offset):
            remedy = f"{_UNPACK}: {program} {shlex.quote(file)}"
            if file.endswith(_CHARTS):
                remedy = (
                    f"if it is a chart, use helm template {shlex.quote(file)} | ringfence COMMAND -f -; else {remedy}"
                )
            return Problem(Place(file), ProblemCode.UNREADABLE_FILE, f"{kind}, not a manifest: not read", remedy=remedy)
    return None
