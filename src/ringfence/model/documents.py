"""Model objects in the API's shape again, as dicts and lists: as people write them, and as `kubectl get` prints them.

Both leave out empty fields. People also leave out `protocol: TCP`, and write `podSelector` first. kubectl prints the
protocol, because the API server has set it, and all keys in alphabetical order.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.kinds import KINDS
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import DEFAULT_PROTOCOL

_SELECTORS: Final = ("podSelector", "namespaceSelector", "namespaces", "nodes")
_LABELS: Final = ("labels", "annotations", "matchLabels")


def document(policy: NetworkPolicy | ClusterPolicy) -> dict[str, Any]:
    """The policy as people write it, with `apiVersion` and `kind`."""
    kind = KINDS.of(policy)
    return {"apiVersion": kind.api_versions[0], "kind": kind.name, **plain(policy)}


def plain(part: Any) -> Any:
    """A part of a policy as people write it: an empty selector is kept, because it selects everything."""
    return _pruned(msgspec.to_builtins(part), _is_implied)


def stored_document(policy: NetworkPolicy) -> dict[str, Any]:
    """The policy with its defaults, as `kubectl get` prints it."""
    kind = KINDS.of(policy)
    return {"apiVersion": kind.api_versions[0], "kind": kind.name, **_sorted(_written(policy))}


def stored_list(policies: Iterable[NetworkPolicy]) -> dict[str, Any]:
    """Several policies as one document, a List, as `kubectl get` prints them."""
    return list_document(map(stored_document, policies))


def list_document(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several documents as one, a List, as `kubectl get` prints them."""
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {"resourceVersion": ""}}


def custom_document(policy: ClusterPolicy, tree: Mapping[str, Any] | None) -> dict[str, Any]:
    """A policy of the whole cluster as `kubectl get` prints it: as a server stores it (`tree`), if that is known."""
    kind = KINDS.of(policy)
    content = _written(policy) if tree is None else tree
    metadata = {name: value for name, value in content["metadata"].items() if name != "managedFields"}
    metadata = {name: value for name, value in metadata.items() if value is not None} | {"name": policy.metadata.name}
    types = {"apiVersion": kind.api_versions[0], "kind": kind.name}
    document: dict[str, Any] = _sorted({**types, **content, "metadata": metadata})
    return document


def _written(policy: NetworkPolicy | ClusterPolicy) -> dict[str, Any]:
    """The policy with its defaults, and without what is empty."""
    written: dict[str, Any] = _pruned(msgspec.to_builtins(policy), _is_omitted)
    return written


def _pruned(value: Any, is_left_out: Callable[[str, Any], bool]) -> Any:
    if isinstance(value, dict):
        # An empty label is not an absent one: without it a selector would select more.
        pruned = {key: inner if key in _LABELS else _pruned(inner, is_left_out) for key, inner in value.items()}
        return {key: inner for key, inner in pruned.items() if not is_left_out(key, inner)}
    return [_pruned(inner, is_left_out) for inner in value] if isinstance(value, list | tuple) else value


def _is_implied(key: str, value: Any) -> bool:
    """Whether people leave a field out: an empty one, or one with the default protocol."""
    return _is_omitted(key, value) or (key, value) == ("protocol", DEFAULT_PROTOCOL)


def _is_omitted(key: str, value: Any) -> bool:
    """Whether the API server leaves a field out: those marked `omitempty` in its types, if they are empty."""
    return key not in _SELECTORS if value == {} else value in (None, "", [])


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value
