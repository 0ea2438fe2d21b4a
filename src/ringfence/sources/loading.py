"""The output of every source: objects with their places, problems, and what is not read.

Sources yield these one by one, in order; `collect` makes `LoadedObjects` of it. The wording is that of kubectl or the
API server, whichever refuses first.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ringfence.errors import DecodingError
from ringfence.model.decoding import (
    decode,
    former_fields,
    has_been_stored,
    must_count,
    refusals,
    stored_tree,
    unknown_fields,
)
from ringfence.model.field_errors import go_quoted
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.names import name_text
from ringfence.model.objects import Manifest
from ringfence.model.operated_kinds import OperatedObject, is_operated, operated_object
from ringfence.model.origin import FieldRanges, Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.refusals import refusal
from ringfence.model.remedies import Mistake, remedy_of
from ringfence.model.text_edits import Replacement, column_of, rename_key, replace_value, value_of_type
from ringfence.model.unread_kinds import unread_kind_of
from ringfence.model.unread_policies import UnreadPolicy

DEEPEST_FIELD: Final = 16
"""How deep fields are whose places are kept; no field that is read is deeper, and paths grow with their depth."""

Progress = Callable[[int, int], None]
"""Called repeatedly during a long read with the bytes done and the bytes in total."""

Done = Callable[[int], None]
"""Called repeatedly while one text is read, with how much of it is done."""

Fields = Callable[[], Mapping[str, FieldRanges]]
"""Gives the places of an object's fields, by path; called only for a policy, and for an object with a problem."""


class Skipped(msgspec.Struct, frozen=True):
    """An object of an unsupported kind."""

    kind: str


class Unrelated(msgspec.Struct, frozen=True):
    """A document that is not an object of Kubernetes and does not look like one, such as the values of a chart."""

    file: str
    document: int


_OWN: Final = "ringfence"
OWN_KINDS: Final = ("ReachabilityTest",)
"""The kinds of documents that are for ringfence itself, and no objects."""

LINT_BASELINE: Final = "LintBaseline"
"""The kind of a file of findings that do not count, which is neither an object nor a test."""

_KUSTOMIZE_GROUP: Final = "kustomize.config.k8s.io/"


class UnreadManifest(msgspec.Struct, frozen=True):
    """A policy that is recognised and not read, as it is written, and where; `kind` is the key of its kind.

    What is read of it (`model.unread_kinds.unread_policy`) depends on the namespace that it is put in.
    """

    kind: str
    written: Mapping[str, object]
    place: Place


class OwnDocument(msgspec.Struct, frozen=True):
    """A document for ringfence itself, such as one with tests: what is written, and where. It is no object."""

    written: Mapping[str, object]
    origin: Origin


Found = Manifest | Problem | Skipped | Unrelated | UnreadManifest | UnreadPolicy | OperatedObject | OwnDocument


class LoadedObjects(msgspec.Struct, frozen=True):
    """All that was read, in the order of the input.

    `skipped` counts the objects of unsupported kinds, `unrelated` the documents that are not objects of Kubernetes.
    `unread` are those of the skipped objects that are policies, and may make answers wrong; `unlisted` stand for all
    policies of a kind that could not be listed. `operated` are those of the skipped objects of which an operator makes
    pods. `own` are documents for ringfence itself. `only_namespace` is the only namespace that could be read, if it was
    not possible to read all.
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


def read_object(tree: object, origin: Origin, fields: Fields, *, in_list: bool = False) -> Iterator[Found]:
    """The finding for one object that is not a list. `origin` says where it starts, `fields` where its fields are.

    `in_list` says that it is an item of a list of objects, where anything that is not an object is an error.
    An object with a problem that the API server would not accept is not used: only the problem is found.
    """
    if not in_list and not _looks_like_an_object(tree):
        yield Unrelated(origin.file, origin.document)
        return
    if not isinstance(tree, dict):
        code = ProblemCode.NOT_AN_OBJECT
        message = f"an object is expected here, not {_named(tree)}"
        yield Problem(origin.at(), code, message, remedy=remedy_of(Mistake(code, "", tree)))
        return
    api_version, name = tree.get("apiVersion"), tree.get("kind")
    if str(api_version).startswith(_KUSTOMIZE_GROUP) and name in ("Kustomization", "Component"):
        yield kustomization(origin.at())
        return
    if _is_own(tree):
        yield OwnDocument(tree, msgspec.structs.replace(origin, fields=fields()))
        return
    if _is_output(tree):
        yield Unrelated(origin.file, origin.document)
        return
    kind = KINDS.find(api_version, name)
    if refusal := refusal_of(api_version, name):
        yield _refusal_problem(refusal, tree, origin, fields)
    elif kind is None and (unread := unread_kind_of(tree)):
        yield UnreadManifest(unread.key, tree, origin.at())
    elif kind is None and is_operated(api_version, name):
        yield operated_object(tree)
    elif kind is None and (meant := KINDS.meant_by(str(api_version), str(name))):
        yield _misspelt(tree, meant, msgspec.structs.replace(origin, fields=fields()))
    elif kind is None:
        if namesakes := [one for one in KINDS.called(name) if one.is_policy]:
            yield _foreign_policy(tree, namesakes[0], msgspec.structs.replace(origin, fields=fields()))
        yield Skipped(_kind_and_group(str(api_version), str(name)))
    elif kind.is_policy:
        yield from _policy(tree, kind, msgspec.structs.replace(origin, fields=fields()))
    else:
        yield from _other(tree, kind, origin, fields)


def _is_own(tree: Mapping[str, object]) -> bool:
    """Whether a document is for ringfence itself: a mistake in one of its words must not make it an unknown object."""
    version, kind = str(tree.get("apiVersion") or ""), tree.get("kind")
    if kind in OWN_KINDS:
        return _is_of_kubernetes(version) or _OWN in version
    return version.startswith(f"{_OWN}/") and ("kind" in tree or "tests" in tree)


def _is_output(tree: Mapping[str, object]) -> bool:
    """Whether a document is one that ringfence has printed."""
    return str(tree.get("apiVersion")).startswith(f"{_OWN}/") and "kind" not in tree


def is_list(kind: object) -> bool:
    """Whether an object with `items` is a list of objects. To kubectl every one is; the kinds of the table are not."""
    return not KINDS.called(kind) and kind not in OWN_KINDS


def item_kind(list_kind: object) -> str:
    """The kind of the items of a list that do not say theirs, as in the API server's own lists; none for a `List`."""
    return list_kind.removesuffix("List") if isinstance(list_kind, str) else ""


