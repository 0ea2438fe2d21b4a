"""Manifests from a kustomization, which `kubectl` or `kustomize` builds: whichever is installed."""

import shutil
from typing import Final

from ringfence.errors import ManifestError
from ringfence.sources.loading import LoadedObjects, collect
from ringfence.sources.manifests.content import read_content

_BUILDERS: Final = (("kubectl", "kustomize"), ("kustomize", "build"))


def build_kustomization(folder: str) -> LoadedObjects:
    """The objects of the kustomization in `folder`, or at a URL; their places are lines of what was built.

    Raises ManifestError if it cannot be built, with the builder's message.
    """
    command = _builder()
    if command is None:
        raise ManifestError(
            f"{folder}: neither kubectl nor kustomize is on PATH to build this kustomization: install one of them, "
            "or build it elsewhere and pass the result with -f"
        )
    import subprocess  # imported here: most runs never build a kustomization

    built = subprocess.run([*command, "--", folder], stdin=subprocess.DEVNULL, capture_output=True)
    if built.returncode != 0:
        said = built.stderr.decode(errors="replace").strip()
        raise ManifestError(f"{folder}: `{' '.join(command)}` failed: {said}")
    return collect(read_content(built.stdout, f"{folder} (kustomize)"))


def _builder() -> tuple[str, str] | None:
    return next((command for command in _BUILDERS if shutil.which(command[0])), None)
