"""The files that rendered manifests were made of, as they say themselves.

Kustomize writes the file of each resource into an annotation, if the kustomization has `buildMetadata:
[originAnnotations]`; its path is relative to the kustomization. Helm writes the template of each document into a
comment above it; its path begins with the name of the chart. Services that show findings need a file of the repository.

Sources: kustomize documentation, "buildMetadata"; Helm documentation, "helm template".
"""

import re
from collections.abc import Mapping
from os.path import normpath
from pathlib import Path
from typing import Final

import msgspec

from ringfence.model.origin import Origin

TEMPLATE_COMMENT: Final = b"# Source: "
ORIGIN: Final = "config.kubernetes.io/origin"

_KUSTOMIZED: Final = " (kustomize)"
# Only above the object: a text in it may have such a line as well.
_HEAD: Final = re.compile(rb"(?:(?:---.*|#.*|[ \t\r]*)\n)*")
_TEMPLATE: Final = re.compile(rb"^# Source: (.*)$", re.MULTILINE)


def template_of(document: bytes) -> str:
    """The template that the comment of Helm above an object names; empty without one."""
    if TEMPLATE_COMMENT not in document:
        return ""
    head = _HEAD.match(document)
    found = _TEMPLATE.findall(document, 0, head.end() if head else 0)
    return found[-1].strip().decode(errors="replace") if found else ""


def with_kustomize_origin(origin: Origin, tree: Mapping[str, object]) -> Origin:
    """The origin of an object with the file that kustomize's annotation names, if there is one."""
    metadata = tree.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(ORIGIN) if isinstance(annotations, dict) else None
    source = _kustomize_source(text, origin.file) if isinstance(text, str) else ""
    return msgspec.structs.replace(origin, rendered_from=source) if source else origin


def _kustomize_source(annotation: str, file: str) -> str:
    """The file that a resource of a kustomization comes from; empty if it is not said, or in another repository."""
    lines = dict(line.partition(": ")[::2] for line in annotation.splitlines())
    path = lines.get("path", "")
    if not path or "repo" in lines:
        return ""
    folder = file.removesuffix(_KUSTOMIZED) if file.endswith(_KUSTOMIZED) else Path(file).parent
    return normpath(Path(folder) / path)