def inherit(item: object, api_version: object, kind: object) -> None:
    """Set `apiVersion` and `kind` of an item that has neither."""
    is_known = bool(api_version or kind)
    if is_known and isinstance(item, dict) and not item.get("apiVersion") and not item.get("kind"):
        item |= {"apiVersion": api_version, "kind": kind}


def duplicate_key(key: str, place: Place) -> Problem:
    """kubectl uses the last of two equal keys without a warning, so that a rule can lose half of its peers."""
    message = f'key "{key}" already set in map: only the last one counts'
    remedy = remedy_of(Mistake(ProblemCode.DUPLICATE_KEY, "", name=key))
    return Problem(place, ProblemCode.DUPLICATE_KEY, message, Severity.WARNING, remedy=remedy)


def unreadable(place: Place, code: ProblemCode, message: str, text: str, remedy: str) -> Problem:
    """The problem of a text that is not YAML or JSON.

    It concerns no policy if none of the words stands in it without which there is no object, and it is not a template.
    """
    words = text.lower()
    concern = "{{" in words or any(field in words for field in _FIELDS_OF_OBJECTS)
    return Problem(place, code, message, may_concern_policies=concern, remedy=remedy)


def kustomization(place: Place) -> Problem:
    """The problem of a kustomization beside manifests.

    It says which of them are applied and what is changed in them: read as they are, they can mean something else.
    """
    message = "this is a kustomization, which has to be built: use -k FOLDER"
    return Problem(place, ProblemCode.KUSTOMIZATION, message)


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
            if _is_of_kubernetes(api_version) or api_version.rpartition("/")[0] == known.group:
                current = known.api_versions[0]
                message = f'no matches for kind "{kind}" in version "{api_version}" (it is in {current})'
                return Refusal(ProblemCode.UNKNOWN_VERSION, message, current)
    return None


def name_of(tree: Mapping[str, object], kind: Kind | None = None) -> str:
    """The name of the object in a message: `NetworkPolicy prod/db-policy`, or less if it lacks some of these fields.

    Where it is of a known `kind`, that is called by its key.
    """
    metadata = tree.get("metadata")
    fields: Mapping[str, object] = metadata if isinstance(metadata, dict) else {}
    name = fields.get("name") or fields.get("generateName")
    path = "/".join(name_text(part) for part in (fields.get("namespace"), name) if part)
    return f"{kind or name_text(tree.get('kind') or '')} {path}".strip()


