"""YAML to objects, meaning what it means to kubectl, with the line of every field.

The items of a list are decoded as soon as each is complete: a list of a whole cluster is never held at once.
"""

from collections.abc import Generator, Mapping
from itertools import repeat

from yaml import Mark

from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem
from ringfence.sources.manifests.yaml_values import Builder, UnreadableYaml, Value
from ringfence.sources.reading import Done, Found, duplicate_key, inherit, is_list, item_kind, read_object


def read(text: str, origin: Origin, progress: Done) -> Generator[Found, None, int]:
    """What is in `text`, which is one YAML document, or several that end with `...`. Returns how many there were.

    `origin` says where the text starts; `progress` is told how many characters of it are done.
    """
    return (yield from _Text(text, origin, progress).read())


class _Text:
    def __init__(self, text: str, origin: Origin, progress: Done) -> None:
        self._origin = origin
        self._progress = progress
        self._documents = 0
        self._found: list[Found] = []
        self._builder = Builder(text, self._take)

    def read(self) -> Generator[Found, None, int]:
        try:
            for tree, line in self._builder.documents():
                if tree is not None:
                    self._read_objects(tree, line)
                    self._documents += 1
                yield from self._found
                self._found.clear()
        except UnreadableYaml as error:
            yield Problem(self._place(error.line), f"error converting YAML to JSON: {error}")
            self._documents += 1
        for key, line in self._builder.duplicates:
            yield duplicate_key(key, self._place(line))
        return self._documents

    def _take(self, item: Value, mark: Mark) -> bool:
        """Take an item of a list that says what it is; the others have to wait for the `kind` of the list."""
        self._progress(mark.index)
        is_complete = isinstance(item, dict) and bool(item.get("kind") or item.get("apiVersion"))
        if is_complete:
            self._read_objects(item, mark.line)
        return is_complete

    def _read_objects(self, tree: Value, line: int) -> None:
        if isinstance(tree, dict) and isinstance(tree.get("items", ""), list | None) and is_list(tree.get("kind")):
            items = tree["items"] or []
            for item, item_line in zip(items, self._builder.item_lines(items) or repeat(line), strict=False):
                inherit(item, tree.get("apiVersion"), item_kind(tree.get("kind")))
                self._read_objects(item, item_line)
        else:
            origin = Origin(self._origin.file, self._origin.line + line, self._origin.document + self._documents)
            self._found.extend(read_object(tree, origin, lambda: self._lines(tree)))

    def _lines(self, tree: Value) -> Mapping[str, int]:
        return {path: self._origin.line + line for path, line in self._builder.lines(tree).items()}

    def _place(self, line: int) -> Place:
        return Place(self._origin.file, self._origin.line + line)
