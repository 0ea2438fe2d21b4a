"""Losses by a list take effect only after everything was listed again. The kernel is real, and some lists are wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.agent.cluster_policies import CLUSTER, cluster_policy, pods_of, rule
from tests.agent.events import listing, removed, upserted
from tests.agent.running import BOTH, CLIENT, CLOSED, HERE, OPEN, SERVER, Running, eventually, running
from tests.dataplane.network import Network, in_own_network
from tests.semantics.objects import labelled, pod, policy

from ringfence.agent import rounds, shares
from ringfence.agent.second_look import PresentState, SecondLook
from ringfence.agent.settings import Settings
from ringfence.agent.view import FOLLOWED_KINDS
from ringfence.dataplane.program import Program
from ringfence.sources.cluster import Listed, Page, Removed, Upserted

LOST = "1 of 1 isolated addresses would be open"
ALL = (*BOTH, HERE, CLOSED)
SOON = Settings("here", second_look=0.05)
NEVER = Settings("here", second_look=1e6)


class Lists:
    """Requests to list everything again."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self) -> None:
        self.requests += 1


@contextmanager
def started(settings: Settings, lists: Lists, network: Network | None = None) -> Iterator[Running]:
    with running(settings, network, relist=lists) as agent:
        yield agent


@contextmanager
def restarted(settings: Settings, lists: Lists) -> Iterator[Running]:
    """A restarted agent. The previous agent has isolated the server."""
    with running() as before:
        before.enforce(*listing(*ALL))
        assert not before.passes()
    with started(settings, lists, before.network) as agent:
        yield agent


class TestAfterARestart:
    @in_own_network
    def test_nothing_changes_before_everything_was_listed_again(self) -> None:
        lists = Lists()
        with restarted(NEVER, lists) as agent:
            before = agent.kernel.present
            agent.tell(*listing(*BOTH, HERE))
            agent.await_log(f"{LOST}: the rules in the kernel stay as they are")
            assert agent.loop.readiness_errors() == {
                "second_look": f"{LOST}: the rules in the kernel stay as they are until everything has been "
                "listed again"
            }
            assert agent.metric("ringfence_not_ready", reason="second_look") == 1
            assert agent.kernel.present == before
            assert not agent.passes()
            assert lists.requests == 0

    @in_own_network
    def test_lists_that_were_wrong_change_nothing(self) -> None:
        lists = Lists()
        with restarted(SOON, lists) as agent:
            agent.tell(*listing(HERE))
            eventually(lambda: lists.requests == 1)
            agent.enforce(*listing(*ALL))
            assert agent.loop.readiness_error() == ""
            assert agent.metric("ringfence_not_ready", reason="second_look") == 0
            assert not agent.passes()

    @in_own_network
    def test_a_view_that_is_listed_twice_in_the_same_way_is_enforced(self) -> None:
        lists = Lists()
        with restarted(SOON, lists) as agent:
            agent.tell(*listing(*BOTH, HERE))
            eventually(lambda: lists.requests == 1)
            agent.finish_events()
            assert not agent.passes()
            agent.enforce(*listing(*BOTH, HERE))
            assert agent.loop.readiness_error() == ""
            assert agent.passes()
            assert lists.requests == 1

    @in_own_network
    def test_a_list_of_one_kind_is_no_second_look(self) -> None:
        lists = Lists()
        with restarted(SOON, lists) as agent:
            agent.tell(*listing(*BOTH, HERE))
            eventually(lambda: lists.requests == 1)
            agent.tell(*listing(kinds=["NetworkPolicy"]))
            agent.finish_events()
            assert not agent.passes()
            agent.enforce(*listing(*BOTH, HERE, kinds=[kind for kind in FOLLOWED_KINDS if kind != "NetworkPolicy"]))
            assert agent.passes()

    @in_own_network
    def test_a_kernel_that_holds_nothing_waits_for_nothing(self) -> None:
        lists = Lists()
        with started(NEVER, lists) as agent:
            agent.enforce(*listing(*BOTH, HERE))
            assert agent.loop.readiness_error() == ""
            assert agent.passes()

    @in_own_network
    def test_a_list_that_changes_few_pods_does_not_wait(self) -> None:
        with restarted(NEVER, Lists()) as agent:
            agent.enforce(*listing(BOTH[SERVER], HERE, CLOSED))
            assert agent.loop.readiness_error() == ""
            agent.enforce(upserted(BOTH[CLIENT]), removed(CLOSED))
            assert agent.passes()


