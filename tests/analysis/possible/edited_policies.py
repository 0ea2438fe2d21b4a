"""Policies without some of their parts, by removing the fields of these parts from their dicts."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from tests.analysis.possible.policies import as_set
from tests.semantics.objects import Object

from ringfence.analysis.possible import RemovablePart
from ringfence.analysis.possible.policy_parts import entry_parts, rule_parts, whole_policy

_REMOVED: Any = object()


def edited(policies: Sequence[Object], parts: Sequence[RemovablePart]) -> list[Object]:
    """The policies without some parts, none of which is inside another."""
    left = deepcopy(list(policies))
    for part in parts:
        (number,) = [number for number, one in enumerate(left) if one is not _REMOVED and is_about(part, one)]
        holder: Any = left
        place: Any = number
        for field in re.findall(r"\w+", part.path):
            holder = holder[place]
            place = int(field) if field.isdecimal() else field
        holder[place] = _REMOVED
    return [strip(one) for one in left if one is not _REMOVED]


def is_about(part: RemovablePart, policy: Object) -> bool:
    group, _, _ = policy["apiVersion"].partition("/")
    kind = policy["kind"] if policy["kind"] == "NetworkPolicy" else f"{policy['kind']}.{group}"
    name = (policy["metadata"].get("namespace", ""), policy["metadata"]["name"])
    return (part.policy.kind, part.policy.namespace, part.policy.name) == (kind, *name)


def strip(written: Any) -> Any:
    """The value without what was removed inside."""
    if isinstance(written, dict):
        return {key: strip(value) for key, value in written.items()}
    return [strip(one) for one in written if one is not _REMOVED] if isinstance(written, list) else written


def with_types(policy: Object) -> Object:
    """The policy with explicit policyTypes, so that a removal does not change its directions."""
    spec = policy["spec"]
    if policy["kind"] != "NetworkPolicy" or spec.get("policyTypes"):
        return policy
    types = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {**policy, "spec": {**spec, "policyTypes": types}}


def all_parts(policies: Sequence[Object]) -> Iterator[RemovablePart]:
    for one in as_set("all", policies).policies:
        yield whole_policy(one)
        for part in rule_parts(one):
            yield part
            yield from entry_parts(part)


def name_of(part: RemovablePart) -> str:
    """Two kinds of policies of administrators may have policies of one name."""
    return f"{part.policy.kind} {part}"
