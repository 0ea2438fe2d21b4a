"""Ages as kubectl writes them: an older age in coarser units, and always rounded down.

Source: `HumanDuration` in `apimachinery/pkg/util/duration`.
"""

import math
from datetime import datetime
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "y": 365 * 86_400}
_MINUTE, _HOUR, _DAY, _YEAR = (_SECONDS[unit] for unit in "mhdy")

_UNITS: Final = (
    (2 * _MINUTE, "s"),
    (10 * _MINUTE, "ms"),
    (3 * _HOUR, "m"),
    (8 * _HOUR, "hm"),
    (2 * _DAY, "h"),
    (8 * _DAY, "dh"),
    (2 * _YEAR, "d"),
    (8 * _YEAR, "yd"),
    (math.inf, "y"),
)
"""The units of ages below a number of seconds. The finer of two units is left out if its count is 0."""


def age(created: datetime | None, now: datetime) -> str:
    """The time from `created` to `now`: `9m59s`, `47h`, `2y1d`.

    `<unknown>` if there is no time, `<invalid>` if it is two seconds or more in the future.
    """
    if created is None:
        return "<unknown>"
    seconds = int((now - created).total_seconds())
    # kubectl allows for clocks that differ by less than two seconds.
    if seconds < -1:
        return "<invalid>"
    rest = max(seconds, 0)
    text = ""
    for unit in next(units for limit, units in _UNITS if rest < limit):
        count, rest = divmod(rest, _SECONDS[unit])
        if count or not text:
            text += f"{count}{unit}"
    return text
