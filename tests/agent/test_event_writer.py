"""The thread that writes events, while no API server answers.

`tests/e2e/test_agent_events.py` tests it against a real API server.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.running import eventually

from ringfence.agent import event_writer
from ringfence.agent.event_causes import EventCause, EventCauses
from ringfence.agent.event_series import PATIENCE
from ringfence.agent.event_writer import FAILURE_PAUSE, EventWriter, writing_events
from ringfence.agent.log import logging_to
from ringfence.agent.metrics import Metrics
from ringfence.sources.cluster import ApiServer

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:1"}}]
"""
CLOSED = EventCause(("Pod", "x", "p"), "1", "PodClosed", "closed")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to(stream, as_json=False):
        yield stream


@pytest.fixture
def nowhere(tmp_path: Path) -> ApiServer:
    (tmp_path / "config").write_text(KUBECONFIG)
    return ApiServer(None, str(tmp_path / "config"))


def test_a_server_that_does_not_answer_is_logged_once_and_left_alone_for_a_while(
    nowhere: ApiServer, stream: io.StringIO
) -> None:
    asked = 0

    def ask() -> EventCauses:
        nonlocal asked
        asked += 1
        return EventCauses([CLOSED], 0)

    metrics = Metrics()
    writer = EventWriter("n", nowhere, ask, metrics)
    for now in (0.0, PATIENCE, PATIENCE + 1, PATIENCE + FAILURE_PAUSE, PATIENCE + 3 * FAILURE_PAUSE):
        writer.run_once(now)
    assert asked == 5
    assert stream.getvalue().count("events cannot be written: http://127.0.0.1:1: cannot be reached") == 1
    assert "events are written again" not in stream.getvalue()
    assert b"ringfence_written_events_total 0.0" in metrics.text()


def test_a_cause_beyond_the_limits_is_counted_once(nowhere: ApiServer) -> None:
    metrics = Metrics()
    others = iter((100, 100, 140, 20, 50))
    writer = EventWriter("n", nowhere, lambda: EventCauses([], next(others)), metrics)
    for now in range(5):
        writer.run_once(now)
    assert b"ringfence_dropped_events_total 170.0" in metrics.text()


def test_a_loop_that_does_not_answer_changes_nothing(nowhere: ApiServer, stream: io.StringIO) -> None:
    writer = EventWriter("n", nowhere, lambda: None, Metrics())
    writer.run_once(0.0)
    assert stream.getvalue() == ""


def test_a_defect_does_not_end_the_thread(nowhere: ApiServer, stream: io.StringIO) -> None:
    asked = 0

    def ask() -> EventCauses | None:
        nonlocal asked
        asked += 1
        raise KeyError("a defect")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_writer, "INTERVAL", 0.01)
        with writing_events("n", nowhere, ask, Metrics()):
            eventually(lambda: asked >= 2)
    assert "a defect of ringfence (events)" in stream.getvalue()