class TestWhileItRuns:
    @in_own_network
    def test_policies_that_are_deleted_cease_to_be_in_force_at_once(self) -> None:
        with started(NEVER, Lists()) as agent:
            agent.enforce(*listing(*ALL))
            assert not agent.passes()
            agent.enforce(removed(CLOSED))
            assert agent.passes()

    @in_own_network
    @pytest.mark.parametrize(
        "empty",
        [
            pytest.param(["NetworkPolicy"], id="no policies"),
            pytest.param(["NetworkPolicy", "Pod", "Namespace"], id="nothing but nodes"),
        ],
    )
    def test_a_list_without_policies_waits_for_the_second_look(self, empty: list[str]) -> None:
        lists = Lists()
        with started(SOON, lists) as agent:
            agent.enforce(*listing(*ALL))
            agent.tell(*listing(kinds=empty))
            eventually(lambda: lists.requests == 1)
            assert not agent.passes()
            agent.enforce(*listing(*ALL))
            assert agent.loop.readiness_error() == ""
            assert not agent.passes()

    @in_own_network
    def test_a_list_that_lacks_most_cluster_policies_waits_although_pods_stay_isolated(self) -> None:
        """They may be the only policies that keep some traffic out."""
        lists = Lists()
        guard = cluster_policy("guard", pods_of(app="server"), rule("Deny", pods_of(app="client")))
        with started(SOON, lists) as agent:
            agent.enforce(*listing(*BOTH, HERE, OPEN, guard))
            assert not agent.passes()
            agent.tell(*listing(kinds=[CLUSTER]))
            eventually(lambda: lists.requests == 1)
            assert f"1 of 1 policies of kind {CLUSTER} are gone" in agent.loop.readiness_error()
            assert not agent.passes()
            agent.enforce(*listing(*BOTH, HERE, OPEN))
            assert agent.loop.readiness_error() == ""
            assert agent.passes()

    @in_own_network
    def test_cluster_policies_that_are_deleted_do_not_wait(self) -> None:
        guard = cluster_policy("guard", pods_of(app="server"), rule("Deny", pods_of(app="client")))
        with started(NEVER, Lists()) as agent:
            agent.enforce(*listing(*BOTH, HERE, OPEN, guard))
            agent.enforce(Removed(CLUSTER, "", "guard"), *listing(kinds=[CLUSTER]))
            assert agent.passes()

    @in_own_network
    def test_a_list_without_pods_waits_for_the_second_look(self) -> None:
        """Clients that were allowed to connect stay able to connect."""
        lists = Lists()
        with started(SOON, lists) as agent:
            agent.enforce(*listing(*BOTH, HERE))
            agent.tell(*listing(kinds=["Pod"]))
            eventually(lambda: lists.requests == 1)
            assert "2 of 2 IPv4 addresses of pods would be closed: 0 pods are left" in agent.loop.readiness_error()
            assert agent.passes()
            agent.enforce(*listing(HERE))
            assert not agent.passes()

    @in_own_network
    def test_the_next_list_after_a_second_look_waits_for_another_one(self) -> None:
        lists = Lists()
        with started(SOON, lists) as agent:
            for number in (1, 2):
                agent.enforce(*listing(*ALL))
                assert not agent.passes()
                agent.tell(*listing(kinds=["NetworkPolicy"]))
                eventually(lambda number=number: lists.requests == number)  # type: ignore[misc]
                agent.enforce(*listing(*BOTH, HERE))
                assert agent.passes()

    @pytest.mark.parametrize("share", [shares.SHARE, 1e-6], ids=["at once", "after they have used their share"])
    @in_own_network
    def test_a_list_counts_as_a_whole_although_it_is_taken_in_by_namespaces(self, share: float) -> None:
        spread = [
            obj
            for number in range(5)
            for obj in (
                pod(f"n{number}/server", {"app": "server"}, addresses=[f"10.0.9.{number + 1}"], nodeName="here"),
                policy(f"n{number}/closed", labelled(app="server"), ingress=[]),
            )
        ]
        with pytest.MonkeyPatch.context() as patch, started(NEVER, Lists()) as agent:
            agent.enforce(*listing(*spread, HERE))
            patch.setattr(rounds, "GATHERING", 0.0)
            patch.setattr(shares, "SHARE", share)
            agent.tell(*listing(kinds=["NetworkPolicy"]))
            agent.await_line("[345] of 5 isolated addresses would be open")


NOTHING = Program()


def second_look(relist: Callable[[], None] | None, seconds: float = 30.0) -> SecondLook:
    return SecondLook(seconds, relist, PresentState(lambda: NOTHING, lambda: 0), lambda until: False)


class TestStages:
    def test_a_round_waits_for_what_arrived_with_the_list(self) -> None:
        look = second_look(lambda: None)
        assert not look.awaits(1.0), "nothing was listed"
        look.note(Page("Pod", ()), 5.0)
        look.note(Listed("Pod", frozenset()), 6.0)
        assert look.awaits(5.0)
        assert look.awaits(6.0)
        assert not look.awaits(7.0), "it has arrived later"
        assert not look.awaits(None), "everything is taken in"
        assert look.permits(NOTHING, 8.0)
        assert not look.awaits(5.0)

    def test_without_lists_on_request_nothing_waits(self) -> None:
        look = second_look(None)
        for kind in FOLLOWED_KINDS:
            look.note(Listed(kind, frozenset()), 1.0)
        assert not look.is_due
        assert look.permits(NOTHING, 2.0)

    def test_an_event_is_not_taken_for_a_list(self) -> None:
        look = second_look(lambda: None)
        look.note(upserted(CLOSED), 1.0)
        assert isinstance(upserted(CLOSED), Upserted)
        assert not look.is_due

    def test_of_deleted_objects_only_cluster_policies_are_remembered_until_the_next_round(self) -> None:
        """Pods are deleted all the time, also while no round can begin for hours."""
        look = second_look(None)
        for number in range(3):
            look.note(Removed("Pod", "x", f"pod-{number}"), 1.0)
            look.note(Removed("NetworkPolicy", "x", f"policy-{number}"), 1.0)
        assert not look._deleted
        look.note(Removed(CLUSTER, "", "guard"), 1.0)
        assert look._deleted
        assert look.permits(NOTHING, 2.0)
        assert not look._deleted
