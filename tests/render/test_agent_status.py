"""The status of an agent in words and as JSON."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from tests.render.json_shapes import AGENT_STATUS, fits

from ringfence.render import agent_status
from ringfence.render.agent_status import (
    AgentStatus,
    EnforcedAddress,
    EnforcedPod,
    EnforcedSide,
    KernelAddress,
    KernelStatus,
    PolicyProblem,
    RunningAgent,
    StatusReason,
    WaitingNamespace,
)

START = f"{datetime(2026, 1, 1, 12, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
READY = RunningAgent("worker-1", "enforce", START, answers=True, lag_seconds=0.0, not_ready=(), waiting=())


def address(*, isolated: bool = False, closed: bool = False, pending: bool = False) -> EnforcedAddress:
    since = "2026-01-01T12:30:00Z" if isolated else None
    return EnforcedAddress("10.0.0.7", isolated, closed, pending, since, 12 if isolated else 0)


OPEN = EnforcedSide(0, (), (address(),))
ISOLATED = EnforcedSide(2, ("prod/deny", "prod/db"), (address(isolated=True),))
DB = EnforcedPod("prod", "db", (), ISOLATED, OPEN)
SHARE = StatusReason("share", "its namespace has used its share")
CLOSED = EnforcedPod(
    "prod",
    "web",
    (SHARE,),
    EnforcedSide(1, ("prod/web",), (address(isolated=True, closed=True),)),
    EnforcedSide(0, (), (address(pending=True),)),
)
LATE = RunningAgent(
    "worker-1",
    "enforce",
    START,
    answers=False,
    lag_seconds=7.25,
    not_ready=(StatusReason("lag", "a change waits"),),
    waiting=(WaitingNamespace("shop", 3, 7.25), WaitingNamespace("", 1, 0.5)),
)
KERNEL = KernelStatus(True, False, (KernelAddress("10.0.0.7", "isolated", "open"),), ("10.0.0.0/24",))


def test_of_one_pod_everything_is_said() -> None:
    assert agent_status.text(AgentStatus(READY, (DB,)), in_detail=True) == (
        "Agent:    enforce on worker-1 since 2026-01-01T12:00:00Z, ready\n"
        "\n"
        "Pod:      prod/db (10.0.0.7)\n"
        "Ingress:  isolated by prod/deny, prod/db\n"
        "          10.0.0.7: isolated since 2026-01-01T12:30:00Z, 12 packets denied\n"
        "Egress:   no policy isolates it\n"
        "          10.0.0.7: open\n"
    )


def test_policies_of_administrators_restrict_and_do_not_isolate() -> None:
    guard = "ClusterNetworkPolicy guard (Admin)"
    restricted = EnforcedSide(0, (), (address(isolated=True),), (guard,))
    problem = PolicyProblem(guard, "spec.egress[0]: ...")
    pod = EnforcedPod("prod", "db", (), replace(ISOLATED, cluster_policies=(guard,)), restricted, (problem,))
    assert agent_status.text(AgentStatus(READY, (pod,)), in_detail=True).endswith(
        "Pod:      prod/db (10.0.0.7)\n"
        "Problem:  ClusterNetworkPolicy guard (Admin) cannot be enforced as it is: spec.egress[0]: ...\n"
        "Ingress:  isolated by prod/deny, prod/db; restricted by ClusterNetworkPolicy guard (Admin)\n"
        "          10.0.0.7: isolated since 2026-01-01T12:30:00Z, 12 packets denied\n"
        "Egress:   no policy isolates it; restricted by ClusterNetworkPolicy guard (Admin)\n"
        "          10.0.0.7: restricted since 2026-01-01T12:30:00Z, 12 packets denied\n"
    )
    assert agent_status.text(AgentStatus(READY, (pod,)), in_detail=False).endswith(
        "isolated by prod/deny, prod/db   restricted by ClusterNetworkPolicy guard (Admin)\n"
    )
    assert fits(AGENT_STATUS, json.loads(agent_status.json(AgentStatus(READY, (pod,)))))


def test_of_many_there_is_a_table() -> None:
    assert agent_status.text(AgentStatus(READY, (DB, CLOSED)), in_detail=False) == (
        "Agent:    enforce on worker-1 since 2026-01-01T12:00:00Z, ready\n"
        "\n"
        "POD        ADDRESSES   INGRESS                          EGRESS\n"
        "prod/db    10.0.0.7    isolated by prod/deny, prod/db   open\n"
        "prod/web   10.0.0.7    closed (share)                   pending\n"
    )


def test_of_many_policies_some_are_named() -> None:
    many = EnforcedSide(250, tuple(f"prod/p{number}" for number in range(100)), (address(isolated=True),))
    status = AgentStatus(READY, (EnforcedPod("prod", "db", (), many, OPEN),))
    assert "isolated by prod/p0, prod/p1, prod/p2 and 247 more " in agent_status.text(status, in_detail=False)
    assert "prod/p99 and 150 more\n" in agent_status.text(status, in_detail=True)


def test_what_is_wrong_is_said_with_the_reasons() -> None:
    text = agent_status.text(AgentStatus(LATE, (CLOSED,), KERNEL), in_detail=True)
    for line in (
        "Agent:    enforce on worker-1 since 2026-01-01T12:00:00Z, not ready",
        "          lag: a change waits",
        "          it does not answer about its pods, because it is busy or stuck",
        "Lag:      the oldest change that is not in force has waited for 7.2 s",
        "Waiting:  3 changes in the namespace shop, for 7.2 s",
        "Waiting:  1 changes of the whole cluster, for 0.5 s",
        "Closed:   share: its namespace has used its share",
        "          10.0.0.7: open, and a change is not in force yet",
    ):
        assert f"{line}\n" in text


def test_without_an_agent_the_kernel_is_all_that_is_known() -> None:
    assert agent_status.text(AgentStatus(None, kernel=KERNEL), in_detail=False) == (
        "Agent:    none runs on this node; the rules in the kernel stay in force\n"
        "\n"
        "Held:     addresses in 10.0.0.0/24 that no known pod has\n"
        "ADDRESS    INGRESS    EGRESS\n"
        "10.0.0.7   isolated   open\n"
    )
    for kernel, said in (
        (KernelStatus(False), "there are no ringfence rules: nothing is enforced"),
        (KernelStatus(True), "no address is isolated"),
        (KernelStatus(True, True), "the table is dormant: nothing is enforced"),
    ):
        assert said in agent_status.text(AgentStatus(None, kernel=kernel), in_detail=False)


@pytest.mark.parametrize(
    ("status", "is_in_order"),
    [
        (AgentStatus(READY, (DB,)), True),
        (AgentStatus(READY, (DB, CLOSED)), False),
        (AgentStatus(LATE), False),
        (AgentStatus(None, kernel=KERNEL), False),
    ],
)
def test_as_json_it_has_the_shape_of_its_schema(status: AgentStatus, is_in_order: bool) -> None:
    document = json.loads(agent_status.json(status))
    assert fits(document, AGENT_STATUS)
    assert document["apiVersion"] == "ringfence/v1"
    assert status.is_in_order is is_in_order
