"""The view: what the API server has reported of the cluster, as the engine's state.

A policy that the engine cannot use isolates its pods all the same and allows them nothing: its author meant to close
something. It stays a problem of the view until it is corrected or deleted; all other objects count.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from ringfence.engine.state import State
from ringfence.model.cidrs import parse_cidr
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import Object
from ringfence.sets.addresses import Addresses
from ringfence.sources.cluster import RESOURCES, Event, Listed, Page, Removed, Resource, Unreadable, Upserted

_CONTEXT: Final = ("Namespace", "Pod", "Node")
"""The kinds that enforcement needs besides the policies."""

FOLLOWED: Final[tuple[Resource, ...]] = tuple(
    resource for resource in RESOURCES if resource.row.is_policy or resource.kind in _CONTEXT
)
FOLLOWED_KINDS: Final = tuple(resource.kind for resource in FOLLOWED)
"""The kinds that the agent watches; a view is incomplete until all of them have been listed."""

Name = tuple[str, str]
"""Namespace and name."""

ObjectName = tuple[str, str, str]
"""Kind, namespace and name."""


class View:
    """The cluster as the events of the watches describe it. `state` is up to date after every event."""

    def __init__(self) -> None:
        self.state = State(live=True)
        self.problems: dict[ObjectName, str] = {}
        """Why objects cannot be used as they are."""
        self.defects: dict[ObjectName, Exception] = {}
        """The objects that a defect of ringfence keeps out of the state: it may differ from the cluster in these."""
        self._names: defaultdict[str, set[Name]] = defaultdict(set)
        self._listed: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether every kind was listed: before that, the state says nothing about the cluster."""
        return self._listed.issuperset(FOLLOWED_KINDS)

    @property
    def missing(self) -> list[str]:
        """The kinds that were not listed yet."""
        return [kind for kind in FOLLOWED_KINDS if kind not in self._listed]

    def counts(self) -> Mapping[str, int]:
        """How many objects of each kind there are."""
        return {kind: len(self._names[kind]) for kind in FOLLOWED_KINDS}

    def pod_ranges(self, node: str) -> Addresses:
        """The ranges of the node's pods, from the `podCIDRs` of its Node object; none if it has none."""
        known = self.state.nodes.get(node)
        return Addresses.of(*map(parse_cidr, (known.spec.pod_cidrs or ()) if known else ()))

    def apply(self, event: Event) -> bool:
        """Bring the state up to date; whether anything may be different now.

        What fails by a defect of ringfence is in `defects`; no exception is raised for it.
        """
        match event:
            case Page(objects=objects):
                for obj in objects:
                    self._upsert(obj)
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

    def _upsert(self, obj: Object) -> None:
        key = kind_of(obj), namespace_of(obj), obj.metadata.name
        self._isolating_defects(key, lambda: self._take_in(key, obj))

    def _take_in(self, key: ObjectName, obj: Object) -> None:
        self.problems.pop(key, None)
        kind = KINDS.of(obj)
        obj = kind.default(obj)
        if errors := kind.validate_stored(obj):
            self.problems[key] = "; ".join(map(str, errors))
            obj = kind.without_rules(obj)
            if kind.validate_stored(obj):
                return  # not even its subject can be used: nothing can be closed
        self._names[key[0]].add(key[1:])
        self.state.upsert(obj)

    def _remove(self, kind: str, namespace: str, name: str) -> None:
        def remove() -> None:
            self.problems.pop((kind, namespace, name), None)
            self._names[kind].discard((namespace, name))
            self.state.remove(kind, namespace, name)

        self._isolating_defects((kind, namespace, name), remove)

    def _isolating_defects(self, key: ObjectName, change: Callable[[], None]) -> None:
        """Change one object's part of the state; a defect that it meets does not keep other objects out."""
        try:
            change()
        except Exception as error:
            # A new dictionary, since health probes read it in other threads.
            self.defects = {**self.defects, key: error}
        else:
            if key in self.defects:
                self.defects = {name: error for name, error in self.defects.items() if name != key}


def kind_of_event(event: Event) -> str:
    """The kind that an event is about."""
    return kind_of(event.object) if isinstance(event, Upserted) else event.kind
