"""The text of a difference: lines fit the width, and long lists are cut."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import DB, WORKLOADS, compared

from ringfence.analysis.differences import changed_exposure
from ringfence.analysis.possible import comparison
from ringfence.render.differences import difference_text

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_are_broken_between_words_only(tmp_path: Path, width: int) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED))
    whole, broken = (difference_text(found, "a", "b", one) for one in (None, width))
    assert broken.split() == whole.split()
    longest = max(map(len, whole.split()))
    assert max(map(len, broken.splitlines())) <= max(width, longest + 8)
    assert broken.count("\n\n") == whole.count("\n\n")


def test_of_many_reasons_a_row_says_how_many_there_are(tmp_path: Path) -> None:
    others = [OPENED.replace("name: db,", f"name: db-{number},") for number in range(8)]
    text = difference_text(compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, *others)), "a", "b")
    opened = text.split("\n\n")[1].splitlines()
    assert len(opened) == 1 + 1 + 5 + 1
    assert opened[-1] == "      and 3 more"


def test_what_would_take_too_long_to_compare_is_not_said_to_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the policies mean the same is not decided, and no workload that exists shows a difference."""
    monkeypatch.setattr(comparison, "STEPS", 30)
    monkeypatch.setattr(changed_exposure, "MOST_STEPS", 30)

    def policy(value: str) -> str:
        """A policy whose peers lack some of 31 labels: all pods that exist do."""
        head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\n"
        rules = "".join(
            "  - from: [{podSelector: {matchExpressions: ["
            + ", ".join(f"{{key: k{number * step % 31}, operator: NotIn, values: [{value}]}}" for step in (1, 3, 7))
            + "]}}]\n"
            for number in range(40)
        )
        return f"{head}spec:\n  podSelector: {{}}\n  ingress:\n{rules}"

    text = difference_text(compared(tmp_path, (WORKLOADS, policy("a")), (WORKLOADS, policy("b"))), "a", "b")
    assert "? whether pods that do not exist yet may connect as before is not decided" in text
    assert text.splitlines()[-1] == "No connection of these workloads changed."
