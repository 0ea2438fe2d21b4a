"""Where the objects of two compared clusters were read. The states do not know this; the loaders do."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringfence.engine.population import Reference
from ringfence.model.origin import Place

PlaceOf = Callable[[Reference], Place]
"""Gives the place where an object was read; an empty place if it is not known."""


def nowhere(_: Reference) -> Place:
    """The place of objects that were added by a program."""
    return Place("")


class ObjectPlaces(NamedTuple):
    """Where the objects before and after a change were read."""

    before: PlaceOf = nowhere
    after: PlaceOf = nowhere

    def of(self, one: Reference) -> Place | None:
        """The place of an object after the change, or before it if it was removed; None if it is not known."""
        return next((place for place in (self.after(one), self.before(one)) if place.file), None)


NO_PLACES: Final = ObjectPlaces()
"""For objects whose places are not known."""
