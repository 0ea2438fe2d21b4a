"""Probe results as a matrix or, where that is too wide, as a list by destination.

The matrix has a row for each source and a column for each destination and probed port. Names are at the rows only;
columns have the numbers of the rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ringfence.analysis.probes import ProbeResult
from ringfence.render.formats import one_line
from ringfence.render.probe_marks import ProbeMarks

_ITSELF: Final = "·"
_MOST_NAMES: Final = 6
"""The largest number of names in a line; of more, the others are counted."""


class ProbeMatrix:
    """The layout of the matrix of some results."""

    def __init__(self, results: Iterable[ProbeResult], marks: ProbeMarks) -> None:
        self._marks = marks
        self._cells: defaultdict[tuple[str, str, str], list[ProbeResult]] = defaultdict(list)
        ports: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for result in results:
            port = _port_text(result)
            self._cells[result.source, result.destination, port].append(result)
            ports[result.destination][port] = None
        sources = [source for source, _, _ in self._cells]
        self._names = list(dict.fromkeys([*sources, *ports]))
        self._columns = [(name, list(ports[name])) for name in self._names if name in ports]
        self._widths: dict[tuple[str, str], int] = {}
        for destination, own_ports in self._columns:
            for port in own_ports:
                cells = [len(self._cell(source, destination, port)) for source in self._names]
                self._widths[destination, port] = max(len(port), *cells)
        self._margin = len(str(len(self._names))) + 1 + max((len(one_line(name)) for name in self._names), default=0)

    @property
    def width(self) -> int:
        """The number of terminal columns that the matrix needs."""
        return self._margin + sum(2 + self._column_width(*column) for column in self._columns)

    def lines(self) -> list[str]:
        """The matrix, with two header lines; nothing if nothing was probed."""
        if not self._cells:
            return []
        numbers = {name: str(number) for number, name in enumerate(self._names, 1)}
        upper, lower = [" " * self._margin], [" " * self._margin]
        for name, ports in self._columns:
            upper.append(numbers[name].ljust(self._column_width(name, ports)))
            lower.append(" ".join(port.ljust(self._widths[name, port]) for port in ports))
        rows = [self._row(numbers[name], name) for name in self._names]
        return ["  ".join(upper).rstrip(), "  ".join(lower).rstrip(), *rows]

    def _row(self, number: str, source: str) -> str:
        digits = len(str(len(self._names)))
        parts = [f"{number:>{digits}} {one_line(source)}".ljust(self._margin)]
        for destination, ports in self._columns:
            parts.append(" ".join(self._painted_cell(source, destination, port) for port in ports))
        return "  ".join(parts).rstrip()

    def _painted_cell(self, source: str, destination: str, port: str) -> str:
        padded = self._cell(source, destination, port).ljust(self._widths[destination, port])
        return self._marks.paint(padded, self._cells.get((source, destination, port), ()))

    def _column_width(self, destination: str, ports: list[str]) -> int:
        return sum(self._widths[destination, port] for port in ports) + len(ports) - 1

    def _cell(self, source: str, destination: str, port: str) -> str:
        results = self._cells.get((source, destination, port))
        if results:
            return self._marks.cell(results)
        return _ITSELF if source == destination else ""


def lines_by_destination(results: Iterable[ProbeResult], marks: ProbeMarks) -> Iterator[str]:
    """The sources that reach each destination and those that do not; ports with equal results share a heading."""
    by_port: defaultdict[tuple[str, str], list[ProbeResult]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.destination):
        by_port[result.destination, _port_text(result)].append(result)
    headings: defaultdict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    shown: dict[tuple[str, tuple[tuple[str, str], ...]], list[ProbeResult]] = {}
    # Ports with the same sources and marks are joined: most pods have several ports with equal results.
    for (destination, port), group in by_port.items():
        marked_sources = tuple((result.source, marks.mark(result)) for result in group)
        headings[destination, marked_sources].append(port)
        shown.setdefault((destination, marked_sources), group)
    for (destination, marked_sources), ports in headings.items():
        yield f"{one_line(destination)} {' '.join(ports)}"
        by_sign: defaultdict[str, list[ProbeResult]] = defaultdict(list)
        for result in shown[destination, marked_sources]:
            by_sign[marks.sign(result)].append(result)
        for sign, group in sorted(by_sign.items()):
            yield f"  {marks.paint(sign.ljust(2), group)} {_source_list(group, marks)}"


def _source_list(results: Sequence[ProbeResult], marks: ProbeMarks) -> str:
    """The sources with the letters of the sides that deny them; of many, the first ones and a number."""
    names = list(dict.fromkeys(f"{one_line(result.source)} {marks.letters_of(result)}".strip() for result in results))
    if len(names) <= _MOST_NAMES + 1:  # "and 1 more" would be as long as the name
        return ", ".join(names)
    return ", ".join(names[:_MOST_NAMES]) + f" and {len(names) - _MOST_NAMES:,} more"


def _port_text(result: ProbeResult) -> str:
    """A port as the commands write it: with the protocol unless that is TCP."""
    return str(result.port) if result.protocol == "TCP" else f"{result.port}/{result.protocol}"
