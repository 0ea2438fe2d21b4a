"""Connections with addresses outside the cluster as lines in boxes, for maps with more addresses than can have boxes.

Policies of a large cluster name many addresses, most of them once. Their boxes fill a lane of their own, and their
arrows cross all other lanes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ringfence.analysis.lists import Arrow, Group
from ringfence.render.pictures.boxes import few_lines, passing_text
from ringfence.sets.addresses import Addresses

_MOST_BOXES: Final = 6
"""The largest number of boxes for addresses in a map."""


def without_addresses(arrows: Iterable[Arrow]) -> tuple[list[Arrow], list[Arrow]]:
    """The arrows to draw, and those that are lines in boxes: all with addresses if there are too many addresses."""
    drawn = list(arrows)
    if len(_addresses(drawn)) <= _MOST_BOXES:
        return drawn, []
    inside = [one for one in drawn if not _addresses([one])]
    return inside, [one for one in drawn if _addresses([one])]


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


def address_notes(arrows: Sequence[Arrow]) -> Iterator[str]:
    """What the short names of addresses stand for, where they are not the addresses themselves."""
    written = {str(one): short_addresses(one) for one in _addresses(arrows)}
    yield from few_lines(f"{short}: {whole}" for whole, short in sorted(written.items()) if short != whole)


def _addresses(arrows: Iterable[Arrow]) -> set[Addresses]:
    return {end for one in arrows for end in (one.source, one.destination) if isinstance(end, Addresses)}
