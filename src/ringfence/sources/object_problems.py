"""Problems of an object before it is decoded: its kind, its version, the types of values, a text that is not YAML.

The wording is that of kubectl or the API server, whichever refuses first.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ringfence.errors import DecodingError
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.names import name_text
from ringfence.model.origin import FieldRanges, Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.remedies import Mistake, remedy_of
from ringfence.model.text_edits import Replacement, column_of, replace_value, value_of_type

FIELDS_OF_OBJECTS: Final = frozenset(("apiversion", "kind", "metadata", "spec", "podselector", "policytypes"))
"""In lower case. Nearly all files of other programs have none of them."""


Fields = Callable[[], Mapping[str, FieldRanges]]
"""Gives the places of an object's fields, by path; called only for a policy, and for an object with a problem."""


class Refusal(msgspec.Struct, frozen=True):
    """Why kubectl does not send an object, and the `apiVersion` that it should have, where it has a wrong one."""

    code: ProblemCode
    message: str
    api_version: str = ""


def refusal_of(api_version: object, kind: object) -> Refusal | None:
    """Why kubectl does not even send an object of this `apiVersion` and `kind`; None if it does.

    A kind of the table must have one of its versions: a NetworkPolicy of `v1` would otherwise be taken for a custom
    resource of the same name, and be skipped.
    """
    missing = [field for field, value in (("apiVersion", api_version), ("kind", kind)) if value in (None, "")]
    if missing:
        unset = ", ".join(f"{field} not set" for field in missing)
        return Refusal(ProblemCode.MISSING_TYPE, f"error validating data: {unset}")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return Refusal(ProblemCode.WRONG_TYPE, "error validating data: apiVersion and kind must be strings")
    if KINDS.find(api_version, kind) is None:
        for known in KINDS.called(kind):
            if is_of_kubernetes(api_version) or api_version.rpartition("/")[0] == known.group:
                current = known.api_versions[0]
                message = f'no matches for kind "{kind}" in version "{api_version}" (it is in {current})'
                return Refusal(ProblemCode.UNKNOWN_VERSION, message, current)
    return None


def refusal_problem(refusal: Refusal, tree: Mapping[str, object], origin: Origin, fields: Fields) -> Problem:
    """The problem of an object that kubectl does not send, with its remedy."""
    meant = KINDS.called(tree.get("kind"))
    concern = not meant or any(kind.may_concern_policies for kind in meant)
    if not refusal.api_version:
        api_version = meant[0].api_versions[0] if len(meant) == 1 else None
        return Problem(
            origin.at(),
            refusal.code,
            refusal.message,
            object=name_of(tree),
            may_concern_policies=concern,
            remedy=remedy_of(Mistake(refusal.code, "", tree, meant=api_version)),
        )
    origin = msgspec.structs.replace(origin, fields=fields())
    fix = replace_value(origin, "apiVersion", Replacement(str(tree["apiVersion"]), refusal.api_version))
    return Problem(
        origin.at("apiVersion"),
        refusal.code,
        refusal.message,
        object=name_of(tree),
        fix=fix,
        may_concern_policies=concern,
    )


def wrong_type(error: DecodingError, tree: Mapping[str, object], kind: Kind, origin: Origin) -> Problem:
    """The problem of a value that does not have the type of its field."""
    code = ProblemCode.WRONG_TYPE
    right = value_of_type(error.value, error.expected)
    return Problem(
        origin.at(error.path),
        code,
        str(error),
        object=name_of(tree, kind),
        fix=replace_value(origin, error.path, right) if right else None,
        may_concern_policies=kind.may_concern_policies,
        remedy=remedy_of(
            Mistake(
                code,
                error.path,
                error.value,
                meant=right.new if right else None,
                expected=error.expected,
                column=column_of(origin, error.path, error.value) if isinstance(error.value, str) else 0,
            )
        ),
    )


def foreign_policy(tree: Mapping[str, object], namesake: Kind, origin: Origin) -> Problem:
    """The warning about a policy of another system, or of a group that is not much like the right one."""
    message = (
        f"{namesake.name} of {tree['apiVersion']} is not read; that of Kubernetes is in {namesake.api_versions[0]}"
    )
    return Problem(origin.at("apiVersion"), ProblemCode.UNKNOWN_KIND, message, Severity.WARNING, name_of(tree))


def misspelt(tree: Mapping[str, object], meant: Kind, origin: Origin) -> Problem:
    """The problem of an object whose kind or group does not exist, while it is clear which one was meant.

    To skip it as an object of another system would leave out a policy silently.
    """
    api_version, name = str(tree["apiVersion"]), str(tree["kind"])
    is_kind = name != meant.name
    field, written, right = (
        ("kind", name, meant.name) if is_kind else ("apiVersion", api_version, meant.api_versions[0])
    )
    message = f'no matches for kind "{name}" in version "{api_version}": did you mean {right}?'
    return Problem(
        origin.at(field),
        ProblemCode.UNKNOWN_KIND,
        message,
        object=name_of(tree),
        fix=replace_value(origin, field, Replacement(written, right)),
        may_concern_policies=meant.may_concern_policies,
    )


def duplicate_key(key: str, place: Place) -> Problem:
    """kubectl uses the last of two equal keys without a warning, so that a rule can lose half of its peers."""
    message = f'key "{key}" already set in map: only the last one counts'
    remedy = remedy_of(Mistake(ProblemCode.DUPLICATE_KEY, "", name=key))
    return Problem(place, ProblemCode.DUPLICATE_KEY, message, Severity.WARNING, remedy=remedy)


def unreadable(place: Place, code: ProblemCode, message: str, text: str, remedy: str) -> Problem:
    """The problem of a text that is not YAML or JSON.

    It concerns no policy if the text has none of the words that every object contains, and is not a template.
    """
    words = text.lower()
    concern = "{{" in words or any(field in words for field in FIELDS_OF_OBJECTS)
    return Problem(place, code, message, may_concern_policies=concern, remedy=remedy)


def kustomization(place: Place) -> Problem:
    """The problem of a kustomization beside manifests.

    It decides which of the manifests are applied and what is changed in them: without it they can mean something else.
    """
    message = "this is a kustomization, which has to be built: use -k FOLDER"
    return Problem(place, ProblemCode.KUSTOMIZATION, message)


def name_of(tree: Mapping[str, object], kind: Kind | None = None) -> str:
    """The name of the object in a message: `NetworkPolicy prod/db-policy`, or less if it lacks some of these fields.

    Where it is of a known `kind`, that is called by its key.
    """
    metadata = tree.get("metadata")
    fields: Mapping[str, object] = metadata if isinstance(metadata, dict) else {}
    name = fields.get("name") or fields.get("generateName")
    path = "/".join(name_text(part) for part in (fields.get("namespace"), name) if part)
    return f"{kind or name_text(tree.get('kind') or '')} {path}".strip()


def is_of_kubernetes(api_version: str) -> bool:
    """Whether the group is one that Kubernetes keeps for itself: it has no dot, or ends in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group == "k8s.io" or group.endswith(".k8s.io")
