"""Objects from manifests: files, folders, standard input and kustomizations."""

from ringfence.sources.manifests.files import read
from ringfence.sources.manifests.kustomize import build

__all__ = ["build", "read"]
