"""The taint of a Node without enforcement: the agent removes it from its Node when all policies are in force.

A Node that is registered with the taint gets only pods that tolerate it until its agent is ready. One patch removes the
taint. It first tests the taints that it removes, so it never undoes concurrent changes of others. If the Node has
changed in between, the agent decides again with its next version.

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
"""Seconds between two checks of the Node."""

FAILURE_PAUSE: Final = 10.0
"""Seconds until the next attempt if the API server refuses or cannot be reached."""

_CHANGED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Answers to a patch of a Node that has changed: 422 if a test of the patch fails."""


def removal(taints: Sequence[Taint]) -> list[dict[str, str]]:
    """The JSON Patch that removes the taint with every effect; empty if it is not there."""
    operations: list[dict[str, str]] = []
    # From the end, because removing a taint shifts the indexes of those after it.
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
    """Removes the taint from one Node. `node` returns its known version, `is_ready` whether to remove the taint."""

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
        """The version of the Node before the last patch: it is outdated, so it is not patched again."""
        self._next_attempt = 0.0
        self._failure = ""

    def run_once(self, now: float) -> None:
        """Remove the taint if it is there and the agent is ready. `now` is in monotonic seconds."""
        if now < self._next_attempt or not self._is_ready():
            return
        node = self._node()
        operations = removal(node.spec.taints or ()) if node else []
        # The view has the Node of before the patch until the watch delivers the next version.
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
                log.info(f"the Node has changed, so its taint was not removed: {error}", extra=values(taint=TAINT))
                return
        self._failure = ""
        log.info("the agent is ready: the taint of the Node is removed", extra=values(taint=TAINT))

    def _report(self, error: Exception) -> None:
        self._metrics.failures.labels("taint").inc()
        if str(error) != self._failure:
            is_forbidden = isinstance(error, ApiStatusError) and error.code == HTTPStatus.FORBIDDEN
            remedy = ": the verb patch on nodes is needed" if is_forbidden else ""
            log.error(f"the taint {TAINT} cannot be removed: {error}{remedy}")
        self._failure = str(error)


@contextmanager
def removing_taint(removal: TaintRemoval) -> Iterator[None]:
    """Remove the taint whenever the Node has it, while the context lasts."""
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
            removal.run_once(time.monotonic())
        except Exception:  # otherwise the thread would end, and the Node would get no pods
            log.exception("a defect of ringfence (taint)")
