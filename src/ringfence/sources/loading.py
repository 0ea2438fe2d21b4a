"""Model objects from parsed documents: the objects, the documents that are skipped, and the problems of both."""

import re
from collections.abc import Callable, Iterator, Mapping
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
from ringfence.model.objects import Manifest
from ringfence.model.operated_kinds import is_operated, operated_object
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.refusals import refusal
from ringfence.model.remedies import Mistake, remedy_of
from ringfence.model.suppressions import suppressions_of
from ringfence.model.text_edits import column_of, rename_key
from ringfence.model.unread_kinds import unread_kind_of
from ringfence.sources.loaded_objects import (
    Found,
    OwnDocument,
    Skipped,
    UnreadManifest,
    Unrelated,
)
from ringfence.sources.object_problems import (
    FIELDS_OF_OBJECTS,
    Fields,
    foreign_policy,
    is_of_kubernetes,
    kustomization,
    misspelt,
    name_of,
    refusal_of,
    refusal_problem,
    wrong_type,
)
from ringfence.sources.rendered import with_kustomize_origin

DEEPEST_FIELD: Final = 16
"""The depth to which the places of fields are kept: no field that is read is deeper, and paths grow with depth."""


_REMEDY_OF_A_LATER_FIELD: Final = "use a version of ringfence that knows it, if there is one: answers ignore this field"

Progress = Callable[[int, int], None]
"""Called repeatedly during a long read with the bytes done and the bytes in total."""


Done = Callable[[int], None]
"""Called repeatedly while one text is read, with how much of it is done."""


_OWN: Final = "ringfence"


OWN_KINDS: Final = ("ReachabilityTest",)
"""The kinds of documents that are for ringfence itself, and are not Kubernetes objects."""

LINT_BASELINE: Final = "LintBaseline"
"""The kind of a file of findings that do not count, which is neither an object nor a test."""

_KUSTOMIZE_GROUP: Final = "kustomize.config.k8s.io/"


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
    origin = with_kustomize_origin(origin, tree)
    api_version, name = tree.get("apiVersion"), tree.get("kind")
    if is_list(name) and not isinstance(tree.get("items"), list | None):
        place = msgspec.structs.replace(origin, fields=fields()).at("items")
        message = f"items: a list of objects is expected here, not {_named(tree['items'])}"
        yield Problem(place, ProblemCode.NOT_AN_OBJECT, message, remedy="write a dash before each object")
        return
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
    # The order follows from what must not be lost: refused objects first, then policies that are recognised, and only
    # last what is skipped as unsupported.
    if refusal := refusal_of(api_version, name):
        yield refusal_problem(refusal, tree, origin, fields)
    elif kind is None and (unread := unread_kind_of(tree)):
        yield UnreadManifest(unread.key, tree, origin.at())
    elif kind is None and is_operated(api_version, name):
        yield operated_object(tree)
    elif kind is None and (meant := KINDS.meant_by(str(api_version), str(name))):
        yield misspelt(tree, meant, msgspec.structs.replace(origin, fields=fields()))
    elif kind is None:
        if namesakes := [one for one in KINDS.called(name) if one.is_policy]:
            yield foreign_policy(tree, namesakes[0], msgspec.structs.replace(origin, fields=fields()))
        yield Skipped(_kind_and_group(str(api_version), str(name)))
    elif kind.is_policy:
        yield from _policy(tree, kind, msgspec.structs.replace(origin, fields=fields()))
    else:
        yield from _other(tree, kind, origin, fields)


def _is_own(tree: Mapping[str, object]) -> bool:
    """Whether a document is for ringfence itself: a mistake in one of its words must not make it an unknown object."""
    version, kind = str(tree.get("apiVersion") or ""), tree.get("kind")
    if kind in OWN_KINDS:
        return is_of_kubernetes(version) or _OWN in version
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


def _policy(tree: dict[str, object], kind: Kind, origin: Origin) -> Iterator[Found]:
    name, stored = name_of(tree, kind), must_count(tree)
    try:
        refused = [] if stored else refusals(tree)
        policy = None if refused else decode(tree)
    except DecodingError as error:
        yield wrong_type(error, tree, kind, origin)
        return
    for path in former_fields(tree):
        message = f'unknown field "{path}": {kind.former_fields[path]}'
        code = ProblemCode.FORMER_FIELD
        remedy = remedy_of(Mistake(code, path))
        yield Problem(origin.key_at(path), code, message, Severity.WARNING, name, remedy=remedy)
    unknown = unknown_fields(tree)
    for field in unknown:
        message = f"{'' if stored else 'strict decoding error: '}unknown field {go_quoted(field.path)}"
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
        remedy = remedy or (_REMEDY_OF_A_LATER_FIELD if stored else "")
        fix = rename_key(origin, field.path, field.name, field.nearest) if field.nearest else None
        yield Problem(origin.key_at(field.path), code, message, object=name, fix=fix, remedy=remedy)
    if not unknown:
        yield from (refusal(error, origin, name, may_concern_policies=True) for error in refused)
    # A server that stored a policy with a field that is unknown here is newer than this table: the policy is in force,
    # and only what the field means is missing. So it is with a policy of a later version.
    if policy is not None and (stored or not unknown):
        yield Manifest(policy, origin, stored, str(tree["apiVersion"]), stored_tree(tree))


def _other(tree: dict[str, object], kind: Kind, origin: Origin, fields: Fields) -> Iterator[Found]:
    try:
        read = decode(tree)
    except DecodingError as error:
        yield wrong_type(error, tree, kind, msgspec.structs.replace(origin, fields=fields()))
        return
    if read is None:
        return
    stored = has_been_stored(tree)
    api_version = str(tree["apiVersion"])
    # Places take time and memory, and only a problem needs them: 100,000 pods have none.
    if api_version in kind.removed or (not stored and kind.may_be_refused(read)):
        origin = msgspec.structs.replace(origin, fields=fields())
    yield Manifest(read, origin, stored, api_version, suppressions=suppressions_of(tree))


def _kind_and_group(api_version: str, kind: str) -> str:
    """The kind as kubectl names it, with the group of a custom resource: `Service.serving.knative.dev`."""
    group = api_version.rpartition("/")[0]
    return kind if is_of_kubernetes(api_version) else f"{kind}.{group}"


_TEXT_OF_OBJECTS: Final = re.compile(r"\b(?:apiVersion|kind|metadata|spec) *:")
"""Matches a text that should have been a mapping: to YAML, `kind:NetworkPolicy` without the space is a text."""


def _looks_like_an_object(tree: object) -> bool:
    """Whether a document looks like an object of Kubernetes, or a list of objects."""
    match tree:
        case dict():
            # Without quotes of a word processor and invisible characters, which YAML takes for letters.
            has_fields = any(re.sub(r"\W", "", str(key)).lower() in FIELDS_OF_OBJECTS for key in tree)
            return has_fields and not _is_chart(tree)
        case list():
            return any(isinstance(item, dict) and _looks_like_an_object(item) for item in tree)
        case str():
            return _TEXT_OF_OBJECTS.search(tree) is not None
    return False


def _is_chart(tree: Mapping[str, object]) -> bool:
    """Whether it is the `Chart.yaml` of a Helm chart: an `apiVersion` and no `kind`, but a `name` and a `version`."""
    return "kind" not in tree and "metadata" not in tree and {"apiVersion", "name", "version"} <= tree.keys()


def _named(tree: object) -> str:
    match tree:
        case list():
            return "a list"
        case bool() | int() | float():
            return "a number or a boolean"
        case str():
            return "a text"
        case dict():
            return "a mapping"
    return "nothing"
