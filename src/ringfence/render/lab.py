"""What the laboratory found: expected against observed, as a matrix or a list for people, as JSON and as JUnit.

In the matrix sources stand down and destinations across, each with the ports that were probed. Letters after a denied
connection lead to the policies that deny it, at the foot: a small one to those of the source, a capital to those of the
destination. `!` marks what the engine did not expect.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, product
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final
from xml.etree import ElementTree

import msgspec

from ringfence.render.tables import aligned, harmless, table

ALLOWED: Final = "✓"
DENIED: Final = "✗"
UNEXPECTED: Final = "!"
ITSELF: Final = "·"

_GREEN, _RED, _ALARM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1;7;31m", "\x1b[0m"
_MOST_NAMES: Final = 6


class Isolating(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A policy by its name, and where it was read if that is known."""

    name: str
    place: str = ""


class Denial(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """One side that says no: its direction, `ingress` or `egress`, and the policies that isolate it there."""

    direction: str
    policies: tuple[Isolating, ...]

    def __str__(self) -> str:
        return f"{self.direction} isolated by {', '.join(policy.name for policy in self.policies)}"


class Outcome(msgspec.Struct, frozen=True):
    """One probe. `family` is 4 or 6 where the laboratory has both, else None; `denials` say who denies it."""

    source: str
    destination: str
    protocol: str
    port: int
    expected: bool
    observed: bool
    family: int | None = None
    denials: tuple[Denial, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the kernel did what the engine says."""
        return self.expected is self.observed

    def __str__(self) -> str:
        over = f" over IPv{self.family}" if self.family else ""
        return f"{self.source} -> {self.destination} {self.port}/{self.protocol}{over}"


class Report(msgspec.Struct, frozen=True, dict=True):
    """All probes of one run."""

    outcomes: tuple[Outcome, ...]

    @cached_property
    def disagreements(self) -> tuple[Outcome, ...]:
        """The probes that did not turn out as the engine says."""
        return tuple(outcome for outcome in self.outcomes if not outcome.agrees)


class NodeRow(msgspec.Struct, frozen=True):
    """A node of a laboratory."""

    name: str
    addresses: tuple[str, ...]


class PodRow(msgspec.Struct, frozen=True):
    """A pod of a laboratory; ports are written `80/TCP`."""

    name: str
    node: str
    addresses: tuple[str, ...]
    ports: tuple[str, ...]


class ServiceRow(msgspec.Struct, frozen=True):
    """A Service of a laboratory."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[str, ...]


class Situation(msgspec.Struct, frozen=True):
    """What a laboratory holds; `outside` are hosts outside the cluster, `policies` those in force, by name."""

    nodes: tuple[NodeRow, ...]
    pods: tuple[PodRow, ...]
    services: tuple[ServiceRow, ...]
    outside: tuple[str, ...]
    policies: tuple[str, ...]


def situation_text(one: Situation) -> str:
    """What a laboratory holds, in tables."""
    tables = (
        table(("NODE", "ADDRESSES"), [(row.name, ",".join(row.addresses)) for row in one.nodes]),
        table(
            ("POD", "NODE", "ADDRESSES", "PORTS"),
            [(row.name, row.node, ",".join(row.addresses), ",".join(row.ports)) for row in one.pods],
        ),
        table(
            ("SERVICE", "ADDRESSES", "PORTS"),
            [(row.name, ",".join(row.addresses) or "None", ",".join(row.ports)) for row in one.services],
        ),
        table(("OUTSIDE",), [(host,) for host in one.outside]),
        table(("POLICY",), [(policy,) for policy in one.policies]),
    )
    return "\n".join(filter(None, tables))


def situation_json(one: Situation) -> str:
    """What a laboratory holds, as JSON."""
    return msgspec.json.format(msgspec.json.encode(one), indent=2).decode() + "\n"


def text(report: Report, *, width: int, colour: bool = False) -> str:
    """The matrix, or a list where that is wider than `width`; then who denies, what disagrees, and a summary."""
    marks = _Marks(report.outcomes, colour=colour)
    matrix = _Matrix(report.outcomes, marks)
    sections = (
        matrix.lines() if matrix.width <= width else list(_by_destination(report.outcomes, marks)),
        [f"{letter:<2} {harmless(str(denial))}" for denial, letter in marks.letters.items()],
        _places(marks.letters),
        [_surprise(outcome) for outcome in report.disagreements],
        [summary(report)],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def json(report: Report) -> Iterator[str]:
    """JSON, streamed in pieces; a probe says its family only where the laboratory has both."""
    yield '{"probes": ['
    separator = "\n"
    for outcome in report.outcomes:
        yield separator + msgspec.json.encode(_document(outcome)).decode()
        separator = ",\n"
    disagree = len(report.disagreements)
    counts = {"probes": len(report.outcomes), "agree": len(report.outcomes) - disagree, "disagree": disagree}
    yield f'\n], "summary": {msgspec.json.encode(counts).decode()}}}\n'


def junit(report: Report) -> str:
    """A JUnit test suite: a test case for each probe, which fails if the kernel did not do what the engine says."""
    suite = ElementTree.Element(
        "testsuite",
        name="ringfence lab",
        tests=str(len(report.outcomes)),
        failures=str(len(report.disagreements)),
        errors="0",
        skipped="0",
    )
    for outcome in report.outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_printable(outcome.destination), name=_printable(str(outcome))
        )
        if not outcome.agrees:
            ElementTree.SubElement(case, "failure", message=_printable(_surprise(outcome)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def summary(report: Report) -> str:
    """The report in one line."""
    probes = len(report.outcomes)
    disagree = len(report.disagreements)
    allowed = sum(outcome.observed for outcome in report.outcomes)
    counts = f"{probes:,} {'probe' if probes == 1 else 'probes'}: {allowed:,} allowed, {probes - allowed:,} denied"
    if disagree:
        return f"{counts}; {disagree:,} not as the engine says"
    return f"{counts}, all as the engine says"


class _Marks:
    """How outcomes are shown: a sign, a letter that leads to who denied it, and a colour on a terminal."""

    def __init__(self, outcomes: Iterable[Outcome], *, colour: bool) -> None:
        denials = dict.fromkeys(denial for one in outcomes if not one.observed for denial in one.denials)
        self.letters = {
            denial: letter
            for direction, letters in (("egress", ascii_lowercase), ("ingress", ascii_uppercase))
            for denial, letter in zip(
                (one for one in denials if one.direction == direction), _numbered(letters), strict=False
            )
        }
        self._colour = colour

    def plain(self, outcomes: Sequence[Outcome]) -> str:
        """The mark of a cell: of its one outcome, or of one for each family where they differ."""
        different = {self._mark(outcome): outcome for outcome in outcomes}
        if len(different) == 1:
            return next(iter(different))
        return " ".join(f"{outcome.family}{mark}" for mark, outcome in different.items())

    def paint(self, text: str, outcomes: Sequence[Outcome]) -> str:
        """A text in the colour of its outcomes."""
        if not self._colour or not outcomes:
            return text
        if not all(outcome.agrees for outcome in outcomes):
            return f"{_ALARM}{text}{_PLAIN}"
        return f"{_GREEN if all(outcome.observed for outcome in outcomes) else _RED}{text}{_PLAIN}"

    def sign(self, outcome: Outcome) -> str:
        """Whether it was allowed, and whether that was expected."""
        return ("" if outcome.agrees else UNEXPECTED) + (ALLOWED if outcome.observed else DENIED)

    def letters_of(self, outcome: Outcome) -> str:
        """The letters that lead to who denied it."""
        return "" if outcome.observed else "".join(self.letters[denial] for denial in outcome.denials)

    def _mark(self, outcome: Outcome) -> str:
        return self.sign(outcome) + self.letters_of(outcome)


class _Matrix:
    """Sources down; across, under the number of each destination, its ports."""

    def __init__(self, outcomes: Iterable[Outcome], marks: _Marks) -> None:
        self._marks = marks
        self._cells: defaultdict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
        ports: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for outcome in outcomes:
            self._cells[outcome.source, outcome.destination, _port(outcome)].append(outcome)
            ports[outcome.destination][_port(outcome)] = None
        self._names = list(dict.fromkeys([*(source for source, _, _ in self._cells), *ports]))
        self._columns = [(name, list(ports[name])) for name in self._names if name in ports]
        self._widths = {
            (name, port): max(len(port), *(len(self._plain(source, name, port)) for source in self._names))
            for name, own in self._columns
            for port in own
        }
        self._margin = len(str(len(self._names))) + 1 + max(map(len, self._names), default=0)

    @property
    def width(self) -> int:
        """How many columns of a terminal it needs."""
        return self._margin + sum(2 + self._width(name, own) for name, own in self._columns)

    def lines(self) -> list[str]:
        """The matrix, with two lines of header."""
        if not self._cells:
            return []
        numbers = {name: str(number) for number, name in enumerate(self._names, 1)}
        margin = " " * self._margin
        over = [numbers[name].ljust(self._width(name, own)) for name, own in self._columns]
        under = [" ".join(port.ljust(self._widths[name, port]) for port in own) for name, own in self._columns]
        rows = [self._row(numbers[name], name) for name in self._names]
        return ["  ".join([margin, *over]).rstrip(), "  ".join([margin, *under]).rstrip(), *rows]

    def _row(self, number: str, source: str) -> str:
        digits = len(str(len(self._names)))
        head = f"{number:>{digits}} {harmless(source)}".ljust(self._margin)
        cells = (
            " ".join(
                self._marks.paint(
                    self._plain(source, name, port).ljust(self._widths[name, port]),
                    self._cells.get((source, name, port), ()),
                )
                for port in own
            )
            for name, own in self._columns
        )
        return "  ".join([head, *cells]).rstrip()

    def _width(self, name: str, own: list[str]) -> int:
        return sum(self._widths[name, port] for port in own) + len(own) - 1

    def _plain(self, source: str, destination: str, port: str) -> str:
        outcomes = self._cells.get((source, destination, port))
        if outcomes:
            return self._marks.plain(outcomes)
        return ITSELF if source == destination else ""


def _by_destination(outcomes: Iterable[Outcome], marks: _Marks) -> Iterator[str]:
    """For each destination, who reaches it and who does not; ports about which all fare alike share a heading."""
    found: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.destination):
        found[outcome.destination, _port(outcome)].append(outcome)
    headings: defaultdict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[str, list[Outcome]]]] = defaultdict(list)
    for (destination, port), group in found.items():
        alike = tuple((outcome.source, marks.plain([outcome])) for outcome in group)
        headings[destination, alike].append((port, group))
    for (destination, _), ports in headings.items():
        yield f"{harmless(destination)} {' '.join(port for port, _ in ports)}"
        alike_signs: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in ports[0][1]:
            alike_signs[marks.sign(outcome)].append(outcome)
        for sign, group in sorted(alike_signs.items()):
            yield f"  {marks.paint(sign.ljust(2), group)} {_enumerated(group, marks)}"


def _enumerated(outcomes: Sequence[Outcome], marks: _Marks) -> str:
    """The sources by name with the letters of who denies them, as long as they are few."""
    names = list(dict.fromkeys(f"{harmless(one.source)} {marks.letters_of(one)}".strip() for one in outcomes))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES + 1 else ""
    return ", ".join(names[: _MOST_NAMES if more else None]) + more


def _places(denials: Iterable[Denial]) -> list[str]:
    """Where the policies stand that deny something."""
    policies = sorted({policy for denial in denials for policy in denial.policies if policy.place})
    return aligned([(harmless(policy.name), harmless(policy.place)) for policy in policies], padding=2)


def _surprise(outcome: Outcome) -> str:
    """A disagreement, in words."""
    wanted = "allows it" if outcome.expected else f"denies it ({', '.join(map(str, outcome.denials))})"
    seen = "let it through" if outcome.observed else "did not let it through"
    return harmless(f"{UNEXPECTED} {outcome}: the engine {wanted}, the kernel {seen}")


def _document(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = {
        "source": outcome.source,
        "destination": outcome.destination,
        "protocol": outcome.protocol,
        "port": outcome.port,
        "expected": outcome.expected,
        "observed": outcome.observed,
    }
    return document | ({"family": f"IPv{outcome.family}"} if outcome.family else {})


def _port(outcome: Outcome) -> str:
    """A port as people write it: the protocol only where it is not the usual one."""
    return str(outcome.port) if outcome.protocol == "TCP" else f"{outcome.port}/{outcome.protocol}"


def _numbered(letters: str) -> Iterator[str]:
    """a, b, ... z, aa, ab, ... without end."""
    for length in count(1):
        yield from map("".join, product(letters, repeat=length))


def _printable(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
