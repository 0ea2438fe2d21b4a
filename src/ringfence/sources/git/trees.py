"""The files of one commit, or of the index, with symbolic links resolved inside it.

A link is never followed on disk: what it leads to is looked up in the same commit, and a link that leads out of the
repository to nothing.
"""

from collections.abc import Iterator
from os import fsdecode
from posixpath import dirname, isabs, join, normpath

import msgspec

from ringfence.errors import InputError
from ringfence.sources.git.repository import EntryKind, Repository, TreeEntry

_MOST_LINKS = 40
"""The most links in a row that are followed, as in Linux."""
_LONGEST_TARGET = 4096


class Tree:
    """The files of a commit; of the index without one."""

    def __init__(self, repository: Repository, commit: str | None) -> None:
        self._repository = repository
        self._commit = commit

    def files(self, path: str) -> Iterator[TreeEntry]:
        """The files that are at or below a path, by path."""
        if self._commit is None:
            return self._repository.index(path)
        return self._repository.tree(self._commit, path)

    def resolved(self, entry: TreeEntry) -> TreeEntry:
        """What a link leads to, under the path of the link. A link that leads nowhere says why in `unresolved`."""
        found = entry
        for _ in range(_MOST_LINKS):
            if found.kind is not EntryKind.LINK:
                return msgspec.structs.replace(found, path=entry.path)
            target = self._target(found)
            if target is None or isabs(target):
                return msgspec.structs.replace(entry, unresolved="that leads out of the repository")
            path = normpath(join(dirname(found.path), target))
            try:
                below = list(self.files(path))
            except InputError:
                return msgspec.structs.replace(entry, unresolved="that leads out of the repository")
            if not below:
                return msgspec.structs.replace(entry, unresolved=f"to {path}, which is not there")
            # `ls-tree` lists what is below a folder and not the folder itself.
            if below[0].path != path:
                return TreeEntry(entry.path, EntryKind.FOLDER, "")
            found = below[0]
        return msgspec.structs.replace(entry, unresolved="that leads back to itself")

    def _target(self, link: TreeEntry) -> str | None:
        (content,) = self._repository.contents([link.object_id], _LONGEST_TARGET)
        return None if content is None or len(content) > _LONGEST_TARGET else fsdecode(content)
