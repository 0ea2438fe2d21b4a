"""Event series: one Kubernetes Event for each object and reason, and when it may be written.

A series is written when its trouble has lasted for some seconds, again some minutes after a change of its message, and
otherwise often enough that the API server does not forget it. Whatever tenants do, the agent of a node writes no more
than `TOKENS` events at once and one in `SECONDS_PER_TOKEN` later, and of these each namespace has its own share.

Source: kubernetes.io, "Event v1 core"; the API server forgets an event after `--event-ttl`, an hour by default.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.agent.troubles import Trouble
from ringfence.agent.view import ObjectName

PATIENCE: Final = 5.0
"""Seconds that a trouble must have lasted: most pods that are closed are open again sooner."""

REPEAT: Final = 900.0
"""Seconds after which an event is written again though nothing has changed."""

CHANGED: Final = 120.0
"""Seconds after which an event is written again because its message has changed."""

TOKENS: Final = 50
SECONDS_PER_TOKEN: Final = 1.0
NAMESPACE_TOKENS: Final = 20
SECONDS_PER_NAMESPACE_TOKEN: Final = 30.0

SeriesKey = tuple[ObjectName, str]


class Tokens:
    """So many at once, and one more every so many seconds. All times are monotonic seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._left = float(most)
        self._at = 0.0

    def left(self, now: float) -> float:
        """How many there are; one can be taken if there is at least one."""
        gained = (now - self._at) / self._seconds
        self._left, self._at = min(self._most, self._left + gained), now
        return self._left

    def take(self, now: float) -> None:
        """Take one."""
        self._left = self.left(now) - 1


class Series:
    """An event, and how often it was written."""

    def __init__(self, trouble: Trouble, next_at: float) -> None:
        self.trouble = trouble
        self.next_at = next_at
        self.is_current = True
        """Whether the trouble lasts."""
        self.count = 0
        self._written_at = 0.0
        self._written = ""

    def change(self, trouble: Trouble) -> None:
        """Note how the trouble is now."""
        self.trouble, self.is_current = trouble, True
        if self.count and trouble.message != self._written:
            self.next_at = min(self.next_at, self._written_at + CHANGED)

    def note_written(self, now: float) -> None:
        """Note that it was written, or refused for good."""
        self.count += 1
        self._written, self._written_at, self.next_at = self.trouble.message, now, now + REPEAT


class EventSeries:
    """The series of all troubles. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, Series] = {}
        self._tokens = Tokens(TOKENS, SECONDS_PER_TOKEN)
        self._of_namespaces: dict[str, Tokens] = {}

    def update(self, troubles: Iterable[Trouble], now: float) -> int:
        """Note the troubles that there are now; how many others have ended before they could be written."""
        for series in self._series.values():
            series.is_current = False
        for trouble in troubles:
            # Of an object that was deleted and created again, the event is another one.
            key = ((*trouble.about[:2], f"{trouble.about[2]} {trouble.uid}"), trouble.reason)
            known = self._series.get(key)
            if known is None:
                self._series[key] = Series(trouble, now + PATIENCE)
            else:
                known.change(trouble)
        return self._forget(now)

    def due(self, now: float) -> Iterator[Series]:
        """The series to be written now. Each has to be written, or noted as such, before the next one is asked for."""
        waiting = [one for one in self._series.values() if one.is_current and one.next_at <= now]
        waiting.sort(key=lambda one: one.next_at)
        while waiting and self._tokens.left(now) >= 1:
            namespaces = {one.trouble.about[1] for one in waiting}
            namespace = max(namespaces, key=lambda one: self._tokens_of(one).left(now))
            tokens = self._tokens_of(namespace)
            if tokens.left(now) < 1:
                return
            series = next(one for one in waiting if one.trouble.about[1] == namespace)
            waiting.remove(series)
            self._tokens.take(now)
            tokens.take(now)
            yield series

    def _tokens_of(self, namespace: str) -> Tokens:
        return self._of_namespaces.setdefault(namespace, Tokens(NAMESPACE_TOKENS, SECONDS_PER_NAMESPACE_TOKEN))

    def _forget(self, now: float) -> int:
        # Those that were written are kept until they may be written again, and there are few of them.
        over = [key for key, one in self._series.items() if not one.is_current and one.next_at <= now]
        unwritten = sum(not self._series.pop(key).count for key in over)
        full = [one for one, tokens in self._of_namespaces.items() if tokens.left(now) >= NAMESPACE_TOKENS]
        for namespace in full:
            del self._of_namespaces[namespace]
        return unwritten
