"""Connections in a few lines: those with the same ends on one side and the same traffic are written together.

TCP 22 from mon/prom and mon/grafana to shop/app
all traffic from any address to shop/app
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.sets.addresses import FAMILIES, WHOLE, Addresses, Family
from ringfence.sets.traffic import Traffic

_MOST_NAMES = 4

_End = Reference | Addresses


def folded_lines(connections: Iterable[Connection]) -> Iterator[str]:
    """The connections as lines without an indent. Pods beyond the first few of a line are counted."""
    destinations: defaultdict[tuple[_End, Traffic], list[_End]] = defaultdict(list)
    for one in connections:
        destinations[one.source, one.traffic].append(one.destination)
    sources: defaultdict[tuple[tuple[_End, ...], Traffic], list[_End]] = defaultdict(list)
    for (source, traffic), reached in destinations.items():
        sources[tuple(reached), traffic].append(source)
    for (together, traffic), openers in sources.items():
        yield f"{traffic} from {_names(openers)} to {_names(together)}"


def _names(ends: Sequence[_End]) -> str:
    names = [_name(end) for end in ends]
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _name(end: _End) -> str:
    if isinstance(end, Reference):
        return str(end)
    families = [family for family in FAMILIES if end.ranges(family)]
    if all(end.ranges(family) == (WHOLE[family],) for family in FAMILIES):
        return "any address"
    return ", ".join(_of_family(end, family) for family in families)


def _of_family(addresses: Addresses, family: Family) -> str:
    """The addresses of one family, in whichever is shorter: what they are, or what of all they are not."""
    inside = Addresses.in_family(family, addresses.ranges(family)).cidrs()
    whole = Addresses.in_family(family, (WHOLE[family],))
    outside = (whole - addresses).cidrs()
    if len(outside) + 1 < len(inside):
        return f"{whole.cidrs()[0]} except {', '.join(outside)}"
    return ", ".join(inside)
