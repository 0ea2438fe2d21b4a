"""Pods as the engine sees them, made from manifests."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, pod

from ringfence.engine.population.pods import Member, Reference, member_of_pod
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.objects import Node, Pod


def decoded_pod(written: Object) -> Pod:
    """The model object of a written pod."""
    decoded = decode(written)
    assert isinstance(decoded, Pod)
    return decoded


def member(path: str, labels: dict[str, str] | None = None, **written: Any) -> Member:
    """The member made from the pod `NAMESPACE/NAME`; `written` as for `objects.pod`."""
    return member_from(pod(path, labels, **written))


def member_from(written: Object, nodes: Mapping[str, Node] | None = None) -> Member:
    """The member made from a written pod, on one of `nodes`."""
    return member_of_pod(decoded_pod(written), dict(nodes or {}))


def state_of(objects: Iterable[Object]) -> State:
    """A state with these objects."""
    return cluster_of(objects).state


def member_in(state: State, path: str) -> Member:
    """The member of this name that takes part: `x/a` for a pod, `x/Deployment/web` for a template's."""
    namespace, *kinds, name = path.split("/")
    found = state.member(Reference(namespace, kinds[0] if kinds else "Pod", name))
    assert found is not None, f"{path} takes no part"
    return found
