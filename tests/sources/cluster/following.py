"""Watches a kind of objects, and records the events."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from tests.waiting import Patience

from ringfence.model.objects import Object
from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.events import Event
from ringfence.sources.cluster.listing import RESOURCES
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watching import Watch

PATIENCE: Final = 30.0
"""Seconds after which a test has failed; none takes that long."""

E = TypeVar("E", bound=Event)


def name_of(obj: Object | Undecoded) -> str:
    """The name of an object, decoded or not."""
    return obj.name if isinstance(obj, Undecoded) else obj.metadata.name


class Followed:
    """The events that a watch delivers."""

    watch: Watch
    """The watch that tells, if there is only one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._arriving: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.deliver = self._arriving.put

    def until(self, kind: type[E], count: int = 1, about: Callable[[E], bool] = lambda event: True) -> E:
        """Wait until that many more events of this kind, and about this, have come; the last of them."""
        patience = Patience(PATIENCE)
        while count:
            told = self._next(patience)
            self.events.append(told)
            if isinstance(told, kind) and about(told):
                count -= 1
                wanted = told
        return wanted

    def _next(self, patience: Patience) -> Event:
        while patience.is_left():
            with suppress(queue.Empty):
                return self._arriving.get(timeout=0.1)
        raise AssertionError(f"nothing more is delivered after {self.events[-5:]}")

    def rest(self) -> list[Event]:
        """The events that have come and were not waited for."""
        found = []
        while not self._arriving.empty():
            found.append(self._arriving.get())
        return found

    def of(self, kind: type[E]) -> list[E]:
        """The events of this kind so far."""
        return [told for told in self.events if isinstance(told, kind)]


@contextmanager
def following(kind: str, connections: ApiServer, patience: float = PATIENCE) -> Iterator[Followed]:
    """A watch of a kind, while the block runs."""
    [resource] = [one for one in RESOURCES if one.kind == kind]
    followed, ended = Followed(), threading.Event()
    followed.watch = Watch(resource, connections, followed.deliver)
    followed.watch.silence_timeout = patience
    thread = threading.Thread(target=followed.watch.follow, args=(ended,))
    thread.start()
    try:
        yield followed
    finally:
        ended.set()
        connections.close()
        followed.watch.look_again()
        thread.join()
