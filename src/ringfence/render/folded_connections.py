"""Connections in a few lines: those with the same ends on one side and the same traffic are written together.

TCP 22 from mon/prom and mon/grafana to shop/app
all traffic from any address to shop/app
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ringfence.analysis.lists import Connection
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_MOST_NAMES = 4

_End = Reference | Addresses


def folded_lines(connections: Iterable[Connection]) -> Iterator[str]:
    """The connections as lines without an indent. A line names its first pods and counts the others."""
    destinations: defaultdict[tuple[_End, Traffic], list[_End]] = defaultdict(list)
    for one in connections:
        destinations[one.source, one.traffic].append(one.destination)
    sources: defaultdict[tuple[tuple[_End, ...], Traffic], list[_End]] = defaultdict(list)
    for (source, traffic), reached in destinations.items():
        sources[tuple(reached), traffic].append(source)
    for (together, traffic), openers in sources.items():
        yield f"{traffic} from {_names(openers)} to {_names(together)}"


def _names(ends: Sequence[_End]) -> str:
    names = [str(end) for end in ends]
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
