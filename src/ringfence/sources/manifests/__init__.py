"""Objects from manifests: files, folders, standard input and kustomizations; and YAML as kubectl understands it."""

from ringfence.sources.manifests.comments import comments_of
from ringfence.sources.manifests.content import parse_yaml, read_content
from ringfence.sources.manifests.files import read_files
from ringfence.sources.manifests.kustomize import build_kustomization

__all__ = ["build_kustomization", "comments_of", "parse_yaml", "read_content", "read_files"]
