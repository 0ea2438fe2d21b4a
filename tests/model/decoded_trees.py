"""Trees of objects, and what is decoded from them: the same from a tree and from JSON."""

import json
from typing import Any

import pytest

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode, decode_json
from ringfence.model.kinds import KINDS, Kind

Tree = dict[str, Any]


def policy(spec: object, **metadata: object) -> Tree:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", **metadata},
        "spec": spec,
    }


def ingress(**rule: object) -> Tree:
    return policy({"ingress": [rule]})


def pod(**fields: object) -> Tree:
    return {"apiVersion": "v1", "kind": "Pod", **fields}


def kind_of_tree(tree: Tree) -> Kind:
    kind = KINDS.find(tree["apiVersion"], tree["kind"])
    assert kind is not None
    return kind


def decoded(tree: Tree) -> Any:
    """The object, which is the same whether it is read from a tree or from JSON."""
    found = decode(tree)
    assert found == decode_json(json.dumps(tree).encode(), kind_of_tree(tree))
    return found


def refusal(tree: Tree) -> DecodingError:
    with pytest.raises(DecodingError) as from_tree:
        decode(tree)
    with pytest.raises(DecodingError) as from_json:
        decode_json(json.dumps(tree).encode(), kind_of_tree(tree))
    assert (str(from_tree.value), from_tree.value.path) == (str(from_json.value), from_json.value.path)
    return from_tree.value
