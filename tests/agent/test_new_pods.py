"""NewPods: which pods of a node wait until all older policies are certainly known, and for which kinds they wait."""

import time
from collections.abc import Iterable
from typing import Any

import pytest
from tests.agent.events import listing, read, removed, upserted
from tests.agent.running import BOTH, CLIENT, CLOSED, HERE, SERVER, on_node, running
from tests.dataplane.network import in_own_network
from tests.engine.members import member_from
from tests.semantics.objects import Object, pod

from ringfence.agent.new_pods import CHECKED_KINDS, NewPods
from ringfence.agent.settings import Settings
from ringfence.model.kinds import CLUSTER_POLICY_KINDS
from ringfence.sources.cluster import ALL, CaughtUp, Listed, Page, Unchecked

START = 10.0


def at_once(namespace: str, until: float) -> bool:
    """Every change is taken in as soon as it arrives."""
    return True


def own(name: str = "p", uid: str = "1", space: str = "x", on: str = "here", **spec: Any) -> Object:
    written = pod(f"{space}/{name}", nodeName=on, **spec)
    written["metadata"]["uid"] = uid
    return written


class Waiting:
    """The NewPods of the node `here`, and the checks that they request."""

    def __init__(self, *known: Object) -> None:
        self.requests: list[str] = []
        self.new_pods = NewPods("here", self.requests.append)
        self.new_pods.note(Page("Pod", [read(one) for one in known]), START - 1)
        self.new_pods.begin(START)
        self.catch_up(ALL, START)
        self.requests.clear()

    def catch_up(self, namespace: str, asked: float, kinds: Iterable[str] = CHECKED_KINDS) -> list[tuple[str, str]]:
        """Report that everything stored by then is known; return the pods that this releases."""
        for kind in kinds:
            self.new_pods.note(CaughtUp(kind, namespace, asked), asked + 0.1)
        return self.new_pods.release(at_once)

    def see(self, written: Object, arrived: float = START + 1) -> None:
        self.new_pods.note(upserted(written), arrived)

    def waits(self, written: Object) -> bool:
        return not self.new_pods.is_released(member_from(written))


class TestTheFirstChecks:
    def test_the_first_checks_are_requested_once_and_for_all_namespaces(self) -> None:
        requests: list[str] = []
        new_pods = NewPods("here", requests.append)
        new_pods.note(Page("Pod", [read(own())]), 1.0)
        assert requests == [], "not before every kind is listed"
        new_pods.begin(2.0)
        new_pods.begin(3.0)
        assert requests == [ALL]

    def test_first_checks_that_began_after_all_lists_settle_which_policies_there_are(self) -> None:
        new_pods = NewPods("here", lambda namespace: None)
        new_pods.begin(2.0)
        for kind in CHECKED_KINDS:
            new_pods.note(CaughtUp(kind, ALL, 1.9), 2.1)
        assert not new_pods.is_settled, "a list that began before that shows nothing"
        for kind in CHECKED_KINDS:
            assert not new_pods.is_settled
            new_pods.note(CaughtUp(kind, ALL, 2.0), 2.1)
        assert new_pods.is_settled

    def test_the_first_checks_release_the_pods_that_were_there(self) -> None:
        waiting = Waiting(own())
        assert not waiting.waits(own())
        assert waiting.new_pods.is_settled


class TestANewPod:
    def test_a_new_pod_waits_for_its_policies_the_cluster_policies_and_the_namespaces(self) -> None:
        waiting = Waiting()
        waiting.see(own())
        assert waiting.requests == ["x"]
        assert waiting.waits(own())
        assert waiting.catch_up("x", START + 1, ["NetworkPolicy"]) == []
        assert waiting.waits(own())
        assert waiting.catch_up(ALL, START + 1, ["Namespace"]) == []
        *kinds, last = sorted(CLUSTER_POLICY_KINDS)
        assert waiting.catch_up(ALL, START + 1, kinds) == []
        assert waiting.catch_up(ALL, START + 1, [last]) == [("x", "p")]
        assert not waiting.waits(own())

    def test_a_new_pod_is_not_released_by_checks_that_began_before_it_arrived(self) -> None:
        waiting = Waiting()
        waiting.see(own(), arrived=START + 5)
        assert waiting.catch_up(ALL, START + 4.9) == []
        assert waiting.catch_up(ALL, START + 5) == [("x", "p")]

    def test_a_new_pod_is_not_released_by_the_policies_of_another_namespace(self) -> None:
        waiting = Waiting()
        waiting.see(own())
        assert waiting.catch_up("y", START + 2) == []

    def test_a_pod_is_new_when_it_is_bound_to_the_node(self) -> None:
        waiting = Waiting()
        waiting.see(own(on=""))
        waiting.see(own(on="elsewhere"))
        assert waiting.requests == []
        waiting.see(own())
        assert waiting.requests == ["x"]

    def test_a_pod_is_new_only_once(self) -> None:
        waiting = Waiting()
        waiting.see(own())
        waiting.catch_up(ALL, START + 2)
        waiting.see(own(), START + 3)
        assert waiting.requests == ["x"]
        assert not waiting.waits(own())

    def test_a_pod_with_the_name_of_an_old_one_is_new(self) -> None:
        waiting = Waiting(own(uid="1"))
        waiting.see(own(uid="2"))
        assert waiting.waits(own())
        assert waiting.requests == ["x"]

    def test_a_new_pod_that_is_gone_does_not_wait(self) -> None:
        waiting = Waiting()
        waiting.see(own())
        waiting.new_pods.note(removed(own()), START + 2)
        assert len(waiting.new_pods) == 0
        waiting.see(own("q"))
        waiting.new_pods.note(Listed("Pod", frozenset()), START + 3)
        assert len(waiting.new_pods) == 0

    def test_a_new_pod_on_the_network_of_its_node_does_not_wait(self) -> None:
        waiting = Waiting()
        waiting.see(own(hostNetwork=True))
        assert waiting.requests == []

    @pytest.mark.parametrize("behind", ["x", ""])
    def test_a_new_pod_waits_until_the_changes_that_arrived_before_it_are_taken_in(self, behind: str) -> None:
        """Changes of the pod's namespace, or of Namespaces, wait for their turn."""
        waiting = Waiting()
        waiting.see(own())
        for kind in CHECKED_KINDS:
            waiting.new_pods.note(CaughtUp(kind, ALL, START + 2), START + 3)
        asked: list[tuple[str, float]] = []

        def not_taken_in(namespace: str, until: float) -> bool:
            asked.append((namespace, until))
            return namespace != behind

        assert waiting.new_pods.release(not_taken_in) == []
        assert (behind, START + 3) in asked
        assert waiting.new_pods.release(at_once) == [("x", "p")]


