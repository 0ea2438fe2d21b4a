"""A bound for computations that can explode: dozens of overlapping requirements over many labels.

Steps are counted, not seconds: the same question has the same outcome on every machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.errors import UndecidedError

STEPS: Final = 2_000_000
"""The default bound, up to 10 s. A comparison of 10,000 policies of the usual kind takes a fifth of it."""


Place = RulePlace | CompiledPolicy[Any]
"""A rule, or a policy whose subjects are looked at."""


class Undecided(UndecidedError):
    """A question that takes more steps than its bound; `place` is the last policy or rule that was looked at."""

    def __init__(self, place: Place | None) -> None:
        self.place = place
        where = f" at {_place_text(place)}" if place else ""
        super().__init__(f"undecided{where}: the requirements on labels overlap in too many ways")


def _place_text(place: Place) -> str:
    if isinstance(place, CompiledPolicy) and place.origin:
        return f"{place} ({place.origin.at()})"
    return str(place)


class Budget:
    """Counts steps, up to a bound. `place` is set to the rule that is being looked at."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps
        self.place: Place | None = None

    def step(self, boxes: int = 1) -> None:
        """Count a step for each of some boxes. Raises Undecided after the last one."""
        self.left -= boxes
        if self.left < 0:
            raise Undecided(self.place)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Raise Undecided for computations that nest too deep: a selector may have thousands of labels."""
        try:
            yield
        # Nothing is half done here: values are immutable, and caches hold complete results only.
        except RecursionError:
            raise Undecided(self.place) from None
