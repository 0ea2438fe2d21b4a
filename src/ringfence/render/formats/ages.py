"""Ages as kubectl writes them: the older, the coarser, and never rounded up.

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
"""Below how many seconds an age is written in which units; a finer one only if it counts something."""


def age(created: datetime | None, now: datetime) -> str:
    """How long before `now` something was created: `9m59s`, `47h`, `2y1d`.

    `<unknown>` if nobody knows when, `<invalid>` if that is in the future by more than clocks differ.
    """
    if created is None:
        return "<unknown>"
    seconds = int((now - created).total_seconds())
    if seconds < -1:
        return "<invalid>"
    rest = max(seconds, 0)
    text = ""
    for unit in next(units for limit, units in _UNITS if rest < limit):
        count, rest = divmod(rest, _SECONDS[unit])
        if count or not text:
            text += f"{count}{unit}"
    return text
