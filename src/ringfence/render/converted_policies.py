"""Converted policies as manifests: YAML with the comments of the originals, or JSON, as `kubectl apply` reads them."""

from collections.abc import Callable, Iterator

from ringfence.analysis.conversion import Conversion, Converted, moved_comments
from ringfence.model.documents import document
from ringfence.model.origin import Origin
from ringfence.model.yaml_text import NO_COMMENTS, Comments
from ringfence.render.formats import json_text, yaml_text

CommentsOf = Callable[[Origin], Comments]
"""A function that finds the comments of the document that an object came from."""


def conversion_yaml(conversion: Conversion, comments_of: CommentsOf) -> str:
    """All policies as YAML documents."""
    return "\n---\n".join(converted_yaml(one, comments_of) for one in conversion.converted)


def converted_yaml(converted: Converted, comments_of: CommentsOf) -> str:
    """The policies that replace one policy, as YAML documents."""
    return "\n---\n".join(_documents(converted, comments_of))


def conversion_json(conversion: Conversion) -> str:
    """The policy as one object, or several as a List."""
    return _json([policy for one in conversion.converted for policy in map(document, one.policies)])


def converted_json(converted: Converted) -> str:
    """The policies that replace one policy: an object, or a List."""
    return _json(list(map(document, converted.policies)))


def summary_text(conversion: Conversion) -> str:
    """The number of policies before and after, and the traffic for which it is proven that nothing changes."""
    before, after = len(conversion.converted), len(conversion.policies)
    kind = "ClusterNetworkPolicy" if after == 1 else "ClusterNetworkPolicies"
    done = f"converted {before} {'policy' if before == 1 else 'policies'} to {after} {kind}; "
    # "Nothing changes" would be true of no pods at all, and would sound like a proof.
    if not conversion.pods:
        return f"{done}the input has no pods, so nothing was compared: read the whole cluster, or all its manifests"
    pods = "1 pod" if conversion.pods == 1 else f"{conversion.pods} pods"
    return f"{done}compared for {pods} and all addresses outside the cluster, in both directions: nothing changes"


def _documents(converted: Converted, comments_of: CommentsOf) -> Iterator[str]:
    origin = converted.source.origin
    comments = comments_of(origin) if origin else NO_COMMENTS
    for number, (policy, part) in enumerate(zip(converted.policies, converted.parts, strict=True)):
        written = document(policy)
        yield yaml_text(written, moved_comments(comments, part, number, written))


def _json(documents: list[dict[str, object]]) -> str:
    if len(documents) == 1:
        return json_text(documents[0])
    # `kubectl apply` reads a List, but not several JSON documents in an array.
    return json_text({"apiVersion": "v1", "kind": "List", "items": documents})
