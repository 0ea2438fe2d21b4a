"""Event series: one Kubernetes Event for each object and reason, and when it may be written.

A series is written when its cause has lasted for `PATIENCE` seconds, again `CHANGED` seconds after the last time if
its message has changed, and otherwise every `REPEAT` seconds, so that the API server does not delete it. The agent of a
node writes at most `TOKENS` events in a burst and one per `SECONDS_PER_TOKEN` afterwards. Each namespace has a lower
limit of its own. So tenants cannot flood the API server with events.

Source: kubernetes.io, "Event v1 core"; the API server deletes an event after `--event-ttl`, an hour by default.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.agent.event_causes import EventCause
from ringfence.agent.view import ObjectName

PATIENCE: Final = 5.0
"""Seconds that a cause must have lasted: most closed pods are opened sooner."""

REPEAT: Final = 900.0
"""Seconds after which an event is written again even if nothing has changed."""

CHANGED: Final = 120.0
"""Seconds after which an event is written again because its message has changed."""

TOKENS: Final = 50
SECONDS_PER_TOKEN: Final = 1.0
NAMESPACE_TOKENS: Final = 20
SECONDS_PER_NAMESPACE_TOKEN: Final = 30.0

SeriesKey = tuple[ObjectName, str]


class Tokens:
    """A token bucket: `most` tokens, refilled by one every `seconds`. All times are monotonic seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._left = float(most)
        self._at = 0.0

    def left(self, now: float) -> float:
        """How many tokens there are; one can be taken if there is at least one."""
        gained = (now - self._at) / self._seconds
        self._left, self._at = min(self._most, self._left + gained), now
        return self._left

    def take(self, now: float) -> None:
        """Take one token."""
        self._left = self.left(now) - 1


class Series:
    """An event, and how often it was written."""

    def __init__(self, cause: EventCause, next_at: float) -> None:
        self.cause = cause
        self.next_at = next_at
        self.is_current = True
        """Whether the cause lasts."""
        self.count = 0
        self._written_at = 0.0
        self._written = ""

    def change(self, cause: EventCause) -> None:
        """Note the present state of the cause."""
        self.cause, self.is_current = cause, True
        if self.count and cause.message != self._written:
            self.next_at = min(self.next_at, self._written_at + CHANGED)

    def note_written(self, now: float) -> None:
        """Note that the event was written, or that the API server refused it permanently."""
        self.count += 1
        self._written, self._written_at, self.next_at = self.cause.message, now, now + REPEAT


class EventSeries:
    """The series of all causes. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, Series] = {}
        self._tokens = Tokens(TOKENS, SECONDS_PER_TOKEN)
        self._of_namespaces: dict[str, Tokens] = {}

    def update(self, causes: Iterable[EventCause], now: float) -> int:
        """Note the present causes. Returns how many others have ended before they were written."""
        for series in self._series.values():
            series.is_current = False
        for cause in causes:
            # An object that was deleted and created again has another UID, and so a series of its own.
            key = ((*cause.about[:2], f"{cause.about[2]} {cause.uid}"), cause.reason)
            known = self._series.get(key)
            if known is None:
                self._series[key] = Series(cause, now + PATIENCE)
            else:
                known.change(cause)
        return self._forget(now)

    def due(self, now: float) -> Iterator[Series]:
        """The series that are due now. The caller notes each as written before it takes the next one."""
        waiting = [one for one in self._series.values() if one.is_current and one.next_at <= now]
        waiting.sort(key=lambda one: one.next_at)
        while waiting and self._tokens.left(now) >= 1:
            namespaces = {one.cause.about[1] for one in waiting}
            # The namespace with the most tokens is next, so that one with many events does not keep out the others.
            namespace = max(namespaces, key=lambda one: self._tokens_of(one).left(now))
            tokens = self._tokens_of(namespace)
            if tokens.left(now) < 1:
                return
            series = next(one for one in waiting if one.cause.about[1] == namespace)
            waiting.remove(series)
            self._tokens.take(now)
            tokens.take(now)
            yield series

    def _tokens_of(self, namespace: str) -> Tokens:
        return self._of_namespaces.setdefault(namespace, Tokens(NAMESPACE_TOKENS, SECONDS_PER_NAMESPACE_TOKEN))

    def _forget(self, now: float) -> int:
        # A written series is kept until its next time: if its cause comes back, it must not be written sooner.
        over = [key for key, one in self._series.items() if not one.is_current and one.next_at <= now]
        unwritten = sum(not self._series.pop(key).count for key in over)
        full = [one for one, tokens in self._of_namespaces.items() if tokens.left(now) >= NAMESPACE_TOKENS]
        for namespace in full:
            del self._of_namespaces[namespace]
        return unwritten
