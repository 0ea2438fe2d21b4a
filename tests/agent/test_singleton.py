"""Only one agent can run in a network namespace."""

import os
import signal

import pytest
from tests.dataplane.network import in_own_network, leave_for_new_network

from ringfence.agent.singleton import only_agent
from ringfence.errors import AgentError


@in_own_network
def test_a_second_agent_reports_the_first() -> None:
    with only_agent(), pytest.raises(AgentError, match="another ringfence agent runs on this node"), only_agent():
        pass


@in_own_network
def test_an_agent_that_has_ended_makes_room_for_the_next() -> None:
    for _ in range(2):
        with only_agent():
            pass


@in_own_network
def test_an_agent_that_was_killed_makes_room_for_the_next() -> None:
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        with only_agent():
            os.write(started, b".")
            signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with only_agent():
        pass


@in_own_network
def test_every_node_may_have_one_agent() -> None:
    with only_agent():
        leave_for_new_network()
        with only_agent():
            pass
