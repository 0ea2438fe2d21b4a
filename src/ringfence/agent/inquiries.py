"""Questions of other threads to the loop. Only its thread may read the state, so it answers between two steps."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from ringfence.agent.closed_pods import ClosedReasons
from ringfence.agent.event_causes import EventCauses, find_event_causes
from ringfence.agent.inbox import Inbox, Inquiry
from ringfence.agent.intake import Intake
from ringfence.agent.readiness import AgentParts
from ringfence.agent.status import AgentReport, enforced_pods
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import InputError
from ringfence.model.objects import Node
from ringfence.render.agent_status import AgentStatus

TIMEOUT: Final = 5.0
"""Seconds that another thread waits for an answer."""

A = TypeVar("A")


class Inquiries:
    """Asks the loop for other threads. An answer is None if the loop does not answer within `TIMEOUT` seconds."""

    def __init__(self, inbox: Inbox, parts: AgentParts, intake: Intake, kernel: Kernel) -> None:
        self._inbox = inbox
        self._parts = parts
        self._kernel = kernel
        self._closed = ClosedReasons(parts.view, parts.new_pods, parts.enforcement)
        self._agent = AgentReport(parts, intake)

    def causes(self) -> EventCauses | None:
        """The present causes of Kubernetes Events on this node; None also before the first round."""
        parts = self._parts
        if not parts.enforcement.has_begun:
            return None
        drops = parts.settings.drops
        return self._ask(lambda: find_event_causes(parts.view, parts.enforcement, self._closed, drops=drops))

    def status(self, pod: str) -> AgentStatus:
        """What is enforced for a pod (`NAMESPACE/NAME`, or an address), or for all pods of this node if `pod` is empty.

        If the loop does not answer, the status contains only the agent, without pods. Raises InputError for a pod that
        is not on this node or that policies cannot isolate.
        """
        answer = self._ask(partial(self._status, pod))
        if isinstance(answer, InputError):
            raise answer
        return answer or AgentStatus(self._agent.without_loop())

    def _status(self, pod: str) -> AgentStatus | InputError:
        try:
            pods = enforced_pods(pod, self._parts, self._closed, self._kernel)
        except InputError as error:
            return error
        return AgentStatus(self._agent.from_loop(), tuple(pods))

    def node(self) -> Node | None:
        """The Node of this machine; None also if it is unknown."""
        return self._ask(lambda: self._parts.view.state.nodes.get(self._parts.settings.node))

    def _ask(self, question: Callable[[], A]) -> A | None:
        # An answer after the timeout goes into a list that nobody reads any more.
        answers: list[A] = []
        inquiry = Inquiry(lambda: answers.append(question()), threading.Event())
        self._inbox.put(inquiry)
        inquiry.done.wait(TIMEOUT)
        return next(iter(answers), None)
