"""What other threads ask the loop: only its thread may read the state, so it answers between two steps."""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from ringfence.agent.closings import Closings
from ringfence.agent.inbox import Inbox, Inquiry
from ringfence.agent.readiness import AgentParts
from ringfence.agent.troubles import Troubles, find_troubles

TIMEOUT: Final = 5.0
"""Seconds that another thread waits for an answer."""

A = TypeVar("A")


class Inquiries:
    """Questions for other threads. An answer is None if the loop gives none in time."""

    def __init__(self, inbox: Inbox, parts: AgentParts) -> None:
        self._inbox = inbox
        self._parts = parts
        self._closings = Closings(parts.view, parts.newcomers, parts.enforcement)

    def troubles(self) -> Troubles | None:
        """What is wrong with policies and pods of this node; None before the first round, too."""
        parts = self._parts
        if not parts.enforcement.has_begun:
            return None
        return self._ask(lambda: find_troubles(parts.view, parts.enforcement, self._closings))

    def _ask(self, question: Callable[[], A]) -> A | None:
        answers: list[A] = []
        inquiry = Inquiry(lambda: answers.append(question()), threading.Event())
        self._inbox.put(inquiry)
        inquiry.done.wait(TIMEOUT)
        return next(iter(answers), None)
