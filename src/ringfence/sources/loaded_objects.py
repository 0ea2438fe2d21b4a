"""What sources find: objects with their places, problems, and documents that are not read.

Sources yield these one by one, in order; `collect` collects them in a `LoadedObjects`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from ringfence.model.objects import Manifest
from ringfence.model.operated_kinds import OperatedObject
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem
from ringfence.model.unread_policies import UnreadPolicy


class Skipped(msgspec.Struct, frozen=True):
    """An object of an unsupported kind."""

    kind: str


class Unrelated(msgspec.Struct, frozen=True):
    """A document that is not an object of Kubernetes and does not look like one, such as the values of a chart."""

    file: str
    document: int


class UnreadManifest(msgspec.Struct, frozen=True):
    """A policy that is recognised and not read, as it is written, and where; `kind` is the key of its kind.

    What is read of it (`model.unread_kinds.unread_policy`) depends on the namespace that it is put in.
    """

    kind: str
    written: Mapping[str, object]
    place: Place


class OwnDocument(msgspec.Struct, frozen=True):
    """A document for ringfence itself, such as one with tests: what is written, and where. It is not an object."""

    written: Mapping[str, object]
    origin: Origin


Found = Manifest | Problem | Skipped | Unrelated | UnreadManifest | UnreadPolicy | OperatedObject | OwnDocument


class LoadedObjects(msgspec.Struct, frozen=True):
    """All that was read, in the order of the input.

    `skipped` counts the objects of unsupported kinds, `unrelated` the documents that are not objects of Kubernetes.
    `unread` are those of the skipped objects that are policies, and may make answers wrong; `unlisted` stand for all
    policies of a kind that could not be listed. `operated` are those of the skipped objects of which an operator makes
    pods. `own` are documents for ringfence itself. `only_namespace` is the only namespace that could be read, if it was
    not possible to read all. `unlisted_users` are the kinds of objects that use Services of which none were listed.
    """

    manifests: list[Manifest]
    problems: list[Problem]
    skipped: Counter[str]
    unrelated: int = 0
    unread: list[UnreadManifest] = msgspec.field(default_factory=list)
    unlisted: list[UnreadPolicy] = msgspec.field(default_factory=list)
    operated: list[OperatedObject] = msgspec.field(default_factory=list)
    own: list[OwnDocument] = msgspec.field(default_factory=list)
    only_namespace: str = ""
    unlisted_users: frozenset[str] = frozenset()


def collect(findings: Iterable[Found]) -> LoadedObjects:
    """The findings, sorted by their type."""
    loaded = LoadedObjects([], [], Counter())
    unrelated: set[Unrelated] = set()
    for found in findings:
        match found:
            case Manifest():
                loaded.manifests.append(found)
            case Problem():
                loaded.problems.append(found)
            case Skipped(kind):
                loaded.skipped[kind] += 1
            case UnreadManifest():
                loaded.skipped[found.kind] += 1
                loaded.unread.append(found)
            case OperatedObject(kind):
                loaded.skipped[kind] += 1
                loaded.operated.append(found)
            case UnreadPolicy():
                loaded.unlisted.append(found)
            case OwnDocument():
                loaded.own.append(found)
            case Unrelated():
                unrelated.add(found)
    return msgspec.structs.replace(loaded, unrelated=len(unrelated))
