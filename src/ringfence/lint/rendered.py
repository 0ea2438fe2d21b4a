"""The files that rendered manifests were made of, as they say themselves.

Kustomize writes the file of each resource into an annotation, if the kustomization has `buildMetadata:
[originAnnotations]`; its path is relative to the kustomization. Helm writes the template of each document into a
comment; its path begins with the name of the chart. Services that show findings need a file of the repository.

Sources: kustomize documentation, "buildMetadata"; Helm documentation, "helm template".
"""

from collections.abc import Mapping
from os.path import normpath
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from ringfence.lint.findings import LintFinding, LintFindings
from ringfence.model.origin import Place
from ringfence.sources.manifests import FileContents

ORIGIN: Final = "config.kubernetes.io/origin"

_KUSTOMIZED: Final = " (kustomize)"
_SOURCE: Final = "# Source: "


def kustomize_source(annotations: Mapping[str, str], place: Place) -> str:
    """The file that a resource of a kustomization comes from; empty if it is not said, or in another repository."""
    lines = dict(line.partition(": ")[::2] for line in annotations.get(ORIGIN, "").splitlines())
    path = lines.get("path", "")
    if not path or "repo" in lines:
        return ""
    is_built_here = place.file.endswith(_KUSTOMIZED)
    folder = place.file.removesuffix(_KUSTOMIZED) if is_built_here else Path(place.file).parent
    return normpath(Path(folder) / path)


def with_chart_sources(findings: LintFindings, contents: FileContents | None) -> LintFindings:
    """The findings with the templates of charts that their documents were rendered from."""
    if contents is None:
        return findings
    texts = {file: text.text for file in contents.files() if (text := contents.text(file))}
    lines = {file: text.split("\n") for file, text in texts.items() if _SOURCE in text}

    def sourced(one: LintFinding) -> LintFinding:
        if one.source or one.place.file not in lines:
            return one
        return replace(one, source=_template(lines[one.place.file], one.place.line))

    if not lines:
        return findings
    suppressed = tuple(replace(one, finding=sourced(one.finding)) for one in findings.suppressed)
    return replace(findings, found=tuple(map(sourced, findings.found)), suppressed=suppressed)


def _template(lines: list[str], number: int) -> str:
    """The last comment with a template above a line, in its document."""
    for line in reversed(lines[:number]):
        if line.startswith(_SOURCE):
            return line.removeprefix(_SOURCE).strip()
        if line.startswith("---"):
            break
    return ""
