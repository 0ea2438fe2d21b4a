"""The Kubernetes Event objects that the agent writes."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.event_causes import EventCause
from ringfence.agent.event_objects import event_document, event_name

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE = EventCause(("NetworkPolicy", "prod", "db"), "1234", "NotEnforced", "spec: wrong")


def test_an_event_names_the_object_the_reason_and_the_node() -> None:
    document = event_document(ONE, "worker-1", 3, NOW)
    assert document["involvedObject"] == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "namespace": "prod",
        "name": "db",
        "uid": "1234",
    }
    assert (document["reason"], document["message"], document["type"]) == ("NotEnforced", "spec: wrong", "Warning")
    assert document["source"] == {"component": "ringfence-agent", "host": "worker-1"}
    assert (document["count"], document["lastTimestamp"]) == (3, "2026-01-02T03:04:05Z")


def test_an_event_about_a_cluster_scoped_object_is_in_the_namespace_default() -> None:
    """The API server refuses such an event in any other namespace."""
    kind = "ClusterNetworkPolicy.policy.networking.k8s.io"
    document = event_document(EventCause((kind, "", "guard"), "1", "NotEnforced", "spec: wrong"), "a", 1, NOW)
    assert document["metadata"]["namespace"] == "default"
    assert document["involvedObject"] == {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "namespace": "",
        "name": "guard",
        "uid": "1",
    }


def test_the_name_of_an_event_is_always_the_same_and_different_from_all_others() -> None:
    others = [
        (ONE._replace(about=("Pod", "prod", "db")), "a"),
        (ONE._replace(uid="1235"), "a"),
        (ONE._replace(reason="PodClosed"), "a"),
        (ONE, "b"),
    ]
    names = {event_name(ONE, "a"), *(event_name(*one) for one in others)}
    assert len(names) == 5
    assert event_name(ONE._replace(message="another"), "a") == event_name(ONE, "a")


@given(st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True).filter(lambda name: ".." not in name))
def test_the_name_of_an_event_can_be_stored_however_long_that_of_the_object_is(name: str) -> None:
    found = event_name(ONE._replace(about=("Pod", "prod", name)), "a")
    assert len(found) <= 253
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", found)
    assert name.startswith(found[:100].split(".")[0])


@given(st.text(max_size=3_000))
def test_the_message_of_an_event_is_short_and_printable(message: str) -> None:
    shown = event_document(ONE._replace(message=message), "a", 1, NOW)["message"]
    assert len(shown.encode()) <= 1_000
    assert shown.isprintable()
