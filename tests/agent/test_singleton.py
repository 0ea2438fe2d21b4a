"""Only one agent in a network namespace."""

import os
import signal

import pytest
from tests.dataplane.network import in_own_network, leave_for_new_network

from ringfence.agent.singleton import alone
from ringfence.errors import AgentError


@in_own_network
def test_a_second_agent_is_told_of_the_first() -> None:
    with alone(), pytest.raises(AgentError, match="another ringfence agent runs on this node"), alone():
        pass


@in_own_network
def test_one_that_is_done_makes_room_for_the_next() -> None:
    for _ in range(2):
        with alone():
            pass


@in_own_network
def test_one_that_was_killed_does_too() -> None:
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        with alone():
            os.write(started, b".")
            signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with alone():
        pass


@in_own_network
def test_every_node_has_its_own() -> None:
    with alone():
        leave_for_new_network()
        with alone():
            pass
