"""Revisions of a git repository, the files in them, and their content, read by commands that run no other programs.

A repository may be hostile. Checking out a revision, or `git archive`, runs the filters and hooks that its
configuration names, and leaves out the files that its attributes name. `ls-tree`, `ls-files` and `cat-file` print what
is stored, and run nothing.

Source: gitattributes(5), "filter", "export-ignore" and "export-subst"; git(1), "Environment Variables".
"""

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from copy import copy
from enum import StrEnum
from typing import IO, Final

import msgspec

from ringfence.errors import InputError, ManifestError

_SECONDS: Final = 60
"""Timeout in seconds of a command that only looks something up."""
_PIECE: Final = 1 << 20
_ASKED: Final = 256
"""Objects that are asked for at once. Their names, of at most 65 bytes, fit into a pipe, so neither side waits."""
_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # known to git since 2.45
    # Unlike protocol.allow, this also counts where the configuration allows a single protocol, such as `ext`, which
    # runs a program: git before 2.45 fetches an object that a partial clone lacks.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replacement would show another content than that of the revision
    "LC_ALL": "C",
}
# What the configuration of a repository could have git run or fetch.
_SETTINGS: Final = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never")


class EntryKind(StrEnum):
    """What an entry of a tree is."""

    FILE = "file"
    LINK = "symbolic link"
    SUBMODULE = "submodule"
    FOLDER = "folder"


_KINDS: Final = {b"120000": EntryKind.LINK, b"160000": EntryKind.SUBMODULE}


class TreeEntry(msgspec.Struct, frozen=True):
    """A file of a revision: `path` is relative to the working directory, `object_id` that of its content.

    Of a link that leads nowhere `unresolved` says why.
    """

    path: str
    kind: EntryKind
    object_id: str
    unresolved: str = ""


class Repository:
    """The git repository that the working directory is in. Raises ManifestError if there is no git to read it."""

    def __init__(self) -> None:
        git = shutil.which("git")
        if git is None:
            raise ManifestError("git is not on PATH to read revisions: install it, or name two folders")
        self._command = [git, *(part for setting in _SETTINGS for part in ("-c", setting))]
        self._environment = {**os.environ, **_ENVIRONMENT}

    def at_top(self) -> tuple["Repository", str]:
        """The same repository as from its top folder, and the path of the working directory below that."""
        up, below = (
            os.fsdecode(found.stdout.removesuffix(b"\n"))
            for found in (self._run("rev-parse", one) for one in ("--show-cdup", "--show-prefix"))
        )
        found = copy(self)
        found._command = [*self._command, "-C", up or "."]
        return found, below

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names. Raises InputError if it names none."""
        if "\0" in revision or not revision:
            raise InputError(f"{revision!r} is not a revision: use one such as main or HEAD~1")
        # `--end-of-options`: a revision that begins with a dash must not become an option of git.
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if found.returncode:
            raise InputError(_said(found) or f"{revision!r} is not a revision of this repository: {self._remedy()}")
        commit = found.stdout.decode().strip()
        if not commit.isalnum():  # `^main` is the reverse of what it names
            raise InputError(f"{revision!r} is not a revision of this repository: use one such as main or HEAD~1")
        return commit

    def _remedy(self) -> str:
        """The remedy for a revision that does not exist."""
        if self._run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
            return (
                "this clone has a part of the history only: git fetch --unshallow "
                "(fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab)"
            )
        return "use one such as main or HEAD~1"

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which two commits come. Raises InputError if the repository does not have it."""
        found = self._run("merge-base", one, other)
        if found.returncode:
            raise InputError(
                "the two revisions have no common ancestor here: fetch more history "
                "(fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab)"
            )
        return found.stdout.decode().split()[0]

    def tree(self, commit: str, path: str) -> Iterator[TreeEntry]:
        """The files of a commit that are at or below a path, by path."""
        for line in self._listed("ls-tree", "-r", "-z", commit, "--", path):
            described, _, name = line.partition(b"\t")
            mode, _, object_id = described.split()
            yield TreeEntry(os.fsdecode(name), _KINDS.get(mode, EntryKind.FILE), object_id.decode())

    def index(self, path: str) -> Iterator[TreeEntry]:
        """The files of the index that are at or below a path. Raises InputError for one that is not merged."""
        for line in self._listed("--literal-pathspecs", "ls-files", "-s", "-z", "--", path):
            described, _, name = line.partition(b"\t")
            mode, object_id, stage = described.split()
            if stage != b"0":
                raise InputError(f"{os.fsdecode(name)}: not merged: resolve the conflict and add the file")
            yield TreeEntry(os.fsdecode(name), _KINDS.get(mode, EntryKind.FILE), object_id.decode())

    def contents(self, object_ids: Sequence[str], most: int) -> Generator[bytes | None, None, None]:
        """The content of files, one after another; None for one that is missing, and `most` + 1 bytes of a larger one.

        Raises ManifestError if git ends early, as it does if an object is damaged.
        """
        if not object_ids:
            return
        reader = subprocess.Popen(
            [*self._command, "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        )
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            # To write all names first would deadlock: git stops reading while its output is not read.
            for first in range(0, len(object_ids), _ASKED):
                some = object_ids[first : first + _ASKED]
                reader.stdin.write("".join(f"{object_id}\n" for object_id in some).encode())
                reader.stdin.flush()
                for _ in some:
                    yield _next_content(reader.stdout, most)
        except (BrokenPipeError, EOFError):
            raise ManifestError(
                "an object of the git repository is missing or damaged: "
                "fetch it, if this is a partial clone; `git fsck` names what is damaged"
            ) from None
        finally:
            reader.stdout.close()
            with suppress(BrokenPipeError):
                reader.stdin.close()
            reader.wait()

    def _listed(self, *words: str) -> Iterator[bytes]:
        found = self._run(*words)
        if found.returncode:
            raise InputError(_said(found))
        return (line for line in found.stdout.split(b"\0") if line)

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [*self._command, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self._environment,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ManifestError(f"git {words[0]} did not end within {_SECONDS} s") from None


def _said(failed: subprocess.CompletedProcess[bytes]) -> str:
    """The error message of git for a command that failed, with a remedy for common mistakes."""
    said = failed.stderr.decode(errors="replace").strip()
    if "not a git repository" in said:
        remedy = "change to one, or compare two folders, as in `ringfence diff before/ after/`"
        return f"the working directory is not in a git repository: {remedy}"
    return said


def commit_of(revision: str) -> str:
    """The id of the commit that a revision of the repository of the working directory names."""
    return Repository().commit(revision)


def merge_base(one: str, other: str) -> str:
    """The merge base of two revisions of the repository of the working directory, abbreviated."""
    repository = Repository()
    return repository.merge_base(repository.commit(one), repository.commit(other))[:12]


def _next_content(stream: IO[bytes], most: int) -> bytes | None:
    """The next object of `cat-file --batch`: a line with its size, the content and a line feed."""
    header = stream.readline().split()
    if len(header) != 3:
        if header:
            return None
        raise EOFError
    remaining = int(header[2])
    kept = stream.read(min(remaining, most + 1))
    remaining -= len(kept)
    # The rest of a larger object is read and dropped, so that the next header is found.
    while remaining and (piece := stream.read(min(remaining, _PIECE))):
        remaining -= len(piece)
    if not stream.read(1):
        raise EOFError
    return kept
