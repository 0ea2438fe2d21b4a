"""From the API's JSON to model objects, with the messages of the API server for wrong types.

The input is a tree of dicts, lists and scalars, or JSON text. `msgspec` decodes it. Only a tree that `msgspec`
refuses is decoded again by `go_json`, which is slower, accepts what Go accepts, and explains the rest.

Sources: `apiserver/pkg/endpoints/handlers`; the types of the API, v1.36.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import StructType, Type, UnionType, VarTupleType

from ringfence.errors import DecodingError
from ringfence.model.field_errors import FieldError
from ringfence.model.go_json import conform, conforms, json_type, member, shape_of
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.metadata import PolicyMeta
from ringfence.model.objects import Object
from ringfence.model.structural_schemas import Schema, as_stored, schema_errors, unknown_names
from ringfence.model.validation import custom_resource_errors


def decode(tree: object) -> Object | None:
    """The object in `tree`, or None if its `apiVersion` and `kind` are not supported.

    Raises DecodingError for the first value of a wrong type. Fields that no answer depends on are ignored.
    """
    kind = kind_of_tree(tree)
    if kind is None or not isinstance(tree, Mapping):
        return None
    # A server checks a custom resource against the schema of its definition, and not against Go types.
    if kind.schema is not None:
        return _built(kind, _custom_resource(tree, kind, kind.schema))
    try:
        written = msgspec.convert(tree, kind.shape)
    except msgspec.ValidationError:
        written = msgspec.convert(_conformed(tree, kind), kind.shape)
    built = _built(kind, written)
    return kind.former_defaults(built) if tree["apiVersion"] in kind.removed else built


def prepare(kind: Kind) -> None:
    """Prepare the decoder of a kind, before several threads use it.

    msgspec reads the fields of a type when the type is first used. A thread that uses it at the same moment, or another
    type that contains it, ends the process with a segmentation fault (msgspec 0.22).
    """
    _decoder(kind)
    if kind.subject is not None:
        _subject_decoder(kind)


def decode_json(text: bytes | msgspec.Raw, kind: Kind, *, most_explained: int | None = None) -> Object | None:
    """The object of this kind in the JSON `text`, or None if the text is not an object.

    Many times faster than `decode`, because fields without influence are never decoded. `apiVersion` and `kind` in the
    text are ignored: the API server leaves them out of the items of a list. Raises DecodingError as `decode` does, and
    `msgspec.DecodeError` for text that is not JSON.

    A value that Go reads and msgspec refuses takes a hundred times as long. No server writes such values. With
    `most_explained`, a text that has one and is longer than this number of bytes is refused.
    """
    try:
        return _built(kind, _decoder(kind).decode(text))
    except msgspec.ValidationError as error:
        # A tenant could otherwise keep an agent busy with objects that no server writes.
        if most_explained is not None and len(bytes(text)) > most_explained:
            raise DecodingError(f"a value does not have the type that servers write: {error}", "") from None
        tree = msgspec.json.decode(text)
    if not isinstance(tree, dict):
        return None
    written = tree.get("apiVersion")
    # Items of a list have no `apiVersion`; `decode` needs one to find the kind.
    api_version = written if written in kind.api_versions else kind.api_versions[0]
    return decode({**tree, "apiVersion": api_version, "kind": kind.name})


def decode_subject(text: bytes, kind: Kind) -> Object:
    """The policy in the JSON `text` without its rules, which are skipped and not decoded: 1 ms instead of 7 for 0.6 MB.

    Raises `msgspec.DecodeError` for text that is not such a policy, and ValueError for a kind that cannot be read so.
    """
    if kind.subject is None:
        raise ValueError(f"{kind} is not read without its rules")
    return kind.subject.build(_subject_decoder(kind).decode(text))  # type: ignore[no-any-return]


def kind_of_tree(tree: object) -> Kind | None:
    """The kind of an object by its `apiVersion` and `kind`; None if it is not supported."""
    return KINDS.find(tree.get("apiVersion"), tree.get("kind")) if isinstance(tree, Mapping) else None


def has_been_stored(tree: Mapping[str, object]) -> bool:
    """Whether an API server has stored the object: then, and only then, it has a `uid` and a `resourceVersion`."""
    metadata = tree.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("uid") or metadata.get("resourceVersion"))


def must_count(tree: Mapping[str, object]) -> bool:
    """Whether the object counts even if it is refused here: it is in force, or of a version whose limits are not known.

    A server has stored it, or it is of a later version.
    """
    kind = kind_of_tree(tree)
    return has_been_stored(tree) or (kind is not None and kind.is_later(str(tree["apiVersion"])))


class UnknownField(msgspec.Struct, frozen=True):
    """A field that a policy of its kind does not have: its path (`spec.ingress[0].form`) and its name.

    `value` is its value. `nearest` is the field that was probably meant: the only one with a similar name that is not
    set. `home` says where a field of this name belongs, or which other name was probably meant.
    """

    path: str
    name: str
    value: object = None
    nearest: str = ""
    home: str = ""


def unknown_fields(tree: object) -> list[UnknownField]:
    """The fields that a policy of its kind does not have and never had, by path.

    The API server refuses them when it is strict. When it is not, it drops them, and a policy that lost a misspelt
    field allows more than it says. Only policies have unknown fields; other objects have fields that do not matter.
    """
    kind = kind_of_tree(tree)
    if kind is None or not kind.is_policy or not isinstance(tree, Mapping):
        return []
    return [field for field in _foreign_fields(tree, kind) if field.path not in kind.former_fields]


def former_fields(tree: object) -> list[str]:
    """The paths of the fields that a policy of its kind had in earlier versions of Kubernetes."""
    kind = kind_of_tree(tree)
    if kind is None or not kind.is_policy or not isinstance(tree, Mapping):
        return []
    return [field.path for field in _foreign_fields(tree, kind) if field.path in kind.former_fields]


def _foreign_fields(tree: Mapping[str, object], kind: Kind) -> list[UnknownField]:
    known = {**_struct_fields(kind.shape), **_struct_fields(_EveryObject)}
    found = sorted(_unknown(_Level("", tree, known)), key=lambda field: field.path)
    return found if kind.schema is None else list(_pruned_fields(tree, kind.schema, found))


def _pruned_fields(tree: Mapping[str, object], schema: Schema, found: list[UnknownField]) -> Iterator[UnknownField]:
    """The fields that a server prunes: more than those that the struct lacks if values have the wrong type.

    They can also be fewer, because the status is not read.
    """
    by_path = {field.path: field for field in found}
    for path, name in unknown_names(tree, schema):
        yield by_path.get(path) or UnknownField(path, name)
    yield from (field for field in found if field.path.startswith("metadata."))


def refusals(tree: Mapping[str, object]) -> list[FieldError]:
    """Why a server would refuse to create an object of a custom resource, apart from fields that it does not have.

    Yields nothing for an object of another kind: `decode` finds its values of wrong types. Raises DecodingError for
    the first value of a wrong type in the metadata, as the server reports them one at a time.
    """
    kind = kind_of_tree(tree)
    if kind is None or kind.schema is None:
        return []
    return custom_resource_errors(tree, _metadata(tree, kind), kind.schema)


def stored_tree(tree: Mapping[str, object]) -> Mapping[str, object] | None:
    """An object of a custom resource as a server stores it, except what servers write; None for any other object."""
    kind = kind_of_tree(tree)
    if kind is None or kind.schema is None:
        return None
    # The server that has stored an object may know more fields, and so does a later version.
    return tree if must_count(tree) else as_stored(tree, kind.schema)


def _custom_resource(tree: Mapping[str, object], kind: Kind, schema: Schema) -> Any:
    # The metadata are decoded apart, as in the server: an error in them is reported even if the rest is refused.
    stored = as_stored({**tree, "metadata": {}}, schema)
    metadata = _metadata(tree, kind)
    try:
        return msgspec.structs.replace(msgspec.convert(stored, kind.shape), metadata=metadata)
    except msgspec.ValidationError:
        # Errors of type first: msgspec has refused a type, so one of these is the reason.
        errors = sorted(schema_errors(stored, schema), key=lambda error: not error.expected)
    raise DecodingError(str(errors[0]), errors[0].path, errors[0].given, errors[0].expected)


def _metadata(tree: Mapping[str, object], kind: Kind) -> PolicyMeta:
    """The metadata of a custom resource. The server reads them first, and apart from everything else."""
    written = tree.get("metadata")
    try:
        match written:
            case None:
                return PolicyMeta()
            case Mapping():
                return msgspec.convert(conform(written, PolicyMeta, kind.name), PolicyMeta)
        message = f"json: cannot unmarshal {json_type(written)} into Go value of type v1.ObjectMeta"
        raise DecodingError(message, "", written, "object")
    except DecodingError as error:
        path = f"metadata.{error.path}" if error.path else "metadata"
        raise DecodingError(_handled_as(tree, kind, error), path, error.value, error.expected) from None


def _handled_as(tree: Mapping[str, object], kind: Kind, error: DecodingError) -> str:
    version = str(tree["apiVersion"]).rpartition("/")[2]
    return f'{kind.name} in version "{version}" cannot be handled as a {kind.name}: {error}'


def _conformed(tree: Mapping[str, object], kind: Kind) -> object:
    try:
        return conform(tree, kind.shape, kind.name)
    except DecodingError as error:
        raise DecodingError(_handled_as(tree, kind, error), error.path, error.value, error.expected) from None


def _built(kind: Kind, written: Any) -> Object:
    return kind.build(kind.name, written)  # type: ignore[no-any-return]


@cache
def _decoder(kind: Kind) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind.shape)


@cache
def _subject_decoder(kind: Kind) -> msgspec.json.Decoder[Any]:
    assert kind.subject is not None
    return msgspec.json.Decoder(kind.subject.shape)


# --- fields that a policy does not have -------------------------------------------------------------------------------


class _OwnerFields(msgspec.Struct, rename="camel"):
    api_version: Any = None
    kind: Any = None
    name: Any = None
    uid: Any = None
    controller: Any = None
    block_owner_deletion: Any = None


class _ManagedFields(msgspec.Struct, rename="camel"):
    manager: Any = None
    operation: Any = None
    api_version: Any = None
    time: Any = None
    fields_type: Any = None
    fields_v1: Any = None
    subresource: Any = None


class _MetadataFields(msgspec.Struct, rename="camel"):
    name: Any = None
    generate_name: Any = None
    namespace: Any = None
    self_link: Any = None
    uid: Any = None
    resource_version: Any = None
    generation: Any = None
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    labels: Any = None
    annotations: Any = None
    owner_references: tuple[_OwnerFields, ...] = ()
    finalizers: Any = None
    managed_fields: tuple[_ManagedFields, ...] = ()


class _EveryObject(msgspec.Struct, rename="camel"):
    """The fields that every object has, also those that are not read."""

    api_version: Any = None
    kind: Any = None
    metadata: _MetadataFields = msgspec.field(default_factory=_MetadataFields)


_MUCH_ALIKE: Final = 0.75
"""The lowest `difflib` ratio of similar names: that of `form` and `from`; `podselector` and `podSelector` have more."""


def _could_be(value: object, shape: Type) -> bool:
    """Whether a field of this type could have this value, without another error in it."""
    return conforms(value, shape) and not any(_unknown_inside(value, shape))


def _struct_fields(struct: type[msgspec.Struct]) -> dict[str, Type]:
    shape = shape_of(struct)
    assert isinstance(shape, StructType)
    return {field.encode_name: field.type for field in shape.fields}


class _Level(msgspec.Struct, frozen=True):
    """An object inside a policy: its path, what it has, what it may have, and the objects around it, nearest first."""

    path: str
    fields: Mapping[str, object]
    known: Mapping[str, Type]
    around: tuple["_Level", ...] = ()


def _unknown(level: _Level) -> Iterator[UnknownField]:
    fields, known = level.fields, level.known
    for name, child in fields.items():
        place = f"{level.path}.{name}" if level.path else str(name)
        if name in known:
            yield from _unknown_inside(child, known[name], place, (level, *level.around))
        else:
            # Only a field that is not set and could have this value can be meant: a suggestion must not make another
            # error.
            missing = [field for field, shape in known.items() if field not in fields and _could_be(child, shape)]
            close = get_close_matches(str(name), missing, n=2, cutoff=_MUCH_ALIKE)
            nearest = close[0] if len(close) == 1 else ""
            yield UnknownField(place, str(name), child, nearest, _home(str(name), level))


def _unknown_inside(
    value: object, shape: Type, path: str = "", around: tuple[_Level, ...] = ()
) -> Iterator[UnknownField]:
    shape = member(shape, value)
    match shape, value:
        case StructType(), Mapping():
            yield from _unknown(_Level(path, value, _struct_fields(shape.cls), around))
        case VarTupleType(), list() | tuple():
            for index, item in enumerate(value):
                yield from _unknown_inside(item, shape.item_type, f"{path}[{index}]", around)


def _home(name: str, level: _Level) -> str:
    """Where a field that `level` does not have belongs: it is indented too far, not far enough, or misspelt."""
    for around in level.around:
        # Nearest first: a field that is indented too far belongs to the closest object that has it.
        if name in around.known and name not in around.fields:
            owner = f"`{around.path}`" if around.path else "the object itself"
            return f"indent `{name}` less: it is a field of {owner}"
    for around in (level, *level.around):
        if beside := [field for field, shape in around.known.items() if name in _fields_inside(shape)]:
            return f"put `{name}` below {' or '.join(f'`{field}`' for field in beside)}, indented further"
    close = get_close_matches(name, level.known, n=1, cutoff=_MUCH_ALIKE)
    return f"write `{close[0]}`" if close else ""


def _fields_inside(shape: Type) -> Mapping[str, Type]:
    """The fields of an object of this type, or of each item of a list of this type."""
    while isinstance(shape, VarTupleType | UnionType):
        shape = shape.item_type if isinstance(shape, VarTupleType) else member(shape, {})
    return _struct_fields(shape.cls) if isinstance(shape, StructType) else {}
