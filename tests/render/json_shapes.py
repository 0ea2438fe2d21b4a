"""The shapes of JSON documents that the schemas in the package promise, and whether a document has one.

A schema allows keys that it does not name, because later versions may add some. In tests it does not, because a key
that no schema names is undocumented.
"""

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

Shape = dict[str, Any]


def schema(name: str) -> Shape:
    """A schema of the package, by the name of its file."""
    found = json.loads(files("ringfence").joinpath("schemas", f"{name}.json").read_text())
    assert isinstance(found, dict)
    return found


def strict(shape: Any) -> Any:
    """The same schema, which allows no keys that it does not name, unless it says what values they have."""
    if isinstance(shape, list):
        return [strict(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    inner = {key: strict(value) for key, value in shape.items()}
    return {"additionalProperties": False, **inner} if shape.get("type") == "object" else inner


ANSWER = strict(schema("can"))
EXPLANATION = strict(schema("explain"))
CONNECTIONS = strict(schema("connections"))
PROBLEMS = strict(schema("validate"))
PROBE_REPORT = strict(schema("lab-run"))
LABORATORY_STATUS = strict(schema("lab-status"))
SOURCES = strict(schema("sources"))
DESTINATIONS = strict(schema("destinations"))
ISOLATION = strict(schema("isolation"))
EXPOSURE = strict(schema("exposure"))
AGENT_STATUS = strict(schema("agent-status"))
VERSION = strict(schema("version"))


def fits(value: object, shape: Shape) -> bool:
    """Whether a value has a shape, with no key too many and none missing."""
    error = next(Draft202012Validator(shape).iter_errors(value), None)
    if error:
        print(f"at {error.json_path}: {error.message}")  # pytest shows it with the failure
    return error is None
