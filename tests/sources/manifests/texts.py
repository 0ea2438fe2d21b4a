"""Reading a text as if it were a file."""

from ringfence.model.objects import NetworkPolicy
from ringfence.sources.loading import LoadedObjects, collect
from ringfence.sources.manifests import read_content

FILE = "f.yaml"


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
