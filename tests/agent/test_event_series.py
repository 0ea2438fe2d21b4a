"""When the agent writes events: soon, rarely, and never more than the API server can take."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.event_causes import EventCause
from ringfence.agent.event_series import (
    CHANGED,
    NAMESPACE_TOKENS,
    PATIENCE,
    REPEAT,
    SECONDS_PER_NAMESPACE_TOKEN,
    SECONDS_PER_TOKEN,
    TOKENS,
    EventSeries,
)


def cause(name: str = "p", message: str = "wrong", namespace: str = "x", uid: str = "1") -> EventCause:
    return EventCause(("NetworkPolicy", namespace, name), uid, "NotEnforced", message)


class Written:
    """The events that were written, by second."""

    def __init__(self) -> None:
        self.series = EventSeries()
        self.unwritten = 0
        self.writings: list[tuple[float, EventCause]] = []

    def at(self, now: float, *causes: EventCause) -> list[EventCause]:
        self.unwritten += self.series.update(causes, now)
        written = []
        for one in self.series.due(now):
            one.note_written(now)
            written.append(one.cause)
        self.writings += [(now, one) for one in written]
        return written


def test_a_cause_that_lasts_is_written_once_and_then_seldom() -> None:
    written = Written()
    for second in range(3 * int(REPEAT)):
        written.at(second, cause())
    assert [at for at, _ in written.writings] == [PATIENCE, PATIENCE + REPEAT, PATIENCE + 2 * REPEAT]
    (series,) = written.series._series.values()
    assert series.count == 3


def test_a_cause_that_is_over_soon_is_not_written() -> None:
    written = Written()
    assert written.at(0, cause()) == []
    assert written.at(PATIENCE) == []
    assert written.at(PATIENCE + 1, cause()) == []
    assert written.unwritten == 1


def test_a_cause_that_comes_and_goes_is_not_written_more_often() -> None:
    written = Written()
    for second in range(int(REPEAT)):
        written.at(second, *[cause()] * (second % 20 < 10))
    assert len(written.writings) == 1


def test_the_last_of_several_messages_is_written_after_some_time() -> None:
    written = Written()
    written.at(0, cause())
    written.at(PATIENCE, cause())
    for second in range(10, 100):
        assert written.at(second, cause(message=f"version {second}")) == []
    assert written.at(PATIENCE + CHANGED, cause(message="last")) == [cause(message="last")]


def test_an_object_that_is_created_again_is_another_one() -> None:
    written = Written()
    for now in (0.0, PATIENCE):
        written.at(now, cause())
    written.at(10, cause(uid="2"))
    assert written.at(10 + PATIENCE, cause(uid="2")) == [cause(uid="2")]


def test_no_namespace_waits_for_one_with_many_causes() -> None:
    written = Written()
    flood = [cause(f"p{number}", namespace="tenant") for number in range(400)]
    for second in range(60):
        written.at(second, *flood)
    victim = cause(namespace="victim")
    written.at(60, *flood, victim)
    assert victim in written.at(60 + PATIENCE, *flood, victim)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.lists(st.builds(cause, st.text("pq", max_size=9), st.text(max_size=2), st.sampled_from("xyz"))),
        ),
        max_size=60,
    ),
    st.integers(1, 300),
)
def test_no_more_events_are_written_than_the_limits_allow(
    steps: list[tuple[float, list[EventCause]]], each_time: int
) -> None:
    written = Written()
    now = 0.0
    for number, (pause, causes) in enumerate(steps):
        now += pause
        written.at(now, *causes, *(cause(f"{number}-{one}", namespace="flood") for one in range(each_time)))
        written.at(now + PATIENCE, *causes, *(cause(f"{number}-{one}", namespace="flood") for one in range(9)))
        now += PATIENCE
    assert len(written.writings) <= TOKENS + now / SECONDS_PER_TOKEN
    for count in Counter(one.about[1] for _, one in written.writings).values():
        assert count <= NAMESPACE_TOKENS + now / SECONDS_PER_NAMESPACE_TOKEN


def test_memory_for_events_is_bounded() -> None:
    written = Written()
    for second in range(1_000):
        written.at(second, *(cause(f"{second}-{number}", namespace=f"{second}") for number in range(100)))
    assert len(written.series._series) <= 2_200
    assert len(written.series._of_namespaces) <= 2_000
