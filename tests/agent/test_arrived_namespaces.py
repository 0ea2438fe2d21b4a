"""Which of the namespaces with arrived changes has used the least time."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from tests.semantics.objects import labelled, policy

from ringfence.agent.arrived_namespaces import ArrivedNamespaces
from ringfence.agent.inbox import Arrival, Inbox, InboxItem, Receiver, RepairAttempted
from ringfence.agent.shares import CLUSTER, Shares
from ringfence.sources.cluster import Alive, Listed, Removed

from .events import upserted


def change(namespace: str) -> Arrival:
    return Arrival(Removed("NetworkPolicy", namespace, "p"), 0.0)


def test_without_changes_there_is_no_first() -> None:
    arrived = ArrivedNamespaces(Shares())
    for item in (RepairAttempted(), Arrival(Alive("Pod"), 0.0)):
        arrived.add(item)
        arrived.discard(item)
    assert arrived.first() is None


def test_lists_and_the_end_of_the_loop_come_before_all_namespaces() -> None:
    for item in (None, Arrival(Listed("Pod", frozenset()), 0.0)):
        arrived = ArrivedNamespaces(Shares())
        arrived.add(change("a"))
        arrived.add(item)
        assert arrived.first() == CLUSTER
        arrived.discard(item)
        assert arrived.first() == "a"


def test_the_namespace_is_that_of_the_object() -> None:
    arrived = ArrivedNamespaces(Shares())
    arrived.add(Arrival(upserted(policy("x/p", labelled(app="web"), ingress=[])), 0.0))
    assert arrived.first() == "x"


def test_what_the_loop_takes_is_no_longer_among_them() -> None:
    inbox, arrived = Inbox(), ArrivedNamespaces(Shares())
    receiver = Receiver(inbox, arrived.add, arrived.discard)
    for namespace in "ab":
        inbox.put(change(namespace))
    assert receiver.get(0.0) == change("a"), "it was not looked at before"
    receiver.arrived()
    receiver.arrived()
    assert arrived.first() == "b"
    assert receiver.get(0.0) == change("b")
    assert arrived.first() is None


def test_when_used_time_is_forgotten_those_that_wait_have_used_none() -> None:
    shares = Shares()
    arrived = ArrivedNamespaces(shares)
    shares.charge("a", 1.0, 1.0)
    for namespace in "ab":
        arrived.add(change(namespace))
    shares.forget()
    shares.charge("b", 0.1, 1.0)
    assert arrived.first() == "a"


@given(
    st.lists(st.tuples(st.sampled_from(["arrive", "take", "charge", "forget"]), st.sampled_from("abcd")), max_size=40)
)
def test_the_first_is_that_of_a_search_through_all(steps: list[tuple[str, str]]) -> None:
    shares, times = Shares(), count(1)
    arrived, waiting = ArrivedNamespaces(shares), list[InboxItem | None]()
    for what, namespace in steps:
        if what == "arrive":
            waiting.append(change(namespace))
            arrived.add(waiting[-1])
        elif what == "take" and waiting:
            arrived.discard(waiting.pop(0))
        elif what == "charge":
            shares.charge(namespace, 0.1, next(times) / 100)
        elif what == "forget":
            shares.forget()
        first = arrived.first()
        namespaces = [one.event.namespace for one in waiting if isinstance(one, Arrival)]  # type: ignore[union-attr]
        assert (first in namespaces) if namespaces else (first is None)
        assert first is None or shares.rank(first) == min(map(shares.rank, namespaces))
