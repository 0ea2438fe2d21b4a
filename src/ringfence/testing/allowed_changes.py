"""Changes that were reviewed and are allowed until a date: their format, and the part of a difference that they cover.

    apiVersion: ringfence/v1
    kind: AllowedChanges
    changes:
    - change: opened
      source: prod/web
      destination: prod/db
      ports: [3306]
      reason: the shop moves to the new database
      until: 2027-01-31

A row of a difference is allowed if entries cover all of it: every source, every destination and all of the traffic.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from ringfence.analysis.differences import ChangedConnections, ClusterDifference, ConnectionChange, Ends, ReviewedChange
from ringfence.analysis.endpoints import AskedPorts, asked_ports
from ringfence.engine.population import Reference
from ringfence.errors import InputError
from ringfence.model.cidrs import parse_cidr
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic
from ringfence.sources.manifests import read_files
from ringfence.testing.fields import DocumentProblems, FieldReader, quoted

KIND: Final = "AllowedChanges"
_API_VERSION: Final = "ringfence/v1"
_ENDS: Final = "use NAMESPACE/NAME, NAMESPACE/KIND/NAME, NAMESPACE/*, *, or addresses such as 203.0.113.0/24"
_PORTS: Final = "use ports such as [3306, 53/UDP]"

Side = str | Addresses
"""One end of an entry: the pattern of workloads, or addresses."""


_End = Reference | Addresses


class AllowedChange(msgspec.Struct, frozen=True):
    """One entry: until the end of the day `until`, the traffic may be opened (or closed) from source to destination."""

    kind: ConnectionChange
    source: Side
    destination: Side
    traffic: Traffic
    reason: str
    until: date
    place: Place


class ReviewedDifference(msgspec.Struct, frozen=True):
    """A difference whose allowed rows are in `reviewed`, and the entries that had no effect: expired, or unused."""

    difference: ClusterDifference
    expired: tuple[AllowedChange, ...]
    unused: tuple[AllowedChange, ...]


def read_allowed_changes(path: str) -> tuple[AllowedChange, ...]:
    """The entries of a file. Raises InputError with every problem in it."""
    loaded = read_files([path])
    problems = list(loaded.problems)
    found: list[AllowedChange] = []
    for one in loaded.own:
        noted = DocumentProblems(one.origin)
        found += _entries(FieldReader(one.written, "", noted))
        problems += noted.found
    # A wrong path or a misspelt kind would otherwise silently allow nothing.
    if not loaded.own and not problems:
        raise InputError(f"{path}: there is no document with apiVersion {_API_VERSION} and kind {KIND}")
    if problems:
        raise InputError("\n".join(_problem_text(problem) for problem in problems))
    return tuple(found)


def _problem_text(problem: Problem) -> str:
    return f"{problem}; {problem.remedy}" if problem.remedy else str(problem)


def review(found: ClusterDifference, allowed: Sequence[AllowedChange], today: date) -> ReviewedDifference:
    """Move the rows of a difference that are allowed on the day `today` to its `reviewed` rows."""
    valid = [one for one in allowed if one.until >= today]
    used: set[AllowedChange] = set()
    left, reviewed = [], []
    for row in found.connections:
        entries = [one for one in valid if one.kind is row.kind and _is_about(one, row)]
        if entries and _covers(entries, row):
            # All entries about the row count as used, even if fewer would cover it: which of them are needed is
            # ambiguous.
            used.update(entries)
            reviewed.append(ReviewedChange(row, tuple((one.reason, one.until, one.place) for one in entries)))
        else:
            # A row that is covered in part stays as a whole: the reader should see what was reviewed and what was not
            # together.
            left.append(row)
    return ReviewedDifference(
        msgspec.structs.replace(found, connections=tuple(left), reviewed=tuple(reviewed)),
        tuple(one for one in allowed if one.until < today),
        tuple(one for one in valid if one not in used),
    )


# --- what an entry covers ---------------------------------------------------------------------------------------------


def _is_about(entry: AllowedChange, row: ChangedConnections) -> bool:
    return bool(
        entry.traffic & row.traffic
        and any(_common(entry.source, end) for end in _single(row.sources))
        and any(_common(entry.destination, end) for end in _single(row.destinations))
    )


def _covers(entries: Sequence[AllowedChange], row: ChangedConnections) -> bool:
    """Whether the entries cover all of a row."""
    return all(
        _is_covered(entries, source, destination, row.traffic)
        for source in _single(row.sources)
        for destination in _single(row.destinations)
    )


def _is_covered(
    entries: Sequence[AllowedChange],
    source: Reference | Addresses,
    destination: Reference | Addresses,
    traffic: Traffic,
) -> bool:
    # What no entry has covered yet. Each entry cuts its box out of every piece, and leaves up to three smaller ones.
    left = [(source, destination, traffic)]
    for entry in entries:
        pieces = []
        for one, other, rest in left:
            inside, outside = _common(entry.source, one), _common(entry.destination, other)
            if not inside or not outside:
                pieces.append((one, other, rest))
                continue
            if isinstance(one, Addresses) and isinstance(inside, Addresses) and one - inside:
                pieces.append((one - inside, other, rest))
            if isinstance(other, Addresses) and isinstance(outside, Addresses) and other - outside:
                # Only `inside` here: the rest of the source is in the piece above already, with all of the destination.
                pieces.append((inside, other - outside, rest))
            if more := rest - entry.traffic:
                pieces.append((inside, outside, more))
        left = pieces
    return not left


def _single(ends: Ends) -> tuple[_End, ...]:
    return (ends,) if isinstance(ends, Addresses) else ends


def _common(side: Side, end: _End) -> _End | None:
    """The part of an end that one side of an entry matches; None if there is none."""
    if isinstance(end, Addresses):
        return (side & end or None) if isinstance(side, Addresses) else None
    if isinstance(side, Addresses):
        return None
    is_meant = side == "*" or side in (
        f"{end.namespace}/*",
        f"{end.namespace}/{end.name}",
        f"{end.namespace}/{end.kind}/{end.name}",
    )
    return end if is_meant else None


# --- reading ----------------------------------------------------------------------------------------------------------


def _entries(document: FieldReader) -> list[AllowedChange]:
    version, kind = document.value("apiVersion"), document.value("kind")
    if (version, kind) != (_API_VERSION, KIND):
        message = f"{quoted(version)} {quoted(kind)} is not {_API_VERSION} {KIND}"
        document.problem("kind", ProblemCode.UNKNOWN_KIND, message, f"use {KIND}")
    found = []
    for item, path in document.items("changes"):
        if isinstance(item, dict):
            found.append(_entry(document.at(item, path)))
        else:
            document.wrong_type(path, item, "a mapping")
    document.require("changes", found, "write a list of changes; docs/diff.md has an example")
    document.finish()
    return [one for one in found if one]


def _entry(fields: FieldReader) -> AllowedChange | None:
    place = fields.place
    kind = fields.choice("change", [one.value for one in ConnectionChange])
    source, destination = _side(fields, "source"), _side(fields, "destination")
    traffic = _traffic(fields)
    reason, until = fields.text("reason"), _until(fields)
    fields.require("change", kind, "use opened or closed")
    fields.require("source", source, _ENDS)
    fields.require("destination", destination, _ENDS)
    fields.require("reason", reason, "say why the change is allowed")
    fields.require("until", until, "write the last day on which the change is allowed, such as 2027-01-31")
    fields.finish()
    if not (kind and source and destination and traffic and reason and until and fields.is_sound):
        return None
    return AllowedChange(ConnectionChange(kind), source, destination, traffic, reason, until, place)


def _side(fields: FieldReader, name: str) -> Side | None:
    text = fields.text(name)
    if text is None or text == "*":
        return text
    try:
        # A single address is a range of one, so that it can be compared with the ranges of a difference.
        return Addresses.of(parse_cidr(text if "/" in text else f"{text}/{128 if ':' in text else 32}"))
    except ValueError:
        pass
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts) or "*" in "".join(parts[:-1]):
        fields.problem(name, ProblemCode.INVALID_VALUE, f"Invalid value: {quoted(text)} names no workload", _ENDS)
        return None
    return text


def _traffic(fields: FieldReader) -> Traffic | None:
    """The traffic of `ports`; all without it."""
    written = fields.value("ports")
    if written is None:
        return ALL_TRAFFIC
    try:
        ports = asked_ports(written)
    except (InputError, TypeError, ValueError) as error:
        fields.problem("ports", ProblemCode.INVALID_VALUE, f"Invalid value: {error}", _PORTS)
        return None
    # A port name means another number at each pod, so it is not known which traffic the entry would cover.
    if ports.names or ports == AskedPorts():
        message = "Invalid value: ports by number are expected here"
        fields.problem("ports", ProblemCode.INVALID_VALUE, message, _PORTS)
        return None
    return ports.numbers


def _until(fields: FieldReader) -> date | None:
    text = fields.text("until")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"Invalid value: {quoted(text)} is not a date"
        fields.problem("until", ProblemCode.INVALID_VALUE, message, "use YEAR-MONTH-DAY, such as 2027-01-31")
        return None