class TestReports:
    def test_pods_that_have_waited_for_too_long_are_overdue(self) -> None:
        waiting = Waiting()
        waiting.see(own(), arrived=START)
        waiting.see(own("late"), arrived=START + 4)
        assert waiting.new_pods.overdue(START + 5, 5.0) == []
        assert waiting.new_pods.overdue(START + 5.1, 5.0) == ["x/p"]

    def test_the_reasons_say_why_it_is_not_certain_that_all_policies_are_known(self) -> None:
        waiting = Waiting()
        assert waiting.new_pods.reasons == "a watch is behind the data of the server"
        waiting.new_pods.note(Unchecked("Namespace", "the server is busy", 1.0), START)
        waiting.new_pods.note(Unchecked("NetworkPolicy", "the server is busy", 1.0), START)
        assert waiting.new_pods.reasons == "the server is busy"
        waiting.catch_up(ALL, START + 1)
        assert waiting.new_pods.reasons == "a watch is behind the data of the server"


def test_no_pod_waits_where_there_are_no_checks() -> None:
    new_pods = NewPods("here", None)
    new_pods.note(upserted(own()), START)
    new_pods.begin(START)
    assert new_pods.is_settled
    assert new_pods.is_released(member_from(own()))


# --- in the loop ------------------------------------------------------------------------------------------------------


def caught_up() -> list[CaughtUp]:
    """Report that everything that the server has stored so far is known."""
    return [CaughtUp(kind, ALL, time.monotonic()) for kind in sorted(CHECKED_KINDS)]


class TestTheLoop:
    @in_own_network
    def test_nothing_is_programmed_before_the_first_checks(self) -> None:
        requests: list[str] = []
        with running(request_check=requests.append) as agent:
            assert agent.loop.readiness_errors().keys() == {"list"}
            agent.tell(*listing(*BOTH, HERE, CLOSED))
            agent.finish_events()
            assert requests == [ALL]
            assert not agent.kernel.has_table
            agent.tell(Unchecked("NetworkPolicy", "the server is busy", 1.0))
            agent.finish_events()
            assert agent.loop.readiness_error() == ("it is not certain that all policies are known: the server is busy")
            assert "the check whether all objects are known has failed: the server is busy" in agent.log.getvalue()
            agent.enforce(*caught_up())
            assert agent.loop.readiness_error() == ""
            assert not agent.passes()

    @in_own_network
    def test_a_new_pod_is_held_until_it_is_checked(self) -> None:
        requests: list[str] = []
        with running(Settings("here", max_lag=0.0), request_check=requests.append) as agent:
            agent.tell(*listing(BOTH[SERVER], HERE))
            agent.finish_events()
            agent.enforce(*caught_up())
            agent.enforce(upserted(BOTH[CLIENT]))
            assert requests == [ALL, "x"]
            assert not agent.passes()
            assert agent.metric("ringfence_closed_pods", reason="new") == 1
            # On a busy machine, more may be late by more than no time at all.
            assert agent.loop.readiness_errors()["new_pods"] == (
                "1 new pods, such as x/client, are closed until all policies are known: "
                "a watch is behind the data of the server"
            )
            agent.enforce(*caught_up())
            assert agent.passes()
            assert agent.metric("ringfence_closed_pods", reason="new") == 0

    @in_own_network
    def test_a_policy_that_arrives_before_the_result_isolates_the_pod_at_once(self) -> None:
        with running(request_check=lambda namespace: None) as agent:
            agent.tell(*listing(BOTH[CLIENT], HERE))
            agent.finish_events()
            agent.enforce(*caught_up())
            agent.enforce(upserted(on_node("server", SERVER)))
            assert not agent.passes()
            agent.enforce(upserted(CLOSED), *caught_up())
            assert not agent.passes()
            agent.enforce(removed(CLOSED))
            assert agent.passes()
