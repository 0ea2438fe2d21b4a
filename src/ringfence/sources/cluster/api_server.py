"""Access to an API server for as long as a process runs, while its credentials change.

Tokens are replaced, certificates renewed, and credentials of plugins expire. So every client is made from the
kubeconfig as it is at that moment, and no client is kept for long.

Source: kubernetes.io, "Configure Service Accounts for Pods: ServiceAccount token volume projection"; "client-go
credential plugins": a credential is used until it expires, or until the server answers 401.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import httpx2
import msgspec

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.client import connect
from ringfence.sources.cluster.credentials import Credential, obtain
from ringfence.sources.cluster.kubeconfig import SelectedContext, select
from ringfence.sources.cluster.responses import ApiStatusError

_PLUGIN_TIMEOUT: Final = 60.0
"""Timeout of a credential plugin, in seconds: an agent has no terminal on which a person could log in."""

_KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
"""Probes of the kernel: a path that has broken without a FIN or RST is found after 10 + 3 * 5 = 25 seconds."""


class _PluginCredential(NamedTuple):
    """What the plugin of a context printed."""

    selected: SelectedContext
    credential: Credential


class Stream:
    """A response that is being read; `end` ends it, from any thread."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def end(self) -> None:
        """End the response. One over TLS inside the TLS of an HTTPS proxy has no socket of its own, and goes on."""
        if self._connection is not None:
            with suppress(OSError):  # the server has closed it
                # SSLSocket.shutdown would drop the TLS layer, and the reader would take ciphertext for plain text.
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


class ApiServer:
    """The API server of a context, or of the current one. Threads may share it.

    The kubeconfig is read again for every client, since it may contain credentials; the context stays the same.
    """

    def __init__(self, context: str | None = None, kubeconfig: str | None = None) -> None:
        """Raises LiveClusterError if the context does not exist."""
        selected = select(context, kubeconfig)
        self.server = selected.cluster.server
        self._context = selected.context
        self._kubeconfig = kubeconfig
        self._plugin_lock = threading.Lock()
        self._from_plugin: _PluginCredential | None = None
        self._streams_lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._closed = False

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """A client with the present credentials; a plugin's credential that the server refuses is not used again.

        Raises LiveClusterError where there are no credentials.
        """
        selected = select(self._context, self._kubeconfig)
        obtained = self._run_plugin(selected) if selected.user.exec else None
        if obtained:
            selected = msgspec.structs.replace(selected, user=obtained.credential.user)
        try:
            with connect(selected) as client:
                yield client
        except ApiStatusError as error:
            if error.code == httpx2.codes.UNAUTHORIZED:
                self._forget(obtained)
            raise

    @contextmanager
    def streaming(self, response: httpx2.Response) -> Iterator[Stream]:
        """While the body of this response is read, a broken path, `close` and the stream's own `end` end it."""
        connection = response.extensions["network_stream"].get_extra_info("socket")
        if connection is not None:
            _keep_alive(connection)
        stream = Stream(connection)
        with self._streams_lock:
            # `close` may have come during the request. Nothing would end this stream any more.
            if self._closed:
                raise LiveClusterError(f"{self.server}: the connection is closed")
            self._streams.add(stream)
        try:
            yield stream
        finally:
            with self._streams_lock:
                self._streams.discard(stream)

    def close(self) -> None:
        """End the responses that are being read, and those that come later."""
        with self._streams_lock:
            self._closed = True
            for stream in self._streams:
                stream.end()

    def _run_plugin(self, selected: SelectedContext) -> _PluginCredential:
        with self._plugin_lock:
            # The lock is held while the plugin runs, so that one run serves all threads that need a credential at that
            # moment.
            known = self._from_plugin
            if known is None or known.selected != selected or known.credential.has_expired:
                credential = obtain(selected.user, selected.cluster, _PLUGIN_TIMEOUT)
                known = self._from_plugin = _PluginCredential(selected, credential)
            return known

    def _forget(self, refused: _PluginCredential | None) -> None:
        """Forget only the credential that was refused: another thread may have run the plugin again."""
        with self._plugin_lock:
            if self._from_plugin is refused:
                self._from_plugin = None


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
