"""YAML of documents, as `kubectl get -o yaml` prints them."""

from typing import Any

from ringfence.model.yaml_text import yaml_lines


def text(written: dict[str, Any]) -> str:
    """A written document, which reads back to what it was."""
    return "\n".join(yaml_lines(written))
