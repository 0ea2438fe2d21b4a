"""Decodes a tree as Go's JSON decoder does, which accepts more than `msgspec` and has its own messages.

To Go a `null` field is an absent one, a `null` element of a list or map is a zero value, and any other value that does
not have the type of its field is an error that names the Go struct, the fields that lead there, and the Go type.
kubectl rewrites a number like `80.0` as a whole one before it sends it.

Sources: `sigs.k8s.io/json`; the Go types of the API, v1.36.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

import msgspec
from msgspec.inspect import (
    AnyType,
    BoolType,
    DictType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from ringfence.errors import DecodingError

_GO_STRUCTS: Final = {
    "NodeMeta": "ObjectMeta",
    "PolicyMeta": "ObjectMeta",
    "PodTemplate": "PodTemplateSpec",
    "SliceEndpoint": "Endpoint",
    "SlicePort": "EndpointPort",
    "WorkloadFields": "{kind}",
    "WorkloadSpec": "{kind}Spec",
}
"""The Go names of the structs that have another name here; all workloads share one struct here."""

_GO_STRINGS: Final = {
    "Container.restartPolicy": "v1.ContainerRestartPolicy",
    "ContainerPort.protocol": "v1.Protocol",
    "EndpointPort.protocol": "v1.Protocol",
    "LabelSelectorRequirement.operator": "v1.LabelSelectorOperator",
    "NetworkPolicyPort.protocol": "v1.Protocol",
    "NetworkPolicySpec.policyTypes": "v1.PolicyType",
    "NodeAddress.type": "v1.NodeAddressType",
    "PodStatus.phase": "v1.PodPhase",
    "ServicePort.protocol": "v1.Protocol",
    "ServiceSpec.type": "v1.ServiceType",
}
"""The fields whose strings are of a type of their own in Go."""


def conform(tree: Mapping[str, object], struct: type[msgspec.Struct], kind: str) -> object:
    """The tree, an object of this `kind`, as `msgspec` converts it to `struct`; fields that are not read are left out.

    Raises DecodingError for the first value, in the tree's order, that Go would not take.
    """
    return _conform(dict(tree), shape_of(struct), _FieldPath(kind))


def conforms(value: object, shape: Type) -> bool:
    """Whether Go would take the value for a field of this type."""
    if isinstance(shape, AnyType):
        return True
    try:
        _conform(value, shape, _FieldPath(""))
    except DecodingError:
        return False
    return True


@cache
def shape_of(struct: type[msgspec.Struct]) -> Type:
    """The fields and types of a struct, which `msgspec` has read from its annotations."""
    return type_info(struct)


def member(shape: Type, value: object) -> Type:
    """The member of a union as which a value is read: an int-or-string is read as a string only if it is one."""
    if not isinstance(shape, UnionType):
        return shape
    members = [each for each in shape.types if not isinstance(each, NoneType)]
    strings = [each for each in members if isinstance(each, StrType)]
    return strings[0] if strings and isinstance(value, str) else members[0]


def json_type(value: object) -> str:
    """The type of a value in the messages of Go's decoder."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"


class _FieldPath(msgspec.Struct, frozen=True):
    """The present position: in Go's words (struct, and fields without indexes), and as a path with indexes and keys."""

    kind: str
    struct: str = ""
    fields: str = ""
    path: str = ""

    def field(self, struct: StructType, name: str) -> "_FieldPath":
        dot = "." if self.path else ""
        return _FieldPath(
            self.kind, _go_struct(struct, self.kind), f"{self.fields}{dot}{name}", f"{self.path}{dot}{name}"
        )

    def inside(self, step: str) -> "_FieldPath":
        return _FieldPath(self.kind, self.struct, self.fields, self.path + step)


def _conform(value: object, shape: Type, path: _FieldPath) -> object:
    match shape, value:
        case UnionType(), _:
            return _conform(value, member(shape, value), path)
        case StructType(), dict():
            return {
                name: _conform(child, known, path.field(shape, name))
                for name, child, known in _known_fields(value, shape)
            }
        case VarTupleType(), list() | tuple():
            return [_element(item, shape.item_type, path.inside(f"[{index}]")) for index, item in enumerate(value)]
        case DictType(), dict() if all(isinstance(key, str) for key in value):
            return {key: _element(item, shape.value_type, path.inside(f".{key}")) for key, item in value.items()}
        # In Python `bool` is a kind of `int`; to Go, `true` is no number.
        case IntType(), int() | float() if not isinstance(value, bool):
            return _whole_number(value, shape, path)
        case (StrType(), str()) | (BoolType(), bool()):
            return value
    raise _mismatch(value, json_type(value), shape, path)


def _known_fields(value: dict[str, object], shape: StructType) -> Iterator[tuple[str, object, Type]]:
    types = {field.encode_name: field.type for field in shape.fields}
    # Unknown fields and nulls are left out here: Go ignores the former when it is not strict, and takes the latter as
    # absent.
    return ((name, child, types[name]) for name, child in value.items() if child is not None and name in types)


def _element(value: object, shape: Type, path: _FieldPath) -> object:
    return _zero(shape) if value is None else _conform(value, shape, path)


def _zero(shape: Type) -> object:
    match shape:
        case StrType():
            return ""
        case VarTupleType():
            return []
    return {}


def _whole_number(value: float, shape: IntType, path: _FieldPath) -> int:
    low, high = shape.ge, shape.lt
    is_whole = isinstance(value, int) or value.is_integer()
    if is_whole and low is not None and high is not None and low <= value < high:
        return int(value)
    raise _mismatch(value, f"number {_literal(value)}", shape, path)


def _literal(value: float) -> str:
    """The number as Go writes it, with an exponent only beyond 21 digits."""
    is_long = isinstance(value, float) and value.is_integer() and abs(value) < 1e21
    return f"{value:.0f}" if is_long else str(value).replace("e-0", "e-")


def _mismatch(value: object, found: str, shape: Type, path: _FieldPath) -> DecodingError:
    field = f"{path.struct}.{path.fields}"
    target = _go_type(shape, path)
    message = f"json: cannot unmarshal {found} into Go struct field {field} of type {target}"
    return DecodingError(message, path.path, value, _json_type_of(shape))


def _json_type_of(shape: Type) -> str:
    match shape:
        case VarTupleType(item_type=StrType()):
            return "array of strings"
        case VarTupleType():
            return "array"
        case IntType():
            return "number"
        case BoolType():
            return "bool"
        case StrType():
            return "string"
    return "object"


def _go_type(shape: Type, path: _FieldPath) -> str:
    match shape:
        case StructType():
            return f"v1.{_go_struct(shape, path.kind)}"
        case VarTupleType():
            return f"[]{_go_type(shape.item_type, path)}"
        case DictType():
            return "map[string]string"
        case IntType():
            return "int32"
        case BoolType():
            return "bool"
    return _GO_STRINGS.get(f"{path.struct}.{path.fields.rpartition('.')[2]}", "string")


def _go_struct(shape: StructType, kind: str) -> str:
    name = shape.cls.__name__
    return _GO_STRUCTS.get(name, name).format(kind=kind)
