"""How time and memory grow with the cluster: a table, and a plot for the documentation (SVG).

Both axes are logarithmic, so that linear growth is a straight line of slope one; a thin line of that slope through the
first point shows it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log10
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import Figure

PLOT = Path(__file__).parents[1] / "docs" / "growth.svg"


class Series(NamedTuple):
    """Values by the number of pods."""

    what: str
    unit: str
    points: tuple[tuple[int, float], ...]


FOLLOWED = (
    "from objects in memory to the first answer",
    "memory above the objects",
    "count the allowed pairs of pods of a port",
    "every pair of workloads with its traffic, streamed to a file",
)


def series(results: Mapping[int, Sequence[Figure]]) -> list[Series]:
    """The series of the table, from the figures of clusters with different numbers of pods."""
    found = []
    for what in FOLLOWED:
        figures = {pods: one for pods in sorted(results) for one in results[pods] if one.what == what}
        unit = next(iter(figures.values())).unit
        found.append(Series(what, unit, tuple((pods, one.value) for pods, one in figures.items())))
    return found


def table(all_series: Iterable[Series]) -> Iterator[str]:
    """A line for each series, with the growth from one size to the next: 10 is linear for ten times as many pods."""
    for one in all_series:
        steps = [f"{pods:>9,} pods {value:9.4g} {one.unit:<2}" for pods, value in one.points]
        growth = [f"x{after / before:.1f}" for (_, before), (_, after) in zip(one.points, one.points[1:], strict=False)]
        yield f"{one.what:<62}" + "".join(steps) + "   " + " ".join(growth)


# --- the plot ---------------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 380, 64, 24, 28, 124
_COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#7d5ba6")


class _Axis(NamedTuple):
    """A logarithmic axis: powers of ten from `low` to `high`, laid out from `start` to `end`."""

    low: int
    high: int
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> range:
        return range(self.low, self.high + 1)


def plot(all_series: Sequence[Series]) -> str:
    """The plot, as SVG."""
    values = [value for one in all_series for _, value in one.points]
    pods = [count for one in all_series for count, _ in one.points]
    x = _Axis(int(log10(min(pods))), round(log10(max(pods))), _LEFT, _WIDTH - _RIGHT)
    y = _Axis(int(log10(min(values)) // 1), int(-(-log10(max(values)) // 1)), _HEIGHT - _BOTTOM, _TOP)
    body = [*_grid(x, y)]
    for number, (one, colour) in enumerate(zip(all_series, _COLOURS, strict=True)):
        body += _line(one, colour, x, y, number)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    for tick in y.ticks:
        at = y.at(10**tick)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e3e3e3"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{10**tick:g}</text>'
    for tick in x.ticks:
        at = x.at(10**tick)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#e3e3e3"/>'
        label = f"{10**tick:,} pods"
        anchor = "end" if tick == x.high else "middle"
        yield f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="{anchor}" fill="#555">{label}</text>'


def _line(one: Series, colour: str, x: _Axis, y: _Axis, number: int) -> Iterator[str]:
    places = [(x.at(pods), y.at(value)) for pods, value in one.points]
    (first_pods, first), (last_pods, last) = one.points[0], one.points[-1]
    linear = y.at(min(first * last_pods / first_pods, 10.0**y.high))
    reached = x.at(min(last_pods, first_pods * 10.0**y.high / first))
    yield (
        f'<line x1="{places[0][0]:.1f}" y1="{places[0][1]:.1f}" x2="{reached:.1f}" y2="{linear:.1f}" '
        f'stroke="{colour}" stroke-dasharray="2 4" opacity="0.6"/>'
    )
    route = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    yield f'<polyline points="{route}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in places)
    top = _HEIGHT - _BOTTOM + 46 + 18 * number
    yield f'<line x1="{_LEFT}" x2="{_LEFT + 22}" y1="{top - 4}" y2="{top - 4}" stroke="{colour}" stroke-width="2"/>'
    yield f'<text x="{_LEFT + 30}" y="{top}">{one.what} ({one.unit}): {last:.3g} at {last_pods:,}</text>'
