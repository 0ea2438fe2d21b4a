"""The shapes of JSON documents that docs/formats.md promises, and whether a document has one."""

from types import NoneType
from typing import Any

Shape = Any
"""A type; a dict of shapes by key, of which those that end in `?` may be missing; a list of one shape; or a tuple of
shapes of which one must fit."""

RANGE = {"line": int, "column": int, "endLine": int, "endColumn": int}
PROBLEM = {
    "code": str,
    "severity": str,
    "file": str,
    **RANGE,
    "object": str,
    "message": str,
    "remedy?": str,
    "fix?": {**RANGE, "newText": str},
}
VERSIONED = {"apiVersion": str}
PROBLEMS = {**VERSIONED, "problems": [PROBLEM]}
OBJECT = {"namespace": str, "kind": str, "name": str}
ADDRESSES = {"addresses": [str]}
PARTY = (OBJECT, ADDRESSES)
NAMED = (OBJECT, ADDRESSES, {"pods": [PARTY]})
TRAFFIC = [{"protocol": str, "ports": str}]
PEER = {"index": int, "matches": bool, "reason": str, "line?": int}
RULE = {"index": int, "allows": bool, "reason": str, "line?": int, "peers": [PEER], "hints?": [str]}
POLICY = {"namespace": str, "name": str, "file?": str, "line?": int, "rules": [RULE]}
BYSTANDER = {"namespace": str, "name": str, "file?": str, "line?": int, "reason": str}
SIDE = {"isolated": bool, "allowed": bool, "exempt?": str, "policies": [POLICY], "bystanders?": [BYSTANDER]}
COUNTED = ({**OBJECT, "pods": int}, ADDRESSES)
ANSWER = {
    "allowed": bool,
    "result": str,
    "source": NAMED,
    "destination": NAMED,
    "protocol": (str, NoneType),
    "port": (int, NoneType),
    "note?": str,
    "ports?": {"numbers": TRAFFIC, "names": [str], "missing": [{"name": str, "pod": OBJECT}]},
    "traffic?": TRAFFIC,
    "parts?": [{"source": PARTY, "destination": PARTY, "passing": TRAFFIC, "refused": TRAFFIC}],
    "egress": SIDE,
    "ingress": SIDE,
    "pairs?": [{"source": PARTY, "destination": PARTY, "port": (int, NoneType), "ports?": TRAFFIC, "allowed": bool}],
    "groups?": [
        {
            "pairs": int,
            "allowed": bool,
            "sources": [COUNTED],
            "destinations": [COUNTED],
            "egress": SIDE,
            "ingress": SIDE,
        }
    ],
    "assumptions": [str],
    **PROBLEMS,
}
CONNECTION = {"source": PARTY, "destination": PARTY, "traffic": TRAFFIC}
EXPLANATION = {
    **ANSWER,
    "edits": [{"action": str, "file?": str, "line?": int, "lines": [str]}],
    "sideEffects": {"opens": [CONNECTION], "closes": [CONNECTION]},
}
ALLOWING_RULE = {"namespace": str, "name": str, "index": int, "file?": str, "line?": int}
PERMISSION = {"isolated": bool, "exempt?": str, "rules": [ALLOWING_RULE]}
REACH = {
    "endpoint": NAMED,
    "protocol": (str, NoneType),
    "port": (int, NoneType),
    "rows": [{"end": PARTY, "traffic": TRAFFIC, "partly?": TRAFFIC, "egress": PERMISSION, "ingress": PERMISSION}],
    "assumptions": [str],
    **PROBLEMS,
}
NAMED_POLICY = {"namespace": str, "name": str, "file?": str, "line?": int}
ISOLATED = {"isolated": bool, "policies": [NAMED_POLICY]}
ISOLATION = {
    "isolation": [{"workload": OBJECT, "exempt?": str, "ingress": ISOLATED, "egress": ISOLATED}],
    "totals": {"listed": int, "ingress": int, "egress": int, "neither": int},
    "selectNobody": [NAMED_POLICY],
    "assumptions": [str],
    **PROBLEMS,
}
CONNECTIONS = {"connections": [CONNECTION], "assumptions": [str], **PROBLEMS}


def fits(value: object, shape: Shape) -> bool:
    """Whether a value has a shape, with no key too many and none missing."""
    match shape:
        case dict():
            required = {key for key in shape if not key.endswith("?")}
            known = {key.removesuffix("?"): inner for key, inner in shape.items()}
            return (
                isinstance(value, dict)
                and required <= value.keys() <= known.keys()
                and all(fits(inner, known[key]) for key, inner in value.items())
            )
        case list():
            return isinstance(value, list) and all(fits(inner, shape[0]) for inner in value)
        case tuple():
            return any(fits(value, inner) for inner in shape)
    return type(value) is shape
