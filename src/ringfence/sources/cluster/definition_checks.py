"""Checks whether a server has the kinds that it did not have: definitions of custom resources may be added at any time.

All kinds are checked with one client: while they are missing, each node costs the server one connection and a few small
answers every 15 to 30 seconds.
"""

import random
import threading
from collections.abc import Iterable
from typing import Final

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.watching import Watch

INTERVAL: Final = 30.0
"""The most seconds between two checks; the least is half of it. It is random, so that agents spread out."""


class DefinitionChecks:
    """Wakes the watches of kinds that the server has in the meantime."""

    def __init__(self, watches: Iterable[Watch], api_server: ApiServer) -> None:
        self._watches = [one for one in watches if one.resource.row.is_custom]
        self._api_server = api_server

    def run(self, stopped: threading.Event) -> None:
        """Check now and then until `stopped`."""
        while not stopped.wait(random.uniform(INTERVAL / 2, INTERVAL)):
            self.check()

    def check(self) -> None:
        """Check once."""
        absent = [one for one in self._watches if one.is_absent]
        try:
            found = self._found(absent) if absent else []
        except Exception:
            # If this thread ended, kinds would stay unread silently. Instead, all watches try again: each gets the same
            # error, and reports it.
            found = absent
        for watch in found:
            watch.look_again()

    def _found(self, absent: list[Watch]) -> list[Watch]:
        with self._api_server.client() as client:
            discovery = Discovery(client)
            return [one for one in absent if discovery.served_version(one.resource.row) is not None]
