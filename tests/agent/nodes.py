"""A node's kernel and the enforcement in it, with a clock that the test sets, and a connection between two pods."""

from collections.abc import Callable
from typing import Any

from tests.agent.events import listing, upserted
from tests.agent.running import CLIENT, SERVER, Clock
from tests.dataplane.network import Network, address, received
from tests.semantics.objects import Object

from ringfence.agent.enforcement import Enforcement, NodeKernel
from ringfence.agent.settings import Settings
from ringfence.agent.view import View
from ringfence.dataplane.adoption import Adoption
from ringfence.dataplane.kernel import Kernel


class Node:
    """A node's kernel, a view, and the enforcement of the view in the kernel."""

    def __init__(self, *objects: Object, settings: Settings | None = None, adoption: Adoption | None = None) -> None:
        self.clock = Clock()
        self.kernel = Kernel()
        self.view = View()
        node = NodeKernel(self.kernel, adoption)
        self.enforcement = Enforcement(self.view, settings or Settings("here"), node, self.clock)
        for event in listing(*objects):
            self.view.apply(event)

    def put(self, obj: Object) -> None:
        self.view.apply(upserted(obj))

    def enforce(self) -> None:
        """Enforce the state, and end the connections that it forbids."""
        self.enforcement.enforce()
        self.review()

    def review(self) -> None:
        """Do the reviews of connections that are due now."""
        while (at := self.enforcement.review_at) is not None and at <= self.clock.now:
            self.enforcement.review()

    def fail(self, method: str, error: Exception) -> Callable[[], None]:
        """Make a method of the kernel fail. Calling the result restores the method."""

        def failing(*args: Any, **named: Any) -> None:
            raise error

        setattr(self.kernel, method, failing)
        return lambda: delattr(self.kernel, method)


class Conversation:
    """A connection from the client to the server on port 90. Both ends have sent data."""

    def __init__(self) -> None:
        self._network = Network(2)
        self.server, self.client = self._network.udp(SERVER, 90), self._network.udp(CLIENT, 4000)
        self.client.sendto(b"question", (address(SERVER), 90))
        assert received(self.server) == b"question"
        self.server.sendto(b"answer", (address(CLIENT), 4000))
        assert received(self.client) == b"answer"

    def goes_on(self) -> bool:
        self.client.sendto(b"more", (address(SERVER), 90))
        return self._network.delivered(self.server) == b"more"
