"""Connections to an API server that outlive their credentials.

Tokens are written anew, certificates renewed, and plugins give credentials that expire; so every client is made with
what holds when it is made, and is not kept for long.

Source: kubernetes.io, "Configure Service Accounts for Pods: ServiceAccount token volume projection"; "client-go
credential plugins": a credential is used until it expires, or until the server answers 401.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import httpx2 as httpx
import msgspec

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.credentials import Credential, obtain
from ringfence.sources.cluster.kubeconfig import Selection, select
from ringfence.sources.cluster.listing import ApiStatusError, connect

_PLUGIN_PATIENCE: Final = 60.0
"""Seconds in which a credential plugin has to end: nobody is there to answer its questions."""

_KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
"""When a connection is found to be dead, though nobody has closed it: after 25 seconds."""


class _Obtained(NamedTuple):
    """What the plugin of a selection gave."""

    selection: Selection
    credential: Credential


class ApiServer:
    """How to reach the cluster of a context, or of the one that is current now. Threads may share it.

    The kubeconfig is read again for every client, since credentials can be in it; the context stays the same.
    """

    def __init__(self, context: str | None = None, kubeconfig: str | None = None) -> None:
        """Raises LiveClusterError if there is no such context."""
        chosen = select(context, kubeconfig)
        self.server = str(chosen.cluster.get("server"))
        self._context = chosen.context
        self._kubeconfig = kubeconfig
        self._plugin_runs = threading.Lock()
        self._obtained: _Obtained | None = None
        self._changing = threading.Lock()
        self._streams: set[socket.socket] = set()
        self._closed = False

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client with the credentials of this moment; what a plugin gave is forgotten if the server refuses it.

        Raises LiveClusterError where there are no credentials.
        """
        selection = select(self._context, self._kubeconfig)
        obtained = self._from_plugin(selection) if selection.user.get("exec") else None
        if obtained:
            selection = msgspec.structs.replace(selection, user=obtained.credential.user)
        try:
            with connect(selection) as client:
                yield client
        except ApiStatusError as refusal:
            if refusal.code == httpx.codes.UNAUTHORIZED:
                self._forget(obtained)
            raise

    @contextmanager
    def streaming(self, answer: httpx.Response) -> Iterator[None]:
        """While the body of this answer is read: a path that breaks without a word, and `close`, end it."""
        connection = answer.extensions["network_stream"].get_extra_info("socket")
        if connection is None:  # behind a proxy's TLS there is no socket of ours
            yield
            return
        _keep_alive(connection)
        with self._changing:
            if self._closed:
                raise LiveClusterError(f"{self.server}: the connection is closed")
            self._streams.add(connection)
        try:
            yield
        finally:
            with self._changing:
                self._streams.discard(connection)

    def close(self) -> None:
        """End what is being read, and what would be from now on."""
        with self._changing:
            self._closed = True
            for connection in self._streams:
                with suppress(OSError):
                    # Not as the socket's own method, which would let the reader take what is encrypted for plain text.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _from_plugin(self, selection: Selection) -> _Obtained:
        with self._plugin_runs:
            known = self._obtained
            if known is None or known.selection != selection or known.credential.has_expired:
                credential = obtain(selection.user, selection.cluster, _PLUGIN_PATIENCE)
                known = self._obtained = _Obtained(selection, credential)
            return known

    def _forget(self, refused: _Obtained | None) -> None:
        """Only what was refused: another thread may have had the plugin run again already."""
        with self._plugin_runs:
            if self._obtained is refused:
                self._obtained = None


def _keep_alive(connection: socket.socket) -> None:
    """Have the kernel ask now and then whether the other end is still there: a dead path breaks the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
