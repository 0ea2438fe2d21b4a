"""The patch that removes the taint.

`tests/e2e/test_agent_taint.py` applies the patch to a real API server.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.taint import TAINT, removal
from ringfence.model.objects import Taint

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
