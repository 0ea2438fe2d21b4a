"""Texts of manifests, and reading them as if they were files."""

from typing import Any

from ringfence.model.objects import NetworkPolicy
from ringfence.sources.loaded_objects import LoadedObjects, collect
from ringfence.sources.manifests import read_content

FILE = "f.yaml"

Tree = dict[str, Any]


def read(text: str | bytes) -> LoadedObjects:
    """What is in a file with this text."""
    return collect(read_content(text.encode() if isinstance(text, str) else text, FILE))


def names(reading: LoadedObjects) -> list[str]:
    """The names of the objects, in order."""
    return [manifest.object.metadata.name for manifest in reading.manifests]


def problems(reading: LoadedObjects) -> list[str]:
    """The problems, as they are printed."""
    return [str(problem) for problem in reading.problems]


def the_policy(reading: LoadedObjects) -> NetworkPolicy:
    """The only object, which is a policy, in a reading without problems."""
    assert not reading.problems, problems(reading)
    (manifest,) = reading.manifests
    assert isinstance(manifest.object, NetworkPolicy)
    return manifest.object


def pod(name: str, **labels: object) -> Tree:
    """A pod with these labels."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}


def listed(*items: object, kind: str = "List") -> Tree:
    """A list of objects, as kubectl prints it."""
    return {"apiVersion": "v1", "kind": kind, "items": items, "metadata": {"resourceVersion": ""}}
