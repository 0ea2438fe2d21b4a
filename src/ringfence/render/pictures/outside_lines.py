"""Connections with addresses outside the cluster as lines in boxes, for maps with more addresses than can have boxes.

Policies of a large cluster name many addresses, most of them once. Their boxes fill a lane of their own, and their
arrows cross all other lanes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from ringfence.analysis.lists import Arrow, Group
from ringfence.render.pictures.boxes import LONGEST_LINE, few_lines, passing_text
from ringfence.render.pictures.look import shortened
from ringfence.sets.addresses import Addresses

MOST_OUTSIDE_BOXES: Final = 6
"""The largest number of boxes for addresses in a map."""


class _WithEnds(Protocol):
    """An arrow of a map, or of the map of a change."""

    @property
    def source(self) -> object: ...

    @property
    def destination(self) -> object: ...


def without_addresses(arrows: Iterable[Arrow]) -> tuple[list[Arrow], list[Arrow]]:
    """The arrows to draw, and those that are lines in boxes: all with addresses if there are too many addresses."""
    drawn = list(arrows)
    if len(outside_ends(drawn)) <= MOST_OUTSIDE_BOXES:
        return drawn, []
    # All or none: a reader who finds some addresses as boxes would take these for all.
    inside = [one for one in drawn if not outside_ends([one])]
    return inside, [one for one in drawn if outside_ends([one])]


def outside_line(arrow: Arrow, written: Callable[[Addresses], str]) -> tuple[Group, str]:
    """The end of an arrow that is in the cluster, and the line in its box. `written` writes the addresses."""
    passing = passing_text(arrow.passing)
    if isinstance(arrow.source, Addresses):
        return arrow.destination, f"⇠ from {written(arrow.source)}: {passing}"
    assert isinstance(arrow.destination, Addresses)
    return arrow.source, f"⇢ to {written(arrow.destination)}: {passing}"


def short_addresses(addresses: Addresses) -> str:
    """The first block, the number of its exceptions and that of the other blocks: `10.0.0.0/8 except 4 +2`."""
    (block, exceptions), *others = addresses.blocks()
    return f"{block}{f' except {len(exceptions)}' if exceptions else ''}{f' +{len(others)}' if others else ''}"


def address_notes(arrows: Iterable[_WithEnds]) -> Iterator[str]:
    """What the short names of addresses stand for, where they are not the addresses themselves."""
    written = {str(one): short_addresses(one) for one in outside_ends(arrows)}
    yield from few_lines(f"{short}: {whole}" for whole, short in sorted(written.items()) if short != whole)


def outside_ends(arrows: Iterable[_WithEnds]) -> set[Addresses]:
    """The addresses that arrows are from or to."""
    return {end for one in arrows for end in (one.source, one.destination) if isinstance(end, Addresses)}


def wrapped_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines, each with its traffic on a line of its own if it would be cut."""
    for line in lines:
        if shortened(line, LONGEST_LINE) == line or ": " not in line:
            yield line
        else:
            addresses, _, passing = line.rpartition(": ")
            yield f"{addresses}:"
            yield f"  {passing}"
