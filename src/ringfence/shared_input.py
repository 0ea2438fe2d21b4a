"""What the inputs of several clusters have in common: read and validated once, and known to be equal.

Two revisions of a repository differ in few documents. With one `SharedInput` for both, equal documents are parsed once,
their objects are validated once, and what differs between the two clusters is found without comparing what they mean.
The objects of such a cluster enter its state when that is first asked for: for a difference in policies alone, the
second state is never needed (`analysis.differences`).
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

from ringfence.argument_checks import checked_path, checked_patterns, checked_text
from ringfence.engine.state import State
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import Object
from ringfence.model.origin import Origin
from ringfence.model.server_versions import ServerVersion
from ringfence.sources.shared_documents import SharedDocuments

if TYPE_CHECKING:
    from ringfence.sources.git import RenderedFolder, Repository, StoredFiles

Key = tuple[str, str, str]
"""The key of the kind, the namespace and the name of an object."""


class Terms(NamedTuple):
    """What the admission of an object depends on, apart from the object."""

    namespace: str
    is_accepted: bool
    server_version: ServerVersion | None


class SharedInput:
    """Remembers the documents and the admitted objects of each cluster that is loaded with it, for the next one."""

    def __init__(self) -> None:
        self.documents = SharedDocuments()
        self._listed: dict[tuple[object, ...], StoredFiles] = {}
        self._rendered: dict[tuple[object, ...], RenderedFolder] = {}
        self._admitted: dict[tuple[int, Terms], tuple[Object, Object]] = {}

    def stored_files(
        self,
        repository: "Repository",
        revision: str | None,
        paths: Sequence[str | PathLike[str]],
        *,
        recursive: bool,
        exclude: Sequence[str],
    ) -> "StoredFiles":
        """The files of a revision, or of the index (None), which are listed once.

        Raises InputError for a revision, and ManifestError for a path, that is not there.
        """
        from ringfence.sources.git import stored_files

        named = None if revision is None else checked_text("revision", revision, "main")
        texts, patterns = [checked_path(path) for path in paths], checked_patterns(exclude)
        key = named, *texts, recursive, *patterns
        # A comparison first asks whether the files are the same, and then reads them: git lists them once for both.
        if key not in self._listed:
            self._listed[key] = stored_files(repository, named, texts, recursive=recursive, exclude=patterns)
        return self._listed[key]

    def rendered_folders(
        self,
        repository: "Repository",
        revision: str | None,
        kustomize: str | PathLike[str] | None,
        chart: str | PathLike[str] | None,
        values: Sequence[str | PathLike[str]],
    ) -> "list[RenderedFolder]":
        """The kustomization and the chart of a revision, or of the index, whose files are listed once.

        Raises as `stored_files`.
        """
        from ringfence.sources.git import Renderer, rendered_folder

        named = None if revision is None else checked_text("revision", revision, "main")
        found = []
        for renderer, given, files in (
            (Renderer.KUSTOMIZE, kustomize, []),
            (Renderer.HELM, chart, [checked_path(file) for file in values]),
        ):
            if given is not None:
                folder = checked_path(given)
                key = named, renderer, folder, *files
                if key not in self._rendered:
                    self._rendered[key] = rendered_folder(repository, named, renderer, folder, files)
                found.append(self._rendered[key])
        return found

    def admitted(self, obj: Object, terms: Terms) -> Object | None:
        """The object as it was admitted before, without errors or warnings; None if it was not."""
        known = self._admitted.get((id(obj), terms))
        return known[1] if known else None

    def note_admitted(self, obj: Object, terms: Terms, admitted: Object) -> None:
        """Note that an object was admitted without errors or warnings, and as what."""
        # The object as it was read is kept, too: no other can then have its id.
        self._admitted[id(obj), terms] = obj, admitted


class KeptObject(NamedTuple):
    """An object as it was admitted, and where it was read."""

    object: Object
    origin: Origin | None


class ObjectChange(NamedTuple):
    """An object that two clusters do not have alike: as it is in each of them, or None where it is missing."""

    key: Key
    before: KeptObject | None
    after: KeptObject | None

    @property
    def is_of_policy(self) -> bool:
        """Whether the object is a policy."""
        kind = KINDS.keyed(self.key[0])
        return kind is not None and kind.is_policy


class KeptObjects:
    """The objects of a cluster by kind and name, which enter its state only when they are needed there."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._objects: dict[Key, KeptObject] = {}
        self._revision: int | None = None
        """The revision of the state after the objects had entered it; None before."""

    def upsert(self, obj: Object, origin: Origin | None) -> None:
        """Add an object, or replace the one with its kind and name."""
        self._objects[kind_of(obj), namespace_of(obj), obj.metadata.name] = KeptObject(obj, origin)
        if self._revision is not None:
            is_complete = self.is_complete
            self._state.upsert(obj, origin)
            if is_complete:
                self._revision = self._state.revision

    def remove(self, key: Key) -> None:
        """Remove an object, if it is there."""
        self._objects.pop(key, None)
        if self._revision is not None:
            is_complete = self.is_complete
            self._state.remove(*key)
            if is_complete:
                self._revision = self._state.revision

    def enter(self) -> State:
        """Have all objects in the state, and return it."""
        if self._revision is None:
            for obj, origin in self._objects.values():
                self._state.upsert(obj, origin)
            self._revision = self._state.revision
        return self._state

    @property
    def is_complete(self) -> bool:
        """Whether the state has, or will have, these objects and no others: nobody has changed it otherwise."""
        return self._revision in (None, self._state.revision)

    def has_same_surroundings(self, other: "KeptObjects") -> bool:
        """Whether all that is in the two states is the same, except for these objects."""
        mine, theirs = self._state, other._state
        return (
            self.is_complete
            and other.is_complete
            and mine.only_namespace == theirs.only_namespace
            and mine.operated == theirs.operated
            and not (mine.doubts or theirs.doubts)
        )

    def changes(self, after: "KeptObjects") -> Iterator[ObjectChange]:
        """The objects that are not the same afterwards, in the order of the input."""
        theirs = after._objects
        for key, kept in self._objects.items():
            other = theirs.get(key)
            # Shared documents give the same object, and then nothing is compared field by field.
            if other is None or (other.object is not kept.object and other.object != kept.object):
                yield ObjectChange(key, kept, other)
        for key, other in theirs.items():
            if key not in self._objects:
                yield ObjectChange(key, None, other)

    def origin(self, key: Key) -> Origin | None:
        """Where an object was read, if it is there."""
        kept = self._objects.get(key)
        return kept.origin if kept else None
