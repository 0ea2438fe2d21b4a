"""The status client: it asks the agent, and it asks the kernel where no agent answers."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from tests.agent.events import listing
from tests.agent.running import BOTH, CLIENT, CLOSED, HERE, SERVER, Running, running
from tests.dataplane.network import address, in_own_network, lose_privileges, nft

from ringfence.agent import inquiries
from ringfence.agent.health import HealthSources, serving
from ringfence.agent.singleton import only_agent
from ringfence.agent.status_client import ask, ask_agent, ask_kernel
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import AgentError, InputError, KernelError
from ringfence.render.agent_status import KernelAddress, KernelStatus

NOBODY = ("127.0.0.1", 1)


@contextmanager
def listening(agent: Running) -> Iterator[tuple[str, int]]:
    """The HTTP server of an agent."""

    def status(pod: str) -> bytes:
        return msgspec.json.encode(agent.loop.inquiries.status(pod))

    with only_agent(), serving(("127.0.0.1", 0), HealthSources(bytes, str, str, status)) as where:
        yield where


@in_own_network
def test_the_agent_is_asked_over_http() -> None:
    with running() as agent, listening(agent) as where:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        found = ask(where, "x/server")
        assert found == agent.loop.inquiries.status("x/server")
        assert found.kernel is None
        with pytest.raises(InputError, match="the agent of the node here knows no pod x/nobody"):
            ask(where, "x/nobody")


@in_own_network
def test_the_kernel_is_asked_and_not_changed_where_no_agent_runs() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
    before = nft("list", "table", "inet", "ringfence")
    found = ask(NOBODY, "")
    assert found.agent is None
    assert found.kernel == KernelStatus(
        True,
        is_dormant=False,
        isolated=(KernelAddress(address(SERVER), "isolated", "open"),),
        held=("10.0.0.0/16", "fd00::/16"),
    )
    assert ask(NOBODY, address(SERVER)).kernel == found.kernel
    assert ask(NOBODY, "x/server").kernel == found.kernel, "the kernel knows no names"
    other = ask(NOBODY, address(CLIENT)).kernel
    assert other is not None
    assert not other.isolated
    assert nft("list", "table", "inet", "ringfence") == before


@in_own_network
def test_a_kernel_without_rules_says_so() -> None:
    assert ask_kernel() == KernelStatus(has_table=False)
    assert not Kernel().has_table


@in_own_network
def test_the_kernel_is_asked_where_the_agent_is_busy() -> None:
    with pytest.MonkeyPatch.context() as patch, running() as agent, listening(agent) as where:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        patch.setattr(inquiries, "TIMEOUT", 0.0)
        patch.setattr(agent.loop.inquiries, "_ask", lambda question: None)
        found = ask(where, "x/server")
        assert found.agent is not None
        assert not found.agent.answers
        assert found.kernel is not None
        assert found.kernel.isolated


@in_own_network
def test_an_agent_that_listens_elsewhere_is_not_taken_for_none() -> None:
    with only_agent(), pytest.raises(AgentError, match=r"does not answer at 127.0.0.1:1 .*: use the --listen of that"):
        ask_agent(NOBODY, "")
    assert ask_agent(NOBODY, "") is None


@in_own_network
def test_another_program_that_listens_there_is_not_taken_for_an_agent() -> None:
    with serving(("127.0.0.1", 0), HealthSources(bytes, str, str, lambda pod: b"hello")) as where:
        assert ask_agent(where, "") is None
        with only_agent(), pytest.raises(AgentError, match="not an agent of this version"):
            ask_agent(where, "")


@in_own_network
def test_without_rights_the_kernel_cannot_be_asked() -> None:
    lose_privileges()
    with pytest.raises(KernelError):
        ask(NOBODY, "")
