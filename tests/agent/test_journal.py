"""The agent's log."""

import io
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.journal import Journal


def written(message: str, *, as_json: bool, **values: object) -> str:
    stream = io.StringIO()
    Journal(stream, as_json=as_json).warning(message, **values)
    return stream.getvalue()


def test_a_line_for_people_has_the_time_how_much_it_matters_and_the_values() -> None:
    line = written("listed", as_json=False, kind="Pod", objects=12)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning listed kind=Pod objects=12\n", line)


def test_a_line_for_programs_is_json() -> None:
    event = json.loads(written("listed", as_json=True, kind="Pod", objects=12))
    assert event.pop("time")
    assert event == {"level": "warning", "message": "listed", "kind": "Pod", "objects": 12}


def test_a_value_of_several_words_is_quoted() -> None:
    assert written("refused", as_json=False, reason='no "memory" left').endswith(' reason="no \\"memory\\" left"\n')


@given(st.text(), st.text(), st.booleans())
def test_whatever_strings_say_a_line_stays_one_line(message: str, value: str, as_json: bool) -> None:
    line = written(message, as_json=as_json, value=value)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert as_json or line[:-1].isprintable()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Journal(stream, as_json=True).error("nobody reads this")
