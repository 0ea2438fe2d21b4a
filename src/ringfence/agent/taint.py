"""The taint of a node that is not guarded yet: the agent removes it from its Node once all policies are in force.

A node that is registered with the taint gets no pods, except those that tolerate it, before an agent guards it. The
Node is changed by one patch, which tests what it is about to remove: what others do to its taints at the same moment is
never undone. If the Node has changed meanwhile, its next version decides.

Source: kubernetes.io, "Taints and Tolerations"; RFC 6902, 4.6 ("test"); kubelet, `--register-with-taints`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from ringfence.agent.log import log, values
from ringfence.agent.metrics import Metrics
from ringfence.model.objects import Node, Taint
from ringfence.sources.cluster import EXPECTED, ApiServer, ApiStatusError, patch_object

TAINT: Final = "ringfence.dev/agent-not-ready"

INTERVAL: Final = 1.0
"""Seconds between two looks at the Node."""

FAILURE_PAUSE: Final = 10.0
"""Seconds until the next attempt if the API server refuses or cannot be reached."""

_CHANGED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Answers to a patch of a Node that is not as it is known: 422 if a test fails."""


def removal(taints: Sequence[Taint]) -> list[dict[str, str]]:
    """The JSON Patch that removes the taint, whatever its effects are; empty if it is not there."""
    operations: list[dict[str, str]] = []
    # From the end: a taint that is removed moves all that follow it.
    for index, taint in reversed(list(enumerate(taints))):
        if taint.key == TAINT:
            path = f"/spec/taints/{index}"
            operations += [
                {"op": "test", "path": f"{path}/key", "value": taint.key},
                {"op": "test", "path": f"{path}/effect", "value": taint.effect},
                {"op": "remove", "path": path},
            ]
    return operations


class TaintRemoval:
    """Removes the taint from one Node. `node` says how the Node is known, `is_ready` whether it is guarded."""

    def __init__(
        self,
        name: str,
        api_server: ApiServer,
        node: Callable[[], Node | None],
        is_ready: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._name = name
        self._api_server = api_server
        self._node = node
        self._is_ready = is_ready
        self._metrics = metrics
        self._outdated: Node | None = None
        """The Node as it was before a patch: it has changed since."""
        self._next_attempt = 0.0
        self._failure = ""

    def look(self, now: float) -> None:
        """Remove the taint if it is there and the node is guarded, at a time (monotonic seconds)."""
        if now < self._next_attempt or not self._is_ready():
            return
        node = self._node()
        operations = removal(node.spec.taints or ()) if node else []
        if operations and node is not self._outdated:
            try:
                self._patch(operations)
            except EXPECTED as error:
                self._next_attempt = now + FAILURE_PAUSE
                self._report(error)
            else:
                self._outdated = node

    def _patch(self, operations: Sequence[dict[str, str]]) -> None:
        with self._api_server.client() as client:
            try:
                patch_object(client, f"/api/v1/nodes/{quote(self._name)}", operations)
            except ApiStatusError as error:
                if error.code not in _CHANGED:
                    raise
                log.info(f"the Node has changed while its taint was to be removed: {error}", extra=values(taint=TAINT))
                return
        self._failure = ""
        log.info("the node is guarded: its taint is removed", extra=values(taint=TAINT))

    def _report(self, error: Exception) -> None:
        self._metrics.failures.labels("taint").inc()
        if str(error) != self._failure:
            is_forbidden = isinstance(error, ApiStatusError) and error.code == HTTPStatus.FORBIDDEN
            remedy = ": the verb patch on nodes is needed" if is_forbidden else ""
            log.error(f"the taint {TAINT} cannot be removed: {error}{remedy}")
        self._failure = str(error)


@contextmanager
def removing_taint(removal: TaintRemoval) -> Iterator[None]:
    """Remove the taint whenever it is there, for a while."""
    stopped = threading.Event()
    # A daemon thread: a request that hangs must not keep the process from ending.
    threading.Thread(target=_remove_until, args=(stopped, removal), name="taint", daemon=True).start()
    try:
        yield
    finally:
        stopped.set()


def _remove_until(stopped: threading.Event, removal: TaintRemoval) -> None:
    while not stopped.wait(INTERVAL):
        try:
            removal.look(time.monotonic())
        except Exception:  # without this thread, the node would get no pods
            log.exception("a defect of ringfence (taint)")
