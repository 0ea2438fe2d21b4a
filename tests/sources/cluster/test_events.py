"""The events of a watch."""

from ringfence.sources.cluster.events import (
    Alive,
    CaughtUp,
    Event,
    Listed,
    Page,
    Removed,
    Served,
    Unchecked,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)


def test_the_events_that_exist() -> None:
    """Code that handles events has to know all of them."""
    assert set(Event.__args__) == {
        Served,
        Page,
        Listed,
        Upserted,
        Removed,
        Unreadable,
        WatchInterrupted,
        WatchFailed,
        Alive,
        CaughtUp,
        Unchecked,
    }
