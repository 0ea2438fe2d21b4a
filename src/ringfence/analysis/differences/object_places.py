"""Where the objects of two clusters that are compared are read: known to who has read them, not to their states."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringfence.engine.population import Reference
from ringfence.model.origin import Place

PlaceOf = Callable[[Reference], Place]
"""Gives where an object is read; an empty place if that is not known."""


def nowhere(_: Reference) -> Place:
    """The place of objects that were added by a program."""
    return Place("")


class ObjectPlaces(NamedTuple):
    """Where objects are read before and after."""

    before: PlaceOf = nowhere
    after: PlaceOf = nowhere

    def of(self, one: Reference) -> Place | None:
        """Where an object is read now, or was if it was removed; None if that is not known."""
        return next((place for place in (self.after(one), self.before(one)) if place.file), None)


NO_PLACES: Final = ObjectPlaces()
"""It is not known where objects are read."""