def _policy(tree: dict[str, object], kind: Kind, origin: Origin) -> Iterator[Found]:
    name, stored = name_of(tree, kind), must_count(tree)
    try:
        refused = [] if stored else refusals(tree)
        policy = None if refused else decode(tree)
    except DecodingError as error:
        yield _wrong_type(error, tree, kind, origin)
        return
    for path in former_fields(tree):
        message = f'unknown field "{path}": {kind.former_fields[path]}'
        code = ProblemCode.FORMER_FIELD
        remedy = remedy_of(Mistake(code, path))
        yield Problem(origin.key_at(path), code, message, Severity.WARNING, name, remedy=remedy)
    unknown = unknown_fields(tree)
    for field in unknown:
        message = f"strict decoding error: unknown field {go_quoted(field.path)}"
        code = ProblemCode.UNKNOWN_FIELD
        column = column_of(origin, field.path, field.name, key=True)
        remedy = remedy_of(
            Mistake(
                code,
                field.path,
                field.value,
                meant=field.nearest or None,
                name=field.name,
                home=field.home,
                column=column,
            )
        )
        fix = rename_key(origin, field.path, field.name, field.nearest) if field.nearest else None
        yield Problem(origin.key_at(field.path), code, message, object=name, fix=fix, remedy=remedy)
    if not unknown:
        yield from (refusal(error, origin, name, may_concern_policies=True) for error in refused)
    # A server that stored a policy with a field that is unknown here is newer than this table: the policy is in force,
    # and only what the field means is missing. So it is with a policy of a later version.
    if policy is not None and (stored or not unknown):
        yield Manifest(policy, origin, stored, str(tree["apiVersion"]), stored_tree(tree))


def _refusal_problem(refusal: Refusal, tree: Mapping[str, object], origin: Origin, fields: Fields) -> Problem:
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


def _other(tree: dict[str, object], kind: Kind, origin: Origin, fields: Fields) -> Iterator[Found]:
    try:
        read = decode(tree)
    except DecodingError as error:
        yield _wrong_type(error, tree, kind, msgspec.structs.replace(origin, fields=fields()))
        return
    if read is None:
        return
    stored = has_been_stored(tree)
    api_version = str(tree["apiVersion"])
    if api_version in kind.removed or (not stored and kind.may_be_refused(read)):
        origin = msgspec.structs.replace(origin, fields=fields())
    yield Manifest(read, origin, stored, api_version)


def _wrong_type(error: DecodingError, tree: Mapping[str, object], kind: Kind, origin: Origin) -> Problem:
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


def _foreign_policy(tree: Mapping[str, object], namesake: Kind, origin: Origin) -> Problem:
    """The warning about a policy of another system, or of a group that is not much like the right one."""
    message = (
        f"{namesake.name} of {tree['apiVersion']} is not read; that of Kubernetes is in {namesake.api_versions[0]}"
    )
    return Problem(origin.at("apiVersion"), ProblemCode.UNKNOWN_KIND, message, Severity.WARNING, name_of(tree))


def _kind_and_group(api_version: str, kind: str) -> str:
    """The kind as kubectl names it, with the group of a custom resource: `Service.serving.knative.dev`."""
    group = api_version.rpartition("/")[0]
    return kind if _is_of_kubernetes(api_version) else f"{kind}.{group}"


def _misspelt(tree: Mapping[str, object], meant: Kind, origin: Origin) -> Problem:
    """The problem of an object whose kind or group does not exist, while it is clear which one was meant.

    Skipping it as an object of another system would leave out a policy without a word.
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


_FIELDS_OF_OBJECTS: Final = frozenset(("apiversion", "kind", "metadata", "spec", "podselector", "policytypes"))
"""In lower case. Nearly all files of other programs have none of them."""
_TEXT_OF_OBJECTS: Final = re.compile(r"\b(?:apiVersion|kind|metadata|spec) *:")
"""In a text that was to be a mapping: `kind:NetworkPolicy` without the space is a text to YAML."""


def _looks_like_an_object(tree: object) -> bool:
    """Whether a document was to be an object of Kubernetes, or a list of some."""
    match tree:
        case dict():
            # Without quotes of a word processor and invisible characters, which YAML takes for letters.
            has_fields = any(re.sub(r"\W", "", str(key)).lower() in _FIELDS_OF_OBJECTS for key in tree)
            return has_fields and not _is_chart(tree)
        case list():
            return any(isinstance(item, dict) and _looks_like_an_object(item) for item in tree)
        case str():
            return _TEXT_OF_OBJECTS.search(tree) is not None
    return False


def _is_chart(tree: Mapping[str, object]) -> bool:
    """Whether it is the `Chart.yaml` of a Helm chart: an `apiVersion` and no `kind`, but a `name` and a `version`."""
    return "kind" not in tree and "metadata" not in tree and {"apiVersion", "name", "version"} <= tree.keys()


def _is_of_kubernetes(api_version: str) -> bool:
    """Whether the group is one that Kubernetes keeps for itself: it has no dot, or ends in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group == "k8s.io" or group.endswith(".k8s.io")


def _named(tree: object) -> str:
    match tree:
        case list():
            return "a list"
        case bool() | int() | float():
            return "a number or a boolean"
        case str():
            return "a text"
    return "nothing"
