"""A loop that runs in its own thread and programs the router of a small network.

with running() as agent:
    agent.enforce(*listing(*BOTH, HERE, CLOSED))
    assert not agent.passes()
"""

import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from tests import waiting
from tests.dataplane.network import Network, address, nft, received
from tests.semantics.objects import Object, admits, labelled, node, pod, pods, policy, port

from ringfence.agent.denials import Denial
from ringfence.agent.enforcement import NodeKernel
from ringfence.agent.inbox import Arrival, Inbox, Inquiry
from ringfence.agent.log import logging_to
from ringfence.agent.loop import AgentLoop, LoopOutputs
from ringfence.agent.metrics import Metrics
from ringfence.agent.packet_log_thread import reading_packet_log
from ringfence.agent.readiness_log import reporting_readiness
from ringfence.agent.repair_thread import repairing
from ringfence.agent.settings import Settings
from ringfence.dataplane.kernel import Kernel
from ringfence.sets.addresses import Addresses
from ringfence.sources.cluster.events import Event

TIMEOUT: Final = 30.0
"""Seconds after which a test has failed; no test takes that long."""

SERVER, CLIENT = 0, 1
CLOSED = policy("x/closed", labelled(app="server"), ingress=[])
OPEN = policy("x/open", labelled(app="server"), ingress=[admits(pods(labelled(app="client")), ports=[port(80, "UDP")])])
HERE = node("here", "192.168.0.1")
HERE["spec"] = {"podCIDRs": ["10.0.0.0/16", "fd00::/16"]}


def on_node(app: str, number: int, home: str = "here", **more: object) -> Object:
    return pod(f"x/{app}", {"app": app}, addresses=[address(number)], nodeName=home, **more)  # type: ignore[arg-type]


BOTH = (on_node("server", SERVER), on_node("client", CLIENT))


class Running:
    """A running loop, and the network in which its effects can be observed."""

    def __init__(
        self,
        settings: Settings,
        network: Network | None,
        clock: Callable[[], float],
        outputs: LoopOutputs,
    ) -> None:
        self.network = network or Network(2)
        self.log = io.StringIO()
        self.kernel = Kernel()
        self.inbox: Inbox = Inbox()
        self.loop = AgentLoop(settings, NodeKernel(self.kernel), self.inbox, clock, outputs)
        self._settings = settings
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()
        self.server = self.network.udp(SERVER, 80)

    def tell(self, *events: Event) -> None:
        """Deliver events."""
        for event in events:
            self.inbox.put(Arrival(event, time.monotonic()))

    def enforce(self, *events: Event) -> None:
        """Deliver events. Wait until they are enforced and the connections that they forbid have ended."""
        self.tell(*events)
        self.finish_events()
        eventually(lambda: not self.loop._intake and self.loop._rounds.waiting_since is None)
        eventually(lambda: not self.loop._enforcement.awaits_review)
        self.finish_events()  # the round had begun, and has ended when the loop takes items again

    def finish_events(self) -> None:
        """Wait until the loop has taken in all events delivered so far and has taken the steps that are due."""
        for _ in range(2):  # the second is answered after the steps that follow the first
            self._await_turn()
            eventually(lambda: not self.loop._intake)

    def _await_turn(self) -> None:
        request = Inquiry(lambda: None, threading.Event())
        self.inbox.put(request)
        assert request.done.wait(TIMEOUT)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Until the context ends, the loop is busy, and receives nothing."""
        has_begun, may_end = threading.Event(), threading.Event()

        def be_busy() -> None:
            has_begun.set()
            assert may_end.wait(TIMEOUT)

        self.inbox.put(Inquiry(be_busy, threading.Event()))
        assert has_begun.wait(TIMEOUT)
        try:
            yield
        finally:
            may_end.set()

    def end(self) -> None:
        self.inbox.put(None)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    def logging_denials(self) -> AbstractContextManager[None]:
        """The thread that reads denied packets."""
        return reading_packet_log(self._settings.log_group, self.inbox)

    def passes(self) -> bool:
        """Whether a new connection from the client reaches the server."""
        self.network.udp(CLIENT).sendto(b"question", (address(SERVER), 80))
        return self.network.delivered(self.server) is not None

    def open_connection(self) -> tuple[socket.socket, socket.socket]:
        """The server's and the client's end of a connection on port 90 that was answered once."""
        server, client = self.network.udp(SERVER, 90), self.network.udp(CLIENT, 4000)
        client.sendto(b"question", (address(SERVER), 90))
        assert received(server) == b"question"
        server.sendto(b"answer", (address(CLIENT), 4000))
        assert received(client) == b"answer"
        return server, client

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, or the sum of its series that have these labels."""
        self.finish_events()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", self.loop.metrics_text().decode(), re.M)
        return sum(float(value) for labelled_, value in found if all(one in labelled_ for one in wanted))

    def await_log(self, text: str) -> None:
        """Wait until the log contains this text."""
        self.await_line(re.escape(text))

    def await_line(self, pattern: str) -> None:
        """Wait until the log contains a match of this regular expression."""
        assert waiting.eventually(lambda: bool(re.search(pattern, self.log.getvalue())), TIMEOUT), self.log.getvalue()


@contextmanager
def running(
    settings: Settings | None = None,
    network: Network | None = None,
    clock: Callable[[], float] = time.monotonic,
    request_check: Callable[[str], None] | None = None,
    relist: Callable[[], None] | None = None,
    remember: Callable[[Addresses], None] = lambda ranges: None,
) -> Iterator[Running]:
    """A loop that runs while the context is open.

    Without `request_check`, new pods wait for no check. Without `relist`, no list waits for another one.
    """
    outputs = LoopOutputs(Metrics(), request_check, relist, remember)
    agent = Running(settings or Settings("here"), network, clock, outputs)
    with logging_to(agent.log, as_json=False):
        try:
            with repairing(agent.kernel, agent.inbox), reporting_readiness(agent.loop.readiness_errors, interval=0.02):
                yield agent
        finally:
            agent.end()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds that depends on another thread or on the kernel."""
    assert waiting.eventually(holds, TIMEOUT)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def is_programmed() -> bool:
    """Whether the kernel holds the table."""
    return "ringfence" in nft("list", "tables")


def failing(*args: object, **kwargs: object) -> Denial:
    """Stands for a step of the loop that has a defect."""
    raise KeyError("a defect")
