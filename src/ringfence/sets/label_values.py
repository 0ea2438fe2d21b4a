"""Sets of values of one label key: a finite set of values, or all values but a finite set.

That a label is absent counts as one more value, `ABSENT`. So every requirement of a label selector is such a set
(`In`: its values; `NotIn`: all but its values, so also absent; `Exists`: all but absent; `DoesNotExist`: absent), and
they are closed under intersection, union and difference. A complement is never empty: there are more values of labels
than any selector can list.

Source: `apimachinery/pkg/labels`: "NotIn and DoesNotExist match if the key is not present".
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import count
from operator import or_
from typing import Final

import msgspec

LabelValue = str | None
"""The value of a label, or `ABSENT`."""

ABSENT: Final = None

VALUES_OF_A_STEP: Final = 64
"""The number of listed values that are looked up in the time of a step."""


class LabelValues(msgspec.Struct, frozen=True, cache_hash=True):
    """The values in `listed`, or with `is_complement` all values but those; a set has exactly one form."""

    listed: frozenset[LabelValue] = frozenset()
    is_complement: bool = False

    @classmethod
    def union_of(cls, sets: Iterable["LabelValues"]) -> "LabelValues":
        """The union of `sets`."""
        return reduce(or_, sets, cls())

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a set of a few values."""
        return len(self.listed) // VALUES_OF_A_STEP

    def contains(self, value: LabelValue) -> bool:
        """Whether a value, or `ABSENT`, is in the set."""
        return (value in self.listed) is not self.is_complement

    def __bool__(self) -> bool:
        return self.is_complement or bool(self.listed)

    def __and__(self, other: "LabelValues") -> "LabelValues":
        # A set that is inside the other one stays the same object, whichever it is: to compare an object with itself
        # takes no time, and its hash is known.
        if self is other:
            return self
        if self.is_complement:
            if not other.is_complement:
                return other & self
            listed = self.listed | other.listed
            return self if len(listed) == len(self.listed) else LabelValues(listed, True)
        if other.is_complement:
            listed = self.listed - other.listed
        elif self.listed.isdisjoint(other.listed):
            return NO_VALUE
        else:
            listed = self.listed & other.listed
            if len(listed) == len(other.listed):
                return other
        return self if len(listed) == len(self.listed) else LabelValues(listed)

    def __invert__(self) -> "LabelValues":
        return LabelValues(self.listed, not self.is_complement)

    def __sub__(self, less: "LabelValues") -> "LabelValues":
        return self & ~less

    def __or__(self, more: "LabelValues") -> "LabelValues":
        # By De Morgan, from `&`: one operation decides when a set stays the same object.
        return ~(~self & ~more)

    def example(self, usual: str = "other") -> LabelValue:
        """A member: absent if it may be, otherwise the shortest listed value, or one that is not listed.

        The latter is `usual`, or `usual` with a number. Raises ValueError if the set is empty.
        """
        # A pod without the label is the plainest example: it needs no line in a manifest.
        if self.contains(ABSENT):
            return ABSENT
        if self.is_complement:
            return next(value for value in _numbered(usual) if value not in self.listed)
        return min((value for value in self.listed if value is not None), key=lambda value: (len(value), value))


ANY_VALUE: Final = LabelValues(is_complement=True)
"""Every value, and absent."""
PRESENT: Final = LabelValues(frozenset([ABSENT]), True)
"""Every value."""
ONLY_ABSENT: Final = LabelValues(frozenset([ABSENT]))
NO_VALUE: Final = LabelValues()


def one_of(*values: LabelValue) -> LabelValues:
    """The set of some values."""
    return LabelValues(frozenset(values))


def none_of(*values: LabelValue) -> LabelValues:
    """All values, and absent, but these."""
    return LabelValues(frozenset(values), True)


def order_of(value: LabelValue) -> tuple[bool, str]:
    """The sort key of values: absent first."""
    return value is not None, value or ""


def _numbered(text: str) -> Iterator[str]:
    """A text, and the text with numbers behind it."""
    yield text
    for number in count(2):
        yield f"{text}-{number}"
