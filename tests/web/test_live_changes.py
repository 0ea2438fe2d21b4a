"""What watches of a live cluster say to the page: that something has changed, and what is not followed."""

import msgspec
import pytest

from ringfence.errors import LiveClusterError
from ringfence.model.kinds import KINDS
from ringfence.model.metadata import ObjectMeta, ServiceMeta
from ringfence.model.objects import Namespace, Pod
from ringfence.model.origin import Origin
from ringfence.model.services import Service
from ringfence.sources.cluster import (
    Alive,
    Event,
    Listed,
    Page,
    Removed,
    Undecoded,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.web.live_changes import LiveChanges
from ringfence.web.simulation import ObjectChanges

WEB = ("shop", "web")
(POLICY,) = KINDS.called("NetworkPolicy")


def pod(name: str, **labels: str) -> Pod:
    return Pod(ObjectMeta(name=name, namespace="shop", labels=labels))


def policy(**fields: object) -> Undecoded:
    written = {"metadata": {"name": "np", "namespace": "shop", **fields}, "spec": {"podSelector": {}}}
    return Undecoded.of(POLICY, "shop", "np", msgspec.json.encode(written))


@pytest.fixture
def changes() -> LiveChanges:
    """Those of a cluster in which `shop/web` and the policy `shop/np` were listed."""
    found = LiveChanges("https://server")
    deliver(
        found,
        Page("Pod", [pod("web", app="web")]),
        Listed("Pod", frozenset([WEB])),
        Page("NetworkPolicy", [policy()]),
        Listed("NetworkPolicy", frozenset({("shop", "np")})),
    )
    assert found.are_pending()
    assert found.take() is None
    return found


def deliver(changes: LiveChanges, *events: Event) -> None:
    for event in events:
        changes.deliver(event)


@pytest.mark.parametrize(
    ("events", "count"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([Upserted(pod("web", app="web"))], False, id="a pod that says what it said"),
        pytest.param([Upserted(policy(resourceVersion="2", managedFields=[]))], False, id="fields that are not read"),
        pytest.param([Alive("Pod")], False, id="a bookmark"),
        pytest.param([Removed("Pod", "shop", "db")], False, id="the end of what was never there"),
        pytest.param([Page("Pod", [pod("web", app="web")]), Listed("Pod", frozenset([WEB]))], False, id="the same"),
        pytest.param([Upserted(pod("web", app="other"))], True, id="another label"),
        pytest.param([Upserted(policy(labels={"a": "b"}))], True, id="another label of a policy"),
        pytest.param([Upserted(Namespace(ObjectMeta(name="shop")))], True, id="a new object"),
        pytest.param([Removed("Pod", "shop", "web")], True, id="an object that is gone"),
        pytest.param([Listed("Pod", frozenset())], True, id="an object that a list lacks"),
        pytest.param([Unreadable("Pod", "shop", "web", "no")], True, id="an object that cannot be decoded"),
    ],
)  # fmt: skip
def test_what_changes_an_object_counts(changes: LiveChanges, events: list[Event], count: bool) -> None:
    deliver(changes, *events)
    assert changes.are_pending() is count


def test_a_first_list_counts_for_an_object_may_have_been_deleted_before_it(changes: LiveChanges) -> None:
    deliver(changes, Listed("Service", frozenset()))
    assert changes.are_pending()
    assert changes.take() is None
    deliver(changes, Listed("Service", frozenset()))
    assert not changes.are_pending()


def test_many_events_are_one_change(changes: LiveChanges) -> None:
    deliver(changes, *(Upserted(pod("web", app=str(number))) for number in range(100)))
    assert changes.are_pending()
    taken = changes.take()
    assert taken is not None
    assert (taken.changed, taken.removed) == ((pod("web", app="99"),), ())
    assert not changes.are_pending()


def test_what_has_become_of_single_objects_is_taken_once(changes: LiveChanges) -> None:
    deliver(changes, Upserted(policy(labels={"a": "b"})), Upserted(pod("new")), Listed("Pod", frozenset([WEB])))
    taken = changes.take()
    assert taken is not None
    assert [one.metadata.name for one in taken.changed] == ["np"]
    assert taken.removed == (("Pod", "shop", "new"),)
    deliver(changes, Removed("Pod", *WEB))
    assert changes.take() == ObjectChanges((), (("Pod", *WEB),), Origin("https://server"))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Unreadable("Pod", "shop", "web", "no"), id="an object that cannot be decoded"),
        pytest.param(Page("Service", [Service(ServiceMeta(name="s", namespace="shop"))]), id="a first list"),
        pytest.param(
            Upserted(Undecoded.of(POLICY, "shop", "np", b'{"spec": {"podSelector": 1}}')), id="a policy of another type"
        ),
    ],
)
def test_what_single_objects_do_not_say_has_the_cluster_read_again(changes: LiveChanges, event: Event) -> None:
    deliver(changes, event)
    assert changes.are_pending()
    assert changes.take() is None


def test_with_suppositions_the_cluster_is_read_again_for_each_change() -> None:
    changes = LiveChanges("https://server", one_by_one=False)
    deliver(changes, Listed("Pod", frozenset()), Upserted(pod("web")))
    assert changes.take() is None
    deliver(changes, Upserted(pod("web", app="web")))
    assert changes.take() is None


def test_what_is_not_followed_is_a_problem_for_each_reason_until_it_is_over(changes: LiveChanges) -> None:
    lost = "pods is forbidden: the verbs list and watch on pods are needed"
    deliver(
        changes,
        WatchInterrupted("NetworkPolicy", "no data for 150 s", 1),
        WatchInterrupted("Namespace", "no data for 150 s", 1),
        WatchInterrupted("Pod", lost, 1),
        WatchInterrupted("Service", "which the input says already: it could not be listed", 1),
    )
    silent = "changes of Namespace, NetworkPolicy are not shown: no data for 150 s"
    assert [one.message for one in changes.problems()] == [silent, f"changes of Pod are not shown: {lost}"]
    deliver(changes, Alive("Namespace"), Alive("NetworkPolicy"), WatchFailed("Pod", LiveClusterError("x"), 1))
    (left,) = changes.problems()
    assert "changes of Pod are not shown: a defect of ringfence: " in str(left)
    deliver(changes, Alive("Pod"))
    assert changes.problems() == []
