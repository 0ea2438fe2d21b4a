"""Model objects back in the API's shape: plain dicts and lists, without what is empty."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ringfence.model.kinds import KINDS
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import DEFAULT_PROTOCOL

_SELECTORS: Final = ("podSelector", "namespaceSelector")
_LABELS: Final = ("labels", "annotations", "matchLabels")


def document(policy: NetworkPolicy) -> dict[str, Any]:
    """The policy as a document, with `apiVersion` and `kind`."""
    kind = KINDS.of(policy)
    return {"apiVersion": kind.api_versions[0], "kind": kind.name, **plain(policy)}


def list_document(policies: Iterable[NetworkPolicy]) -> dict[str, Any]:
    """Several policies as one document, a List."""
    return {"apiVersion": "v1", "items": [document(policy) for policy in policies], "kind": "List"}


def plain(part: Any) -> Any:
    """A part of a policy without its defaults; an empty selector is kept, because it selects everything."""
    return _pruned(msgspec.to_builtins(part))


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        # An empty label is not an absent one: without it a selector would select more.
        pruned = {key: inner if key in _LABELS else _pruned(inner) for key, inner in value.items()}
        return {key: inner for key, inner in pruned.items() if not _goes_without_saying(key, inner)}
    return [_pruned(inner) for inner in value] if isinstance(value, list | tuple) else value


def _goes_without_saying(key: str, value: Any) -> bool:
    if value == {}:
        return key not in _SELECTORS
    return value in (None, "", []) or (key, value) == ("protocol", DEFAULT_PROTOCOL)
