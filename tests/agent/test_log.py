"""The format of the agent's log, and what happens when the log cannot be written."""

import io
import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.log import log, logging_to, values


def line_of(message: str, *, as_json: bool, **named: object) -> str:
    stream = io.StringIO()
    with logging_to(stream, as_json=as_json):
        log.warning(message, extra=values(**named))
    return stream.getvalue()


def test_a_line_of_text_has_the_time_the_level_the_message_and_the_values() -> None:
    line = line_of("listed", as_json=False, kind="Pod", objects=12)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning listed kind=Pod objects=12\n", line)


def test_a_line_of_json_has_the_time_the_level_the_message_and_the_values() -> None:
    event = json.loads(line_of("listed", as_json=True, kind="Pod", objects=12))
    assert abs(datetime.now(UTC) - datetime.fromisoformat(event.pop("time"))) < timedelta(minutes=1)
    assert event == {"level": "warning", "message": "listed", "kind": "Pod", "objects": 12}


def test_values_may_have_the_names_of_attributes_of_a_record() -> None:
    assert " name=db args=x" in line_of("listed", as_json=False, name="db", args="x")


def test_a_value_of_several_words_is_quoted() -> None:
    assert line_of("refused", as_json=False, reason='no "memory" left').endswith(' reason="no \\"memory\\" left"\n')


def test_an_empty_value_is_quoted() -> None:
    assert line_of("x", as_json=False, namespace="").endswith(' namespace=""\n')


def test_a_percent_sign_is_not_a_placeholder() -> None:
    assert "100% %s" in line_of("100% %s", as_json=False)


def test_an_exception_is_on_the_same_line() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        with logging_to(stream, as_json=as_json):
            log.error("a defect", exc_info=KeyError("x"))
        assert stream.getvalue().count("\n") == 1
        assert "KeyError: 'x'" in stream.getvalue()


@given(st.text(), st.text(), st.booleans())
def test_a_line_stays_one_line(message: str, value: str, as_json: bool) -> None:
    line = line_of(message, as_json=as_json, value=value)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert as_json or line[:-1].isprintable()


def test_a_log_that_cannot_be_written_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed about it either: standard error is the log."""
    stream = io.StringIO()
    stream.close()
    with logging_to(stream, as_json=True):
        log.error("nobody reads this")
    assert capsys.readouterr() == ("", "")


def test_the_settings_of_the_log_are_restored_at_the_end() -> None:
    stream = io.StringIO()
    before = (log.handlers[:], log.propagate, log.level)
    with logging_to(stream, as_json=True):
        assert log.level == logging.INFO
    assert (log.handlers, log.propagate, log.level) == before
