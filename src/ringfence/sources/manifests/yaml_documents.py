"""YAML to objects, meaning what it means to kubectl, with the line of every field.

The items of a list are decoded as soon as each is complete: a list of a whole cluster is never held at once.
"""

from collections.abc import Generator, Mapping
from itertools import repeat

import msgspec

from ringfence.model.origin import FieldRanges, Origin, Range
from ringfence.model.problems import ProblemCode
from ringfence.sources.loaded_objects import Found
from ringfence.sources.loading import Done, inherit, is_list, item_kind, read_object
from ringfence.sources.manifests.text_remedies import text_remedy
from ringfence.sources.manifests.yaml_values import Builder, Event, UnreadableYaml, Value
from ringfence.sources.object_problems import duplicate_key, unreadable


def read_yaml(text: str, origin: Origin, progress: Done) -> Generator[Found, None, int]:
    """What is in `text`, which is one YAML document, or several that end with `...`. Returns how many there were.

    `origin` is the place where the text starts. `progress` is called with the number of characters that are done.
    """
    return (yield from _Text(text, origin, progress).read())


class _Text:
    def __init__(self, text: str, origin: Origin, progress: Done) -> None:
        self._text = text
        self._origin = origin
        self._progress = progress
        self._documents = 0
        self._found: list[Found] = []
        self._builder = Builder(text, self._take)

    def read(self) -> Generator[Found, None, int]:
        try:
            for tree, event in self._builder.documents():
                if tree is not None:
                    self._read_objects(tree, event)
                    self._documents += 1
                yield from self._found
                self._found.clear()
        except UnreadableYaml as error:
            line, column = self._origin.line + error.line, error.column
            place = self._origin.place_of(Range(line, column, line if column else 0, column))
            message = f"error converting YAML to JSON: {error}"
            remedy = text_remedy(self._text, error.line, str(error), self._origin.line)
            yield unreadable(place, ProblemCode.INVALID_YAML, message, self._text, remedy)
            self._documents += 1
        for key, event in self._builder.duplicates:
            part = self._shifted(self._builder.positions.range(event.start_mark, event.end_mark))
            yield duplicate_key(key, self._origin.place_of(part))
        # The builder refers to this object by its callback: without this, both wait for the garbage collector, with
        # the text and all that is known of its places.
        del self._builder
        return self._documents

    def _take(self, item: Value, event: Event) -> bool:
        """Take an item of a list that says what it is; the others have to wait for the `kind` of the list."""
        self._progress(event.start_mark.index)
        is_complete = isinstance(item, dict) and bool(item.get("kind") or item.get("apiVersion"))
        if is_complete:
            self._read_objects(item, event)
        return is_complete

    def _read_objects(self, tree: Value, event: Event, *, in_list: bool = False) -> None:
        if isinstance(tree, dict) and isinstance(tree.get("items", ""), list | None) and is_list(tree.get("kind")):
            items = tree["items"] or []
            for item, item_event in zip(items, self._builder.item_events(items) or repeat(event), strict=False):
                inherit(item, tree.get("apiVersion"), item_kind(tree.get("kind")))
                self._read_objects(item, item_event, in_list=bool(tree.get("apiVersion") or tree.get("kind")))
        else:
            line = self._origin.line + self._builder.positions.line(event.start_mark)
            origin = msgspec.structs.replace(self._origin, line=line, document=self._origin.document + self._documents)
            self._found.extend(read_object(tree, origin, lambda: self._fields(tree, event), in_list=in_list))

    def _fields(self, tree: Value, event: Event) -> Mapping[str, FieldRanges]:
        return {
            path: FieldRanges(self._shifted(field.value), self._shifted(field.key) if field.key else None)
            for path, field in self._builder.fields(tree, event).items()
        }

    def _shifted(self, part: Range) -> Range:
        """A range of this text as one of the whole file."""
        first = self._origin.line
        return Range(first + part.line, part.column, first + part.end_line, part.end_column)
