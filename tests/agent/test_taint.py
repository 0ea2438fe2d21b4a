"""The patch that removes the taint, and when it is sent.

`tests/e2e/test_agent_taint.py` applies the patch to a real API server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.cluster.fake_api_server import Answer, FakeApiServer, connections_to, refuse, say, serving

from ringfence.agent.metrics import Metrics
from ringfence.agent.taint import FAILURE_PAUSE, TAINT, TaintRemoval, removal
from ringfence.model.metadata import NodeMeta
from ringfence.model.objects import Node, NodeSpec, Taint

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
taints = st.lists(st.builds(Taint, st.sampled_from((TAINT, "other", "another")), st.sampled_from(EFFECTS)), max_size=6)


def patched(taints: list[Taint], operations: list[dict[str, str]]) -> list[Taint] | None:
    """The taints after a JSON Patch, or None if one of its `test` operations fails (RFC 6902)."""
    document: list[Any] = [{"key": one.key, "effect": one.effect} for one in taints]
    for operation in operations:
        index, _, field = operation["path"].removeprefix("/spec/taints/").partition("/")
        if int(index) >= len(document):
            return None
        match operation["op"]:
            case "test":
                if document[int(index)][field] != operation["value"]:
                    return None
            case "remove":
                del document[int(index)]
    return [Taint(**one) for one in document]


@given(taints)
def test_the_taint_goes_with_all_its_effects_and_no_other_does(before: list[Taint]) -> None:
    assert patched(before, removal(before)) == [one for one in before if one.key != TAINT]


@given(taints, taints)
def test_changes_of_the_node_by_others_are_not_undone(known: list[Taint], present: list[Taint]) -> None:
    after = patched(present, removal(known))
    if after is not None:
        assert [one for one in after if one.key != TAINT] == [one for one in present if one.key != TAINT]


def test_a_node_without_the_taint_is_not_changed() -> None:
    assert removal([]) == []
    assert removal([Taint("other", "NoExecute")]) == []


class Tainted:
    """A Node with the taint, and the removal of it."""

    def __init__(self, server: FakeApiServer, folder: Path) -> None:
        self.server = server
        self.metrics = Metrics()
        self.is_ready = True
        self.change()
        connections = connections_to(server.url, folder)
        self.removal = TaintRemoval("here", connections, lambda: self.node, lambda: self.is_ready, self.metrics)

    def change(self) -> None:
        """The Node changes: the agent knows another version of it."""
        self.node = Node(metadata=NodeMeta(name="here"), spec=NodeSpec(taints=(Taint(TAINT, "NoSchedule"),)))

    def asked_at(self, *seconds: float) -> list[int]:
        """How many patches were sent after each of the moments."""
        found = []
        for now in seconds:
            self.removal.run_once(now)
            found.append(len(self.server.asked))
        return found


@contextmanager
def tainted(folder: Path, *answers: Answer) -> Iterator[Tainted]:
    with serving(*answers) as server:
        yield Tainted(server, folder)


def test_one_patch_is_sent_when_the_agent_is_ready(tmp_path: Path) -> None:
    with tainted(tmp_path, say(b"{}")) as one:
        one.is_ready = False
        assert one.asked_at(1, 2) == [0, 0]
        one.is_ready = True
        assert one.asked_at(3, 4) == [1, 1], "until the next version of the Node is known, it has the taint"
        assert one.server.asked[0].path == "/api/v1/nodes/here"


@pytest.mark.parametrize("code", [404, 409, 422])
def test_a_node_that_has_changed_is_patched_again_when_its_next_version_is_known(tmp_path: Path, code: int) -> None:
    with tainted(tmp_path, refuse(code, "it has changed"), say(b"{}")) as one:
        assert one.asked_at(1, 2) == [1, 1]
        one.change()
        assert one.asked_at(3) == [2]
        assert b'ringfence_failures_total{stage="taint"}' not in one.metrics.text()


def test_after_a_refusal_the_next_attempt_waits(tmp_path: Path) -> None:
    with tainted(tmp_path, refuse(403, "no"), say(b"{}")) as one:
        assert one.asked_at(1, 1 + FAILURE_PAUSE / 2, 1 + FAILURE_PAUSE) == [1, 1, 2]
        assert b'ringfence_failures_total{stage="taint"} 1.0' in one.metrics.text()
