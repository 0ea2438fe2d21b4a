"""Objects from manifests: files, folders, standard input and kustomizations; and YAML as kubectl understands it."""

from ringfence.sources.manifests.comments import comments_of, find_comments
from ringfence.sources.manifests.content import MAX_BYTES, parse_yaml, read_content
from ringfence.sources.manifests.files import KUSTOMIZATIONS, SUFFIXES, read_files
from ringfence.sources.manifests.kustomize import build_kustomization
from ringfence.sources.manifests.paths import STANDARD_INPUT, Exclusion

__all__ = [
    "KUSTOMIZATIONS",
    "MAX_BYTES",
    "STANDARD_INPUT",
    "SUFFIXES",
    "Exclusion",
    "build_kustomization",
    "comments_of",
    "find_comments",
    "parse_yaml",
    "read_content",
    "read_files",
]
