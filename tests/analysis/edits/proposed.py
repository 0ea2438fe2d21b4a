"""The edits that are proposed for a small world, as policies and as text."""

from collections.abc import Iterable

from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    labelled,
    namespace,
    pod,
    pods,
    port,
)

from ringfence.analysis.edits.edited_policies import Edit
from ringfence.model.objects import NetworkPolicy

WORLD = [
    namespace("prod"),
    namespace("other"),
    pod("prod/db", {"app": "db"}),
    pod("prod/api", {"app": "api"}),
    pod("prod/web", {"app": "web", "pod-template-hash": "7d9"}),
    pod("other/web", {"app": "web"}),
]
DB = labelled(app="db")
FROM_API = admits(pods(labelled(app="api")), ports=[port(3306)])


def edits(source: str, destination: str, number: int | None, *policies: Object) -> tuple[Edit, ...]:
    return cluster_of([*WORLD, *policies]).can(source, destination, port=number).edits


def after(edit: Edit) -> NetworkPolicy:
    """The policy after an edit of a NetworkPolicy."""
    assert isinstance(edit.after, NetworkPolicy)
    assert not edit.by_administrator
    return edit.after


def text(found: Iterable[Edit]) -> list[str]:
    """The text of edits: the actions and the lines below them."""
    return [line for edit in found for line in (edit.action, *(f"  {line}" for line in edit.lines))]
