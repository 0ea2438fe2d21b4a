"""The references of a kustomization, by which the folders that it needs are found without building it.

A kustomization can name files and repositories at URLs, which would be fetched when it is built. The author of a
revision may not be trusted, so a kustomization of a revision that names a URL is refused.

Source: kubectl.docs.kubernetes.io, "Kustomization file"; `sigs.k8s.io/kustomize/api/types`, `Kustomization`.
"""

from collections.abc import Iterator
from typing import Final

from ringfence.errors import InputError, ManifestError
from ringfence.sources.manifests import parse_yaml

_FOLDERS: Final = ("resources", "bases", "components", "generators", "transformers", "validators")
"""The fields whose entries may be folders with a kustomization of their own."""
_PLUGINS: Final = frozenset(("generators", "transformers", "validators"))
"""Their entries are configurations of plugins, as files or as texts; some plugins read a file at a URL."""
_FILES: Final = ("crds", "configurations", "patchesStrategicMerge")
_HOLDING_PATHS: Final = ("patches", "patchesJson6902", "replacements", "openapi")
_HOLDING_FILES: Final = ("configMapGenerator", "secretGenerator")


def folders_and_files(content: bytes, name: str) -> Iterator[tuple[str, bool]]:
    """The entries of a kustomization that may be folders, each with whether it is the configuration of a plugin.

    Raises ManifestError if the kustomization cannot be read, and if any of its files or folders is at a URL.
    """
    for document in _documents(content, name):
        for path in _paths_of_files(document):
            _check_local(path, name)
        for field in _FOLDERS:
            for entry in _texts(document.get(field)):
                # A path has no line feed: the entry is the configuration itself, written inline.
                if "\n" in entry and field in _PLUGINS:
                    check_plugin(entry.encode(), name)
                elif "\n" not in entry:
                    _check_local(entry, name)
                    yield entry, field in _PLUGINS


def check_plugin(content: bytes, name: str) -> None:
    """Raise ManifestError for the configuration of a plugin with a URL: it could be read when the plugin runs."""
    for document in _documents(content, name):
        for text in _all_texts(document):
            _check_local(text, name)


def _documents(content: bytes, name: str) -> Iterator[dict[str, object]]:
    try:
        values = parse_yaml(content.decode())
    except (InputError, UnicodeDecodeError) as error:
        raise ManifestError(f"{name}: not YAML: {error}") from None
    yield from (value for value in values if isinstance(value, dict))


def _paths_of_files(document: dict[str, object]) -> Iterator[str]:
    for field in _FILES:
        yield from (text for text in _texts(document.get(field)) if "\n" not in text)
    for field in _HOLDING_PATHS:
        for entry in _entries(document.get(field)):
            yield from _texts(entry.get("path"))
    for field in _HOLDING_FILES:
        for entry in _entries(document.get(field)):
            for key in ("files", "envs", "env"):
                yield from _texts(entry.get(key))


def _entries(value: object) -> Iterator[dict[str, object]]:
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def _texts(value: object) -> Iterator[str]:
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _all_texts(value: object) -> Iterator[str]:
    # A stack, not recursion: the nesting is chosen by the author of the revision.
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(entries):
                waiting += entries
            case dict(fields):
                waiting += fields.values()


def _check_local(text: str, name: str) -> None:
    if "://" in text:
        raise ManifestError(
            f"{name}: {text.strip()!r} is elsewhere, and nothing is fetched for a revision: "
            "add it to the repository, or build both sides elsewhere and compare the results as files"
        )
