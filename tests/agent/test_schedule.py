"""The schedule of the loop on a real kernel: when changes are enforced, and whose changes wait."""

import pytest
from tests.agent.events import listing, removed, upserted
from tests.agent.running import (
    BOTH,
    CLOSED,
    HERE,
    OPEN,
    eventually,
    running,
)
from tests.dataplane.network import in_own_network

from ringfence.agent import intake, local_policies, schedule
from ringfence.agent.loop import AgentLoop
from ringfence.agent.shares import Shares
from ringfence.agent.time_account import TimeAccount


class TestLag:
    @in_own_network
    def test_a_change_in_force_does_not_lag(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            assert agent.metric("ringfence_lag_seconds") == 0
            assert agent.metric("ringfence_waiting_changes") == 0


class TestNamespacesThatHaveUsedTheirShare:
    @in_own_network
    def test_at_the_start_pods_of_namespaces_that_used_their_share_are_closed_and_others_do_not_wait(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
            patch.setattr(schedule, "START_PATIENCE", 0.0)
            patch.setattr(intake, "SHORT_TURN", 0.0)
            agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
            agent.await_log("the namespace has used its share of the time: its pods are closed for now namespace=x")
            agent.await_log("the policies of the namespace are in force namespace=x")
            assert agent.passes()
            assert agent.metric("ringfence_closings_total") == 1
            assert agent.metric("ringfence_closed_pods", reason="share") == 0

    @in_own_network
    def test_the_first_round_waits_for_their_changes_for_a_while_and_closes_no_pod(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
            patch.setattr(schedule, "START_PATIENCE", 3600.0)
            patch.setattr(intake, "SHORT_TURN", 0.0)
            agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
            assert agent.passes()
            assert agent.metric("ringfence_closings_total") == 0

    @in_own_network
    def test_building_for_namespaces_that_used_their_share_waits_while_others_wait(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
            waiting = [True, False]
            patch.setattr(TimeAccount, "is_expected_to_be_short", lambda account, namespace: False)
            patch.setattr(AgentLoop, "_others_wait", lambda loop, namespace: waiting.pop(0) if waiting else False)
            agent.enforce(upserted(OPEN))
            agent.await_log("its pods are closed for now namespace=x")
            agent.await_log("the policies of the namespace are in force namespace=x")
            assert agent.passes()

    @in_own_network
    def test_pods_of_a_namespace_whose_policies_are_too_large_are_closed(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(local_policies, "MOST_BYTES", 100)
            agent.enforce(*listing(*BOTH, HERE, OPEN))
            assert agent.passes()
            agent.enforce(upserted(CLOSED))
            assert not agent.passes()
            assert agent.metric("ringfence_closed_pods", reason="size") == 2
            assert agent.metric("ringfence_closed_pods", reason="share") == 0
            assert "NetworkPolicy cannot be used as it is: the policies of its namespace" in agent.log.getvalue()
            assert agent.loop.readiness_error() == ""
            agent.enforce(removed(CLOSED))
            agent.await_log("")
            eventually(lambda: agent.metric("ringfence_closed_pods", reason="size") == 0)
            eventually(agent.passes)
