"""Watches that run for a while, each in a thread of its own."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.definition_checks import DefinitionChecks
from ringfence.sources.cluster.watching import Watch

Step = Callable[[threading.Event], None]
"""What a thread does until the event is set."""


@contextmanager
def running_watches(
    watches: Sequence[Watch], api_server: ApiServer, more: Mapping[str, Step] | None = None
) -> Iterator[None]:
    """Run watches until the context ends, and checks for kinds that the server did not have.

    `more` are other functions to run for the same time, by the names of their threads.
    """
    stopped = threading.Event()
    steps: dict[str, Step] = {f"watch {one.resource.kind}": one.follow for one in watches}
    steps |= {"definitions": DefinitionChecks(watches, api_server).run, **(more or {})}
    for name, step in steps.items():
        # A daemon thread: a request that hangs must not keep the process from ending.
        threading.Thread(target=step, args=(stopped,), name=name, daemon=True).start()
    try:
        yield
    finally:
        stopped.set()
        api_server.close()
        for watch in watches:
            watch.look_again()
