"""The errors of a server for an object that is written here as YAML."""

from typing import Any

import yaml

from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.server_versions import NEWEST, ServerVersion


def errors_of(written: str, server: ServerVersion = NEWEST, **fields: Any) -> list[str]:
    """The errors of an object; without metadata it is called `x`."""
    tree = {"metadata": {"name": "x"}, **yaml.load(written, Loader=yaml.CSafeLoader), **fields}
    obj = decode(tree)
    assert obj
    kind = KINDS.of(obj)
    return [str(error) for error in kind.validate(kind.default(obj), server)]
