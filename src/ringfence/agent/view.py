"""The view: what the API server has told of the cluster, as the engine's state.

A policy that the engine cannot use isolates its pods all the same, and allows them nothing: whoever wrote it meant to
close something. It is a problem of the view until it is mended or gone; all other objects count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from ringfence.engine.state import State
from ringfence.model.cidrs import parse_cidr
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import Object
from ringfence.sets.addresses import Addresses
from ringfence.sources.cluster import RESOURCES, Event, Listed, Page, Removed, Resource, Unreadable, Upserted

FOLLOWED: Final[tuple[Resource, ...]] = tuple(
    resource for resource in RESOURCES if resource.needed or resource.kind == "Node"
)
"""What enforcement needs to know; a view without all of these is incomplete."""

_FOLLOWED_KINDS: Final = tuple(resource.kind for resource in FOLLOWED)

Name = tuple[str, str]
"""Namespace and name."""


class View:
    """A cluster as the events of the watches tell it. `state` is right after every event."""

    def __init__(self) -> None:
        self.state = State(live=True)
        self.problems: dict[tuple[str, str, str], str] = {}
        """What is wrong, by kind, namespace and name."""
        self._names: defaultdict[str, set[Name]] = defaultdict(set)
        self._listed: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether every kind was listed whole: before that, nothing can be said of anything."""
        return self._listed.issuperset(_FOLLOWED_KINDS)

    @property
    def missing(self) -> list[str]:
        """The kinds that were not listed yet."""
        return [kind for kind in _FOLLOWED_KINDS if kind not in self._listed]

    def counts(self) -> Mapping[str, int]:
        """How many objects of each kind there are."""
        return {kind: len(self._names[kind]) for kind in _FOLLOWED_KINDS}

    def has_node(self, name: str) -> bool:
        """Whether there is a Node of this name."""
        return name in self.state.nodes

    def pod_ranges(self, node: str) -> Addresses:
        """The ranges from which a node's pods have their addresses, as far as its Node object says them."""
        known = self.state.nodes.get(node)
        return Addresses.of(*map(parse_cidr, (known.spec.pod_cidrs or ()) if known else ()))

    def take(self, event: Event) -> bool:
        """Take in what a watch tells; whether anything may be different now."""
        match event:
            case Page(objects=objects):
                self._upsert_all(objects)
            case Upserted(object=obj):
                self._upsert(obj)
            case Removed(kind=kind, namespace=namespace, name=name):
                self._remove(kind, namespace, name)
            case Listed(kind=kind, names=names):
                for namespace, name in self._names[kind] - names:
                    self._remove(kind, namespace, name)
                self._listed.add(kind)
            case Unreadable(kind=kind, namespace=namespace, name=name, reason=reason):
                self.problems[kind, namespace, name] = reason
                return False
            case _:
                return False
        return True

    def _upsert_all(self, objects: Iterable[Object]) -> None:
        for obj in objects:
            self._upsert(obj)

    def _upsert(self, obj: Object) -> None:
        kind, namespace, name = KINDS.of(obj), namespace_of(obj), obj.metadata.name
        self.problems.pop((kind.key, namespace, name), None)
        obj = kind.default(obj)
        if errors := kind.validate_stored(obj):
            self.problems[kind.key, namespace, name] = "; ".join(map(str, errors))
            obj = kind.without_rules(obj)
            if kind.validate_stored(obj):
                return  # not even its subject is valid
        self._names[kind.key].add((namespace, name))
        self.state.upsert(obj)

    def _remove(self, kind: str, namespace: str, name: str) -> None:
        self.problems.pop((kind, namespace, name), None)
        self._names[kind].discard((namespace, name))
        self.state.remove(kind, namespace, name)


def kind_of_event(event: Event) -> str:
    """The kind that an event is about."""
    return kind_of(event.object) if isinstance(event, Upserted) else event.kind
