"""Manifests that another program renders: kustomizations by `kubectl` or `kustomize`, charts by `helm`.

The files of a revision may be hostile. The program therefore runs in an environment of its own, without the user's
configuration, without plugins and git, and without access to a network.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ringfence.errors import ManifestError
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.loaded_objects import LoadedObjects, collect
from ringfence.sources.manifests.content import read_content
from ringfence.sources.shared_documents import SharedDocuments

CHART: Final = "Chart.yaml"
"""The file that makes a folder a chart."""
TEMPLATE_MARK: Final = b"{{"
"""The mark of a file that must be rendered before it can be read."""

_BUILDERS: Final = (("kubectl", "kustomize"), ("kustomize", "build"))
_SECONDS: Final = 300
_NOWHERE: Final = "http://127.0.0.1:9"
"""The URL of a proxy that does not exist (port 9 is discard, RFC 863): every fetch fails at once."""


class Exported(msgspec.Struct, frozen=True):
    """Where the files of a revision were written to, and what messages call that folder; `home` is an empty folder."""

    root: Path
    name: str
    home: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The whole environment of a program that reads the files."""
        empty = str(self.home)
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
        return {"HOME": empty, "PATH": empty, "TMPDIR": empty, "LC_ALL": "C", "KUBECONFIG": "/dev/null", **proxies}

    def renamed(self, text: str) -> str:
        """The output of a program, with the names that files have in the revision."""
        # A program may print the path with symbolic links resolved, such as `/private/tmp` for `/tmp`.
        for root in dict.fromkeys((str(self.root), str(self.root.resolve()))):
            text = text.replace(f"{root}/", self.name).replace(root, self.name)
        return text


def unrendered_chart(file: str, count: int, remedy: str) -> Problem:
    """One problem for all templates of a chart: each would have several errors, none of which could be corrected."""
    files = "1 file is a template" if count == 1 else f"{count} files are templates"
    message = f"this is a Helm chart, which has to be rendered: {files} and not read"
    return Problem(Place(file, 1), ProblemCode.HELM_CHART, message, remedy=remedy)


def build_kustomization(
    folder: str, exported: Exported | None = None, shared: SharedDocuments | None = None
) -> LoadedObjects:
    """The objects of the kustomization in `folder`, or at a URL; their places are lines of what was built.

    With `exported`, the folder is one of a revision. Raises ManifestError if it cannot be built, with the builder's
    message.
    """
    command = next((one for one in _BUILDERS if shutil.which(one[0])), None)
    if command is None:
        raise ManifestError(
            f"{_name(folder, exported)}: neither kubectl nor kustomize is on PATH to build this kustomization: install "
            "one of them, or build it elsewhere and pass the result with -f"
        )
    if exported is None and Path(folder).is_file():
        raise ManifestError(f"{folder}: -k takes the folder of a kustomization: use -f to read a file")
    # `--`: a folder whose name begins with a dash must not become an option.
    return _rendered((*command, "--"), folder, "kustomize", exported, shared)


def render_chart(
    folder: str,
    values: Sequence[str] = (),
    namespace: str = "default",
    exported: Exported | None = None,
    shared: SharedDocuments | None = None,
) -> LoadedObjects:
    """The objects of the Helm chart in `folder`, with the values of some files; places are lines of what was rendered.

    With `exported`, the folder is one of a revision, and so are the files. Raises ManifestError if it cannot be
    rendered, with helm's message.
    """
    if shutil.which("helm") is None:
        raise ManifestError(
            f"{_name(folder, exported)}: helm is not on PATH to render this chart: install it, or render it elsewhere "
            "and pass the result with -f"
        )
    given = [f"--values={_path(file, exported)}" for file in values]
    command = ("helm", "template", f"--namespace={namespace}", *given, "--")
    return _rendered(command, folder, "helm", exported, shared)


def _rendered(
    command: Sequence[str], folder: str, program: str, exported: Exported | None, shared: SharedDocuments | None
) -> LoadedObjects:
    import subprocess  # imported here: most runs never render anything

    name = _name(folder, exported)
    path = shutil.which(command[0])
    assert path is not None
    # The user's own files are rendered in the user's environment; only those of a revision are not trusted.
    environment = exported.environment if exported else None
    try:
        made = subprocess.run(
            [path, *command[1:], _path(folder, exported)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ManifestError(f"{name}: {command[0]} did not end within {_SECONDS} s") from None
    if made.returncode != 0:
        said = made.stderr.decode(errors="replace").strip()
        raise ManifestError(f"{name}: `{' '.join(command[:2])}` failed: {exported.renamed(said) if exported else said}")
    return collect(read_content(made.stdout, f"{name} ({program})", shared=shared))


def _name(folder: str, exported: Exported | None) -> str:
    return f"{exported.name}{folder}" if exported else folder


def _path(path: str, exported: Exported | None) -> str:
    return str(exported.root / path) if exported else path
