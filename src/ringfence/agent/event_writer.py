"""The thread that writes Kubernetes Events about policies that cannot be enforced and pods that are closed.

    kubectl describe pod web
    kubectl events --for networkpolicy/db-policy

Every `INTERVAL` seconds it asks the loop for the causes, and writes the events that are due (`event_series`). Nothing
waits for this thread. Events that the API server refuses are counted, and the refusal is logged once.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from ringfence.agent.event_causes import EventCauses
from ringfence.agent.event_objects import CHANGING, event_document
from ringfence.agent.event_series import EventSeries, Series
from ringfence.agent.log import log
from ringfence.agent.metrics import Metrics
from ringfence.sources.cluster import EXPECTED, ApiServer, ApiStatusError, create_or_patch

INTERVAL: Final = 5.0
"""Seconds between two requests for the causes."""

FORBIDDEN_PAUSE: Final = 300.0
"""Seconds until the next attempt if the right to write events is missing."""

FAILURE_PAUSE: Final = 30.0
"""Seconds until the next attempt if the API server fails or cannot be reached."""

_MISSING_RIGHT: Final = ("cannot create resource", "cannot patch resource")
"""How the API server words a missing right. It also answers 403 for quotas and for namespaces that are terminating."""

_OF_THE_SERVER: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Client errors that do not concern a single event."""

Ask = Callable[[], EventCauses | None]
"""Returns the present causes; None if they are not known."""


class EventWriter:
    """Writes the events of one node."""

    def __init__(self, node: str, api_server: ApiServer, ask: Ask, metrics: Metrics) -> None:
        self._node = node
        self._api_server = api_server
        self._ask = ask
        self._metrics = metrics
        self._series = EventSeries()
        self._others = 0
        self._failure = ""
        self._next_attempt = 0.0

    def run_once(self, now: float) -> None:
        """Ask for the causes, and write the events that are due at `now` (monotonic seconds)."""
        causes = self._ask()
        if causes is None:
            return
        self._metrics.dropped_events.inc(max(0, causes.others - self._others))
        self._metrics.dropped_events.inc(self._series.update(causes.reported, now))
        self._others = causes.others
        if now < self._next_attempt:
            return
        try:
            self._write(self._series.due(now), now)
        except EXPECTED as error:
            is_forbidden = isinstance(error, ApiStatusError) and _says_that_a_right_is_missing(error)
            self._next_attempt = now + (FORBIDDEN_PAUSE if is_forbidden else FAILURE_PAUSE)
            remedy = ": the verbs create and patch on events are needed, or use --no-events" if is_forbidden else ""
            self._report(f"{error}{remedy}")

    def _write(self, due: Iterator[Series], now: float) -> None:
        # A client is made only if an event is due. The inner loop then takes all the others from the same iterator.
        for first in due:
            with self._api_server.client() as client:
                for series in itertools.chain((first,), due):
                    cause, count = series.cause, series.count
                    document = event_document(cause, self._node, count + 1, datetime.now(UTC))
                    collection = f"/api/v1/namespaces/{document['metadata']['namespace']}/events"
                    try:
                        create_or_patch(client, collection, document, CHANGING, exists=count > 0)
                    except ApiStatusError as error:
                        if not _is_about_one_event(error):
                            raise
                        self._metrics.dropped_events.inc()
                    else:
                        self._metrics.written_events.inc()
                        self._report("")
                    series.note_written(now)

    def _report(self, failure: str) -> None:
        if failure and not self._failure:
            log.warning(f"events cannot be written: {failure}")
        elif self._failure and not failure:
            log.info("events are written again")
        self._failure = failure


def _says_that_a_right_is_missing(error: ApiStatusError) -> bool:
    return error.code == HTTPStatus.FORBIDDEN and any(words in str(error) for words in _MISSING_RIGHT)


def _is_about_one_event(error: ApiStatusError) -> bool:
    return 400 <= error.code < 500 and error.code not in _OF_THE_SERVER and not _says_that_a_right_is_missing(error)


@contextmanager
def writing_events(node: str, api_server: ApiServer, ask: Ask, metrics: Metrics) -> Iterator[None]:
    """Write events while the context lasts."""
    stopped = threading.Event()
    writer = EventWriter(node, api_server, ask, metrics)
    # A daemon thread: a request that hangs must not keep the process from ending.
    threading.Thread(target=_write_until, args=(stopped, writer), name="events", daemon=True).start()
    try:
        yield
    finally:
        stopped.set()


def _write_until(stopped: threading.Event, writer: EventWriter) -> None:
    while not stopped.wait(INTERVAL):
        try:
            writer.run_once(time.monotonic())
        except Exception:  # otherwise the thread would end, and no events would be written
            log.exception("a defect of ringfence (events)")
