"""The lag: for how long the oldest change has been waiting."""

import threading

from tests.agent.events import upserted
from tests.agent.running import Clock
from tests.semantics.objects import policy

from ringfence.agent.inbox import Arrival, Inbox, Inquiry, Receiver
from ringfence.agent.lag import Lag

ARRIVAL = Arrival(upserted(policy("x/p", ingress=[])), 5.0)


def test_there_is_no_lag_without_changes() -> None:
    clock = Clock()
    lag = Lag(Receiver(Inbox()), clock)
    clock.now += 100
    assert lag.seconds() == 0


def test_the_lag_is_the_age_of_the_oldest_change() -> None:
    clock = Clock()
    lag = Lag(Receiver(Inbox()), clock)
    lag.oldest = clock.now
    clock.now += 3
    assert lag.seconds() == 3


def test_while_the_loop_does_not_run_the_lag_counts_from_when_all_changes_had_arrived() -> None:
    clock, inbox = Clock(), Inbox()
    receiver = Receiver(inbox)
    lag = Lag(receiver, clock)
    inbox.put(ARRIVAL)
    clock.now += 7
    assert lag.seconds() == 7
    assert list(receiver.arrived()) == [ARRIVAL]
    assert lag.seconds() == 7, "also if the loop has looked at what arrived"
    receiver.get(timeout=0)
    assert lag.seconds() == 0


def test_events_are_taken_in_the_order_of_their_arrival() -> None:
    inbox = Inbox()
    receiver = Receiver(inbox)
    request = Inquiry(lambda: None, threading.Event())
    for item in (ARRIVAL, request):
        inbox.put(item)
    assert list(receiver.arrived()) == [ARRIVAL, request]
    inbox.put(None)
    assert list(receiver.arrived()) == [ARRIVAL, request, None]
    assert not receiver.is_empty
    assert [receiver.get(timeout=0) for _ in range(3)] == [ARRIVAL, request, None]
    assert receiver.is_empty
