"""Short names of classes of pods: what stands beside a row, or in a box.

In the band or box of its namespace, a pod or workload needs neither the namespace nor, if it is the only one of its
name there, the kind.
"""

from collections import Counter
from collections.abc import Sequence

from ringfence.engine.population import Reference
from ringfence.render.formats import one_line
from ringfence.render.pictures.look import shortened, text_width


class ShortNames:
    """The short names of the classes of a list."""

    def __init__(self, classes: Sequence[Sequence[Reference]], width: float) -> None:
        """Names take at most `width`, in CSS pixels."""
        self._classes = classes
        self._width = width
        self._times = Counter((one.namespace, one.name) for members in classes for one in members)

    def of(self, place: int) -> str:
        """The name of the first member of a class, and how many more there are: `web +3`."""
        members = self._classes[place]
        more = f" +{len(members) - 1}" if len(members) > 1 else ""
        return shortened(self.member(members[0]), self._width - text_width(more)) + more

    def member(self, one: Reference) -> str:
        """The name of a pod or workload within its namespace."""
        is_only = self._times[one.namespace, one.name] == 1 and one.kind[:1].isupper()
        return one_line(one.name if is_only else str(one).removeprefix(f"{one.namespace}/"))
