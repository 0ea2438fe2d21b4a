"""The status that an agent reports about its node and its pods."""

import pytest
from tests.agent.cluster_policies import cluster_policy, pods_of, rule
from tests.agent.events import listing, upserted
from tests.agent.refusals import refused_chains
from tests.agent.running import BOTH, CLOSED, HERE, OPEN, SERVER, Clock, Running, on_node, running
from tests.dataplane.network import address, in_own_network
from tests.semantics.objects import labelled, node, pod, policy

from ringfence.agent import inquiries
from ringfence.agent.enforcement import NodeKernel
from ringfence.agent.inbox import Inbox
from ringfence.agent.loop import AgentLoop, LoopOutputs
from ringfence.agent.metrics import Metrics
from ringfence.agent.settings import Settings
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import InputError
from ringfence.render.agent_status import EnforcedPod

OUT = policy("x/out", labelled(app="server"), egress=[])


def pod_of(agent: Running, name: str) -> EnforcedPod:
    agent.finish_events()
    (found,) = agent.loop.inquiries.status(name).pods
    return found


@in_own_network
def test_a_pod_is_isolated_by_its_policies_in_their_directions() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
        server = pod_of(agent, "x/server")
        assert not server.closed
        assert set(server.ingress.policies) == {"x/open", "x/closed"}
        assert not server.egress.policies
        (into,), (out,) = server.ingress.addresses, server.egress.addresses
        assert (into.address, into.isolated, into.pending) == (address(SERVER), True, False)
        assert into.since is not None
        assert (out.isolated, out.since) == (False, None)
        agent.enforce(upserted(OUT))
        assert pod_of(agent, address(SERVER)).egress.policies == ("x/out",), "it can be asked for by its address"


@in_own_network
def test_the_status_names_only_some_of_many_policies() -> None:
    many = [policy(f"x/p{number}", labelled(app="server"), ingress=[]) for number in range(130)]
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, *many))
        ingress = pod_of(agent, "x/server").ingress
        assert (ingress.policy_count, len(set(ingress.policies))) == (130, 100)


@in_own_network
def test_cluster_policies_are_shown_apart_with_their_parts_that_cannot_be_enforced() -> None:
    by_name = {"action": "Deny", "to": [{"domainNames": ["example.com"]}]}
    guard = cluster_policy("guard", pods_of(app="server"), rule("Deny", pods_of(app="client")), egress=[by_name])
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN, guard))
        server = pod_of(agent, "x/server")
        named = "ClusterNetworkPolicy guard (Admin)"
        assert (server.ingress.policies, server.ingress.cluster_policies) == (("x/open",), (named,))
        assert (server.egress.policies, server.egress.cluster_policies) == ((), (named,))
        assert [one.isolated for one in server.egress.addresses] == [True]
        (problem,) = server.not_enforced
        assert problem.policy == named
        assert "so the rule denies everything" in problem.message
        assert not agent.passes()
        (client,) = agent.loop.inquiries.status("x/client").pods
        assert not client.not_enforced


@in_own_network
def test_denied_packets_are_counted() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        assert not agent.passes()
        (into,) = pod_of(agent, "x/server").ingress.addresses
        assert into.denied_packets > 0


@in_own_network
def test_all_pods_of_the_node_and_no_others_are_shown() -> None:
    away = pod("a/away", {"app": "server"}, addresses=["10.0.9.9"], nodeName="there")
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, away, node("there", "192.168.0.2")))
        status = agent.loop.inquiries.status("")
        assert [one.name for one in status.pods] == ["client", "server"]
        assert status.agent is not None
        assert (status.agent.node, status.agent.answers, status.agent.not_ready) == ("here", True, ())
        assert status.is_in_order


@in_own_network
def test_a_pod_that_is_closed_says_why() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        with refused_chains(agent.loop._enforcement):
            agent.enforce(upserted(OPEN))
            server = pod_of(agent, "x/server")
        assert [one.reason for one in server.closed] == ["kernel"]
        (into,) = server.ingress.addresses
        assert (into.closed, into.isolated, into.pending) == (True, True, False)


@in_own_network
def test_an_agent_that_adopts_rules_does_not_know_their_age() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
    with running(network=agent.network) as adopting:
        adopting.enforce(*listing(*BOTH, HERE, CLOSED))
        (into,) = pod_of(adopting, "x/server").ingress.addresses
        assert (into.isolated, into.since) == (True, None)


@in_own_network
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("x/nobody", "the agent of the node here knows no pod x/nobody"),
        ("x/away", "the pod x/away runs on the node there: ask there"),
        ("x/host", "the pod x/host is in the host network: no policy isolates it"),
        ("x/new", "the pod x/new has no network yet, or no longer has one: its addresses are not known"),
        ("10.9.9.9", "no pod of the node here has the address 10.9.9.9"),
    ],
)
def test_a_pod_that_no_policy_of_the_node_can_isolate_is_refused_with_the_reason(asked: str, message: str) -> None:
    away = on_node("away", 9, home="there")
    host = on_node("host", 8, hostNetwork=True)
    new = pod("x/new", {}, addresses=[], nodeName="here")
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, away, host, new, node("there", "192.168.0.2")))
        with pytest.raises(InputError, match=message):
            agent.loop.inquiries.status(asked)


@in_own_network
def test_changes_that_wait_are_shown_with_their_namespace() -> None:
    with pytest.MonkeyPatch.context() as patch, running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        patch.setattr(agent.loop, "_serve_turn", lambda: None)
        patch.setattr(agent.loop, "_next_step", lambda: agent.loop._clock() + 0.05)
        agent.tell(upserted(OPEN), upserted(CLOSED))
        agent._await_turn()
        status = agent.loop.inquiries.status("")
        assert status.agent is not None
        (waiting,) = status.agent.waiting
        assert (waiting.namespace, waiting.changes) == ("x", 2)


@in_own_network
def test_a_loop_that_is_stuck_does_not_keep_others_from_answering() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inquiries, "TIMEOUT", 0.01)
        clock = Clock()
        stuck = AgentLoop(Settings("here"), NodeKernel(Kernel()), Inbox(), clock, LoopOutputs(Metrics()))
        clock.now += 7
        status = stuck.inquiries.status("x/server")
        assert status.agent is not None
        assert not status.agent.answers
        assert "stuck" in {one.reason for one in status.agent.not_ready}
        assert not status.pods
