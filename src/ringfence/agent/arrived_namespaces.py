"""The namespaces of the changes that have arrived and that the loop has not taken, in the order of the used time.

Between two steps of a tenant's work, the loop asks whether somebody who has used less time waits. A heap answers that
without looking at all that has arrived, which may be thousands of changes.
"""

import heapq
from collections import Counter

from ringfence.agent.inbox import Arrival, InboxItem
from ringfence.agent.shares import CLUSTER, Shares
from ringfence.agent.view import name_of_change
from ringfence.sources.cluster import Listed, Page, Removed, Unreadable, Upserted


class ArrivedNamespaces:
    """Which namespaces have changes that have arrived and are not taken."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._numbers: Counter[str] = Counter()
        """How many changes of each namespace have arrived and are not taken."""
        self._order: list[tuple[float, str]] = []
        """A heap of (rank, namespace). An outdated rank is lower than the present one, never higher."""
        self._times_forgotten = shares.times_forgotten
        self._ordered: set[str] = set()
        """The namespaces in the heap, including those whose changes are all taken."""

    def add(self, item: InboxItem | None) -> None:
        """Note an item that has arrived."""
        namespace = _namespace_of(item)
        if namespace is not None:
            self._numbers[namespace] += 1
            if namespace not in self._ordered:
                self._ordered.add(namespace)
                heapq.heappush(self._order, (self._shares.rank(namespace), namespace))

    def discard(self, item: InboxItem | None) -> None:
        """Note that an item that was added is taken."""
        namespace = _namespace_of(item)
        if namespace is not None:
            self._numbers[namespace] -= 1
            if not self._numbers[namespace]:
                del self._numbers[namespace]

    def first(self) -> str | None:
        """The namespace that has used the least time; None if no change has arrived."""
        if self._times_forgotten != self._shares.times_forgotten:
            self._times_forgotten = self._shares.times_forgotten
            self._order = [(self._shares.rank(namespace), namespace) for _, namespace in self._order]
            heapq.heapify(self._order)
        while self._order:
            rank, namespace = self._order[0]
            present = self._shares.rank(namespace)
            if namespace not in self._numbers:
                heapq.heappop(self._order)
                self._ordered.remove(namespace)
            elif present > rank:
                # Corrected late, as in `Backlog.next`.
                heapq.heapreplace(self._order, (present, namespace))
            else:
                return namespace
        return None


def _namespace_of(item: InboxItem | None) -> str | None:
    """The namespace of a change; None for items that are no changes.

    Lists, and the end of the loop, come before all namespaces.
    """
    match item:
        case None | Arrival(event=Page() | Listed()):
            return CLUSTER
        case Arrival(event=Upserted() | Removed() | Unreadable() as change):
            return name_of_change(change)[1]
        case _:
            return None
