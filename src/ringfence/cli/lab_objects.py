"""The objects that `lab apply` and `lab delete` are about: from files, or by kind and name."""

from typing import Final

import msgspec

from ringfence.analysis.endpoints import KINDS as ENDPOINT_KINDS
from ringfence.cli.inputs import Inputs
from ringfence.cli.terminal import print_message
from ringfence.errors import InputError
from ringfence.model.kinds import KINDS, in_namespace, kind_of, namespace_of
from ringfence.model.objects import DEFAULT_NAMESPACE, Manifest, Object
from ringfence.model.problems import Problem
from ringfence.model.served_versions import version_problem
from ringfence.render.problems import problem_text

ObjectName = tuple[str, str, str]
"""Namespace (empty for kinds without one), kind and name."""

_NAMES_OF_KINDS: Final = {
    **ENDPOINT_KINDS,
    **{kind.key.lower(): kind.key for kind in KINDS},
    **{kind.plural: kind.key for kind in KINDS if kind.key == kind.name},
    "netpol": "NetworkPolicy",
    "ns": "Namespace",
    "no": "Node",
}
"""The kinds by the names that kubectl accepts: singular, plural and short."""


def read_manifests(inputs: Inputs) -> tuple[list[Manifest], list[Problem]]:
    """The objects of the files, and the problems of others, which are also printed on standard error.

    Objects without a namespace get that of `-n`. Raises InputError if no files are named.
    """
    from ringfence.sources.manifests import FolderFiles, build_kustomization, read_files

    readings = []
    if inputs.filenames:
        readings.append(read_files(list(inputs.filenames), FolderFiles(inputs.recursive, inputs.exclude)))
    if inputs.kustomize:
        readings.append(build_kustomization(inputs.kustomize))
    if not readings:
        raise InputError("no objects: use -f FILE or -k FOLDER")
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    for reading in readings:
        for manifest in reading.manifests:
            # The laboratory compares objects by namespace and name, so each needs its namespace here already.
            placed = in_namespace(manifest.object, inputs.namespace or DEFAULT_NAMESPACE)
            manifests.append(msgspec.structs.replace(manifest, object=placed))
        problems += reading.problems
        problems += filter(None, (version_problem(manifest, None) for manifest in reading.manifests))
    for problem in problems:
        print_message(problem_text(problem))
    return manifests, problems


def name_of_object(obj: Object) -> ObjectName:
    """The name of an object."""
    return namespace_of(obj), kind_of(obj), obj.metadata.name


def object_name(kind: str, namespace: str | None, name: str) -> ObjectName:
    """The name of an object of a kind as kubectl accepts it. Raises InputError for an unknown kind."""
    known = _NAMES_OF_KINDS.get(kind.lower())
    if known is None:
        raise InputError(f"{kind!r} is not a kind in the laboratory: use netpol, pod, svc, deploy, ns, ...")
    row = KINDS.keyed(known)
    is_namespaced = row is None or row.is_namespaced
    return (namespace or DEFAULT_NAMESPACE) if is_namespaced else "", known, name


def object_text(name: ObjectName) -> str:
    """The name of an object in messages."""
    namespace, kind, own_name = name
    return f"{kind} {namespace}/{own_name}" if namespace else f"{kind} {own_name}"
