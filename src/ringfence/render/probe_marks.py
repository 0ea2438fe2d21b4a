"""The signs, letters and colours of probe results.

`✓` is allowed, `✗` denied, `!` before one of them marks a result that the engine did not expect. Letters after a denied
connection refer to the policies that deny it: small letters to those of the source, capitals to those of the
destination.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, product
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from ringfence.analysis.probes import DenyingSide, ProbeResult

ALLOWED: Final = "✓"
DENIED: Final = "✗"
UNEXPECTED: Final = "!"

_GREEN, _RED, _ALARM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1;7;31m", "\x1b[0m"


class ProbeMarks:
    """How the results of one report are marked."""

    def __init__(self, results: Iterable[ProbeResult], *, colour: bool) -> None:
        self.letters = _letters(results)
        """The letters of each side that denies something."""
        self._colour = colour

    def cell(self, results: Sequence[ProbeResult]) -> str:
        """The mark of a matrix cell: one for all its results, or one for each family where they differ."""
        by_mark = {self.mark(result): result for result in results}
        if len(by_mark) == 1:
            return next(iter(by_mark))
        # Without families, these are the two ways between the two pods of a workload.
        return " ".join(f"{result.family or ''}{mark}" for mark, result in by_mark.items())

    def mark(self, result: ProbeResult) -> str:
        """The sign of a result and the letters of the sides that deny it."""
        return self.sign(result) + self.letters_of(result)

    def sign(self, result: ProbeResult) -> str:
        """Whether the connection was allowed, and whether that was expected."""
        return ("" if result.agrees else UNEXPECTED) + (ALLOWED if result.observed else DENIED)

    def letters_of(self, result: ProbeResult) -> str:
        """The letters of the sides that deny a connection; none for one that was allowed."""
        return "" if result.observed else "".join(self.letters[side] for side in result.denied_by)

    def paint(self, text: str, results: Sequence[ProbeResult]) -> str:
        """`text` in the colour of its results, if colours are wanted."""
        if not self._colour or not results:
            return text
        if not all(result.agrees for result in results):
            return f"{_ALARM}{text}{_PLAIN}"
        colour = _GREEN if all(result.observed for result in results) else _RED
        return f"{colour}{text}{_PLAIN}"


def _letters(results: Iterable[ProbeResult]) -> dict[DenyingSide, str]:
    """A letter for each side that denies something, in the order of the results."""
    sides: dict[DenyingSide, None] = {}
    for result in results:
        if not result.observed:
            sides.update(dict.fromkeys(result.denied_by))
    letters: dict[DenyingSide, str] = {}
    for direction, alphabet in (("egress", ascii_lowercase), ("ingress", ascii_uppercase)):
        of_direction = [side for side in sides if side.direction == direction]
        letters.update(zip(of_direction, _numbered(alphabet), strict=False))
    return letters


def _numbered(alphabet: str) -> Iterator[str]:
    """a, b, ... z, aa, ab, ... without end."""
    for length in count(1):
        yield from map("".join, product(alphabet, repeat=length))
