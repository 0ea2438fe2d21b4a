"""Short names of classes of pods, for the head of a row or a box.

In the band or box of its namespace, a pod or workload needs neither the namespace nor, if it is the only one of its
name there, the kind. If a class is all of its namespace in the picture, its name is the number of its members: the name
of the first one would not distinguish it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from ringfence.engine.population import Reference
from ringfence.render.formats import one_line
from ringfence.render.pictures.look import shortened, text_width

_MOST_MEMBERS: Final = 40
"""The largest number of members of a class that a picture lists; further ones are counted."""


class ShortNames:
    """The short names of the classes of a list. Those at `rests` are the classes that are counted instead of drawn."""

    def __init__(self, classes: Sequence[Sequence[Reference]], width: float, rests: Collection[int] = ()) -> None:
        """Names take at most `width`, in CSS pixels."""
        self._classes = classes
        self._width = width
        self._rests = rests
        self._times = Counter((one.namespace, one.name) for members in classes for one in members)
        self._of_namespace = Counter(members[0].namespace for members in classes)

    def of(self, place: int) -> str:
        """The name of the first member of a class, and how many more there are: `web +3`; or `13 workloads`."""
        members = self._classes[place]
        namespace = members[0].namespace
        if len(members) > 1 and namespace and self._of_namespace[namespace] == 1:
            return f"{len(members):,} {_noun(members)}"
        if place in self._rests:
            return f"{len(members):,} more {_noun(members)}"
        # The number is never cut: without it, the name would be that of one pod.
        more = f" +{len(members) - 1}" if len(members) > 1 else ""
        return shortened(self.member(members[0]), self._width - text_width(more)) + more

    def member(self, one: Reference) -> str:
        """The name of a pod or workload within its namespace."""
        is_only = self._times[one.namespace, one.name] == 1 and one.kind[:1].isupper()
        return one_line(one.name if is_only else str(one).removeprefix(f"{one.namespace}/"))

    def members(self, place: int) -> str:
        """The members of a class with their namespaces: the first ones, and the number of the others."""
        return _few([str(one) for one in self._classes[place]])

    def notes(self, places: Collection[int]) -> list[str]:
        """The members of each class that has several, within a namespace by their short names."""
        return [
            f"{self.of(place)}{_place_of(members)}: {self._noted(place)}"
            for place, members in enumerate(self._classes)
            if len(members) > 1 and place in places
        ]

    def _noted(self, place: int) -> str:
        members = self._classes[place]
        if len({one.namespace for one in members}) > 1:
            return self.members(place)
        return _few([self.member(one) for one in members])


def _few(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    if len(names) <= _MOST_MEMBERS:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST_MEMBERS - 1])} and {len(names) - _MOST_MEMBERS + 1:,} more"


def _place_of(members: Sequence[Reference]) -> str:
    """The namespace of members; empty if they are namespaces themselves."""
    namespaces = {one.namespace for one in members} - {""}
    if len(namespaces) > 1:
        return f" in {len(namespaces)} namespaces"
    return "".join(f" in {namespace}" for namespace in namespaces)


def _noun(members: Sequence[Reference]) -> str:
    """The plural noun for members: the kind that they have in common."""
    kinds = {one.kind for one in members}
    return {"Pod": "pods", "Namespace": "namespaces"}.get(min(kinds), "workloads") if len(kinds) == 1 else "workloads"
