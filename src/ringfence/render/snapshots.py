"""A snapshot as lines of text, to be committed and compared by git, the reader of it, and the differences from one.

# ringfence snapshot 1
connection prod/Deployment/web -> any address: all traffic
connection prod/Deployment/web -> prod/StatefulSet/db: TCP 3306
isolated prod/StatefulSet/db ingress
possible prod/StatefulSet/db ingress pods {app=web} in namespaces {team=shop}: TCP 3306
workload prod/Deployment/web: several pods

There is one row on each line, sorted by code points, so that the order of the input does not matter and a change of one
connection changes one line.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeVar
from urllib.parse import quote, unquote

import msgspec

from ringfence.analysis.differences import ClusterSnapshot, PossibleConnections, SnapshotDifference, SnapshotEnds
from ringfence.engine.population import Reference
from ringfence.errors import ManifestError
from ringfence.model.cidrs import parse_cidr
from ringfence.model.policies import Direction
from ringfence.render.differences import difference_text
from ringfence.render.formats import one_line
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic

FORMAT: Final = 1
"""The version of the format; a reader refuses any other."""

_HEADER: Final = "# ringfence snapshot"
_WITHOUT: Final = ", without pods that do not exist yet"
_WITH_PLUGIN: Final = ", as enforced by "
_SEVERAL: Final = "several pods"
_ONE: Final = "one pod"
_REMEDY: Final = "write it again with `ringfence snapshot`"
T = TypeVar("T")
U = TypeVar("U")


# --- written ----------------------------------------------------------------------------------------------------------


def snapshot_lines(snapshot: ClusterSnapshot) -> Iterator[str]:
    """The lines of a snapshot, each with its end."""
    plugin = f"{_WITH_PLUGIN}{one_line(snapshot.plugin)}" if snapshot.plugin else ""
    yield f"{_HEADER} {FORMAT}{_WITHOUT if snapshot.possible is None else ''}{plugin}\n"
    yield from sorted(f"{line}\n" for line in _rows(snapshot))


def _rows(snapshot: ClusterSnapshot) -> Iterator[str]:
    for text in snapshot.assumptions:
        yield f"assumption {one_line(text)}"
    for (source, destination), traffic in snapshot.connections.items():
        yield f"connection {_end(source)} -> {_end(destination)}: {traffic}"
    for workload, direction in snapshot.isolated:
        yield f"isolated {_end(workload)} {direction.field}"
    for one in snapshot.possible or ():
        yield f"possible {possible_text(one)}"
    for workload, is_several in snapshot.workloads.items():
        yield f"workload {_end(workload)}: {_SEVERAL if is_several else _ONE}"


def possible_text(one: PossibleConnections) -> str:
    """The traffic between a workload and pods that do not exist yet."""
    return f"{_end(one.workload)} {one.direction.field} {one_line(one.text)}"


@lru_cache(maxsize=65536)  # each name stands in many rows
def _end(end: Reference | Addresses) -> str:
    """Addresses, or a name: unusual characters are escaped as in a URL, so that no name can look like another row."""
    if isinstance(end, Addresses):
        return str(end)
    names = (end.namespace, *([] if end.kind == "Pod" else [end.kind]), end.name)
    return "/".join(quote(name, safe=":") for name in names)


def snapshot_difference_text(found: SnapshotDifference, first: str, second: str) -> str:
    """The differences in the rows of `diff`, and the changed rows about pods that do not exist yet."""
    lines = [difference_text(found.cluster, first, second)] if found.cluster else []
    if found.possible_before or found.possible_after:
        lines += ["", f"pods that do not exist yet ({first} -> {second})"]
        lines += _possible_lines(found)
    return "\n".join(lines).lstrip("\n") or f"{first} -> {second}: nothing changed"


def _possible_lines(found: SnapshotDifference) -> Iterator[str]:
    rows = [*(("+", one) for one in found.possible_after), *(("-", one) for one in found.possible_before)]
    for mark, one in sorted(rows, key=lambda row: (row[1].workload, row[1].direction, row[0])):
        yield f"  {mark} {possible_text(one)}"


# --- read -------------------------------------------------------------------------------------------------------------


def read_snapshot(text: str, file: str) -> ClusterSnapshot:
    """The snapshot in a text. Raises ManifestError, with the line, for a text that is incomplete or of another format.

    The lines may be in another order, as after a merge by git, but none may occur twice.
    """
    # An editor of Windows may have written a byte order mark, and git may have changed the ends of the lines.
    first, *lines = text.removeprefix("\ufeff").splitlines() or [""]
    is_without, plugin = _read_header(first, file)
    found = _Rows({}, {}, set(), set(), set())
    for number, line in enumerate(lines, start=2):
        if line.strip():
            _read_row(line, found, f"{file}:{number}")
    # A merge by git may keep a row and lose that of its workload.
    missing = sorted(end for end in _named(found) if end not in found.workloads)
    if missing:
        raise ManifestError(f"{file}: {_end(missing[0])} is named, and has no line `workload`: {_REMEDY}")
    return ClusterSnapshot(
        found.workloads,
        found.connections,
        frozenset(found.isolated),
        None if is_without else frozenset(found.possible),
        frozenset(found.assumptions),
        plugin,
    )


def _read_header(line: str, file: str) -> tuple[bool, str]:
    """Whether the snapshot is without pods that do not exist yet, and the plugin that it was taken with."""
    match = re.fullmatch(rf"{_HEADER} (\d+)({_WITHOUT})?(?:{_WITH_PLUGIN}(.+))?", line.rstrip())
    if not match:
        raise ManifestError(f"{file}:1: not a snapshot: the first line must be `{_HEADER} {FORMAT}`; {_REMEDY}")
    if int(match[1]) != FORMAT:
        raise ManifestError(f"{file}:1: this is format {match[1]}, and this ringfence reads {FORMAT}: {_REMEDY}")
    return match[2] is not None, match[3] or ""


class _Rows(msgspec.Struct):
    """The rows that were read so far."""

    workloads: dict[Reference, bool]
    connections: dict[SnapshotEnds, Traffic]
    isolated: set[tuple[Reference, Direction]]
    possible: set[PossibleConnections]
    assumptions: set[str]


def _read_row(line: str, found: _Rows, place: str) -> None:
    word, _, rest = line.rstrip("\r").partition(" ")
    # The most frequent reason for a line that is no row has a message of its own.
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
        raise ManifestError(f"{place}: a merge conflict: {_REMEDY}")
    reader = _READERS.get(word)
    try:
        if reader is None:
            raise ValueError
        is_new = reader(rest, found)
    except ValueError:
        raise ManifestError(f"{place}: {line[:80]!r} is not a row of a snapshot: {_REMEDY}") from None
    if not is_new:
        raise ManifestError(f"{place}: {line[:80]!r} says again what a line above says: {_REMEDY}")


def _read_connection(text: str, found: _Rows) -> bool:
    # From the right: an IPv6 address has colons, too.
    ends, _, traffic = text.rpartition(": ")
    source, _, destination = ends.partition(" -> ")
    pair = _read_end(source), _read_end(destination)
    # No policy of a cluster decides about connections that are outside of it on both sides.
    if all(isinstance(end, Addresses) for end in pair):
        raise ValueError
    return _put(found.connections, pair, _read_traffic(traffic))


def _read_isolated(text: str, found: _Rows) -> bool:
    workload, _, direction = text.partition(" ")
    return _add(found.isolated, (_read_name(workload), _read_direction(direction)))


def _read_possible(text: str, found: _Rows) -> bool:
    workload, direction, described = text.split(" ", 2)
    if not re.fullmatch(r"pods \{.*\} in namespaces \{.*\}: .+", described):
        raise ValueError
    return _add(found.possible, PossibleConnections(_read_name(workload), _read_direction(direction), described))


def _read_workload(text: str, found: _Rows) -> bool:
    workload, _, number = text.partition(": ")
    if number not in (_SEVERAL, _ONE):
        raise ValueError
    return _put(found.workloads, _read_name(workload), number == _SEVERAL)


def _read_assumption(text: str, found: _Rows) -> bool:
    if not text:
        raise ValueError
    return _add(found.assumptions, text)


_READERS: Final[dict[str, Callable[[str, _Rows], bool]]] = {
    "assumption": _read_assumption,
    "connection": _read_connection,
    "isolated": _read_isolated,
    "possible": _read_possible,
    "workload": _read_workload,
}


def _read_direction(field: str) -> Direction:
    return {one.field: one for one in Direction}.get(field) or Direction(field)


def _put(found: dict[T, U], key: T, value: U) -> bool:
    if key in found:
        return False
    found[key] = value
    return True


def _add(found: set[T], one: T) -> bool:
    is_new = one not in found
    found.add(one)
    return is_new


def _named(found: _Rows) -> Iterator[Reference]:
    for ends in found.connections:
        yield from (end for end in ends if isinstance(end, Reference))
    yield from (workload for workload, _ in found.isolated)
    yield from (one.workload for one in found.possible)


@lru_cache(maxsize=65536)
def _read_end(text: str) -> Reference | Addresses:
    if text == str(ALL_ADDRESSES):
        return ALL_ADDRESSES
    try:
        return _read_name(text)
    except ValueError:
        return _read_addresses(text)


def _read_name(text: str) -> Reference:
    names = text.split("/")
    if len(names) == 2:
        names.insert(1, "Pod")
    # Only the form that is written is read: otherwise two rows that look different could name the same pod, and be
    # taken for two.
    if len(names) != 3 or any(quote(unquote(name), safe=":") != name for name in names):
        raise ValueError
    namespace, kind, name = map(unquote, names)
    # The name of a namespace has neither: `10.0.0.0/8` and `::/0` are addresses.
    if not namespace or not kind or not name or "." in namespace or ":" in namespace:
        raise ValueError
    return Reference(namespace, kind, name)


def _read_addresses(text: str) -> Addresses:
    found = Addresses()
    for part in text.split("; "):
        covering, _, exceptions = part.partition(" except ")
        block = Addresses.of(*map(parse_cidr, covering.split(", ")))
        found |= block - Addresses.of(*map(parse_cidr, exceptions.split(", "))) if exceptions else block
    return found


@lru_cache(maxsize=4096)
def _read_traffic(text: str) -> Traffic:
    if text == str(ALL_TRAFFIC):
        return ALL_TRAFFIC
    found = NO_TRAFFIC
    for part in text.split("; "):
        protocol, _, ports = part.partition(" ")
        if part == "other protocols":
            found |= Traffic(other=True)
        elif protocol in PROTOCOLS:
            found |= Traffic.of(protocol, map(_read_ports, ports.split(",")))
        else:
            raise ValueError
    return found


def _read_ports(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    first, last = int(low), int(high or low)
    if not 1 <= first <= last <= 65535:
        raise ValueError
    return first, last
