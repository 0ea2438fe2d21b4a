"""Connections to an API server that outlive their credentials.

Tokens are written anew, certificates renewed, and plugins give credentials that expire; so every connection is made
with what holds when it is made, and a connection is not kept for long.

Source: kubernetes.io, "Configure Service Accounts for Pods: ServiceAccount token volume projection"; "Authenticating".
"""

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import httpx2 as httpx
import msgspec

from ringfence.sources.credentials import obtained
from ringfence.sources.kubeconfig import Fields, Selection, select
from ringfence.sources.live import connect

_PLUGIN_RESTS: Final = 300.0
"""Seconds for which what a credential plugin gave is used again, unless it is refused before."""


class _Obtained(NamedTuple):
    selection: Selection
    user: Fields
    until: float


class Connections:
    """How to reach the cluster of a context, or of the current one. Threads may share it."""

    def __init__(
        self,
        context: str | None = None,
        kubeconfig: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises LiveClusterError if there is no such context."""
        self._context = context
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._lock = threading.Lock()
        self._obtained: _Obtained | None = None
        self.server = str(select(context, kubeconfig).cluster.get("server"))

    def connect(self) -> httpx.Client:
        """A client with the credentials of this moment. Raises LiveClusterError where there are none."""
        selection = select(self._context, self._kubeconfig)
        if selection.user.get("exec"):
            selection = msgspec.structs.replace(selection, user=self._from_plugin(selection))
        return connect(selection)

    def forget(self) -> None:
        """To be called when credentials were not accepted: what a plugin gave is not used again."""
        with self._lock:
            self._obtained = None

    def _from_plugin(self, selection: Selection) -> Fields:
        with self._lock:
            known = self._obtained
            if known is None or known.selection != selection or self._clock() >= known.until:
                user = obtained(selection.user, selection.cluster)
                known = self._obtained = _Obtained(selection, user, self._clock() + _PLUGIN_RESTS)
            return known.user
