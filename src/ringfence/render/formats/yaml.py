"""YAML documents, in the style of `kubectl get -o yaml`."""

from typing import Any

from ringfence.model.yaml_text import yaml_lines


def yaml_text(document: dict[str, Any]) -> str:
    """A document of dicts, lists, strings and numbers, without a line break at its end."""
    return "\n".join(yaml_lines(document))
