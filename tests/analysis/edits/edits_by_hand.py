"""The policy that results if somebody makes a proposed edit by hand."""

import json
import re
from typing import Any

import yaml

from ringfence import Cluster
from ringfence.analysis.edits.edited_policies import Edit
from ringfence.model.documents import document
from ringfence.model.objects import Manifest, NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.sources.manifests import read_content


def as_shown(edit: Edit, cluster: Cluster) -> NetworkPolicy:
    """The policy that results if somebody makes the edit by hand and kubectl reads the file."""
    if edit.action.startswith("add a policy"):
        return read("\n".join(edit.lines))
    written = re.fullmatch(r"in ([^/]+)/([^,]+), (add to|remove|replace) (.+?)(?: by)?", edit.action)
    assert written, edit.action
    space, name, verb, where = written.groups()
    present = cluster.state.policies.network_policies.policy("NetworkPolicy", space, name)
    assert present is not None
    whole = document(present.policy)
    for path in reversed(where.split(" and ")):
        holder, last = parent(whole, path.removeprefix("spec."))
        if verb == "remove":
            del holder[last]
        elif isinstance(last, int):
            holder[last : last + 1] = yaml.safe_load("\n".join(edit.lines))
        else:
            old = (holder.get(last) or []) if verb == "add to" else []
            holder[last] = [*old, *yaml.safe_load("\n".join(edit.lines))]
    return read(json.dumps(whole))


def parent(whole: Any, path: str) -> tuple[Any, str | int]:
    """The parent of the field or list entry at a path below `spec`, and its key there."""
    *before, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    holder = whole["spec"]
    for step in before:
        holder = holder[step]
    return holder, last


def read(text: str) -> NetworkPolicy:
    """The one policy in a text, as kubectl reads it and the API server completes it."""
    (found,) = read_content(text.encode(), "edit.yaml")
    assert isinstance(found, Manifest), found
    assert isinstance(found.object, NetworkPolicy)
    return defaulted(found.object)
