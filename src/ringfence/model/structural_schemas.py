"""Structural schemas, by which an API server prunes, defaults and validates the objects of a custom resource.

Values are trees of dicts, lists and scalars, as JSON has them. Errors are in the server's words.

Sources: kubernetes.io, "Extend the Kubernetes API with CustomResourceDefinitions"; `apiextensions-apiserver` and
`kube-openapi/pkg/validation/validate`, v1.37.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ringfence.model.field_errors import (
    ErrorsInSteps,
    FieldError,
    FieldErrorType,
    go_quoted,
    json_text,
    too_many,
    unsupported,
    without_pauses,
)
from ringfence.steps import Pace

Type = str
"""As JSON schemas call it: `object`, `array`, `string`, `integer` or `boolean`."""


class ValidationRule(msgspec.Struct, frozen=True):
    """A rule of `x-kubernetes-validations`: a condition for a value, and the message if it does not hold.

    `field` is the field inside the value that the rule is about; the server names only the value itself.
    """

    message: str
    holds: Callable[[Any], bool]
    field: str = ""


class Schema(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The schema of a value. An object has either `properties` or, if it is a map, values of the schema `values`.

    An object that `is_open` may have any fields, which are not described. A list that `is_set` has no item twice. A
    field with a `default` gets it if it is absent or null. Properties are in alphabetical order, as in a definition.
    """

    type: Type
    properties: Mapping[str, "Schema"] = {}
    values: "Schema | None" = None
    items: "Schema | None" = None
    required: tuple[str, ...] = ()
    default: str | None = None
    enum: tuple[str, ...] = ()
    format: str = ""
    pattern: str = ""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    is_set: bool = False
    is_open: bool = False
    rules: tuple[ValidationRule, ...] = ()

    @cached_property
    def defaults(self) -> Mapping[str, str]:
        """The values of the fields that have a default."""
        return {name: one.default for name, one in self.properties.items() if one.default}

    @cached_property
    def has_rules(self) -> bool:
        """Whether it, or the schema of anything inside, has rules."""
        inside = (*self.properties.values(), self.values, self.items)
        return bool(self.rules) or any(one.has_rules for one in inside if one is not None)

    def child(self, name: str) -> "Schema | None":
        """The schema of a field; None if objects of this schema do not have it."""
        return self.properties.get(name, self.values)


def without_limits(schema: Schema) -> Schema:
    """The schema without the parts that may differ in another version: limits of size, and rules."""
    return replace(
        schema,
        properties={name: without_limits(child) for name, child in schema.properties.items()},
        values=schema.values and without_limits(schema.values),
        items=schema.items and without_limits(schema.items),
        max_length=None,
        max_items=None,
        is_set=False,
        rules=(),
    )


# --- what is stored ---------------------------------------------------------------------------------------------------


def as_stored(value: object, schema: Schema) -> Any:
    """The value as a server stores it: without unknown fields and nulls, with defaults, and whole numbers as such.

    Values that do not have the type of their schema, for which the server refuses the object, stay as they are.
    """
    # Not by `match`: policies are pruned several times on their way, and most values are texts.
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return value if schema.is_open else _object_as_stored(value, schema)
    if isinstance(value, list | tuple):
        return value if schema.items is None else [as_stored(item, schema.items) for item in value]
    if isinstance(value, float) and schema.type == "integer" and _is_whole(value):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        # What is not a whole number of 64 bits to Go's decoder is a number with a fraction.
        return float(value)
    return value


def _object_as_stored(value: Mapping[str, object], schema: Schema) -> dict[str, object]:
    fields: dict[str, object] = {}
    properties, others = schema.properties, schema.values
    for name, child in value.items():
        known = properties.get(name, others)
        if known is not None and child is not None:  # a null is an absent field
            fields[name] = child if isinstance(child, str) else as_stored(child, known)
    for name, default in schema.defaults.items():
        fields.setdefault(name, default)
    return fields


def _known_fields(value: Mapping[str, object], schema: Schema) -> Iterator[tuple[str, object, Schema]]:
    """The fields that are kept: a null is an absent field."""
    for name, child in value.items():
        known = schema.child(name)
        if known is not None and child is not None:
            yield name, child, known


def unknown_names(value: object, schema: Schema | None, path: str = "") -> Iterator[tuple[str, str]]:
    """The fields that are pruned, which a strict server refuses, by their paths and names.

    A schema of a scalar or of a list has no fields, and a schema without items says nothing about them.
    """
    match value:
        case dict() if schema is None or not schema.is_open:
            for name, child in value.items():
                place = f"{path}.{name}" if path else str(name)
                known = schema.child(name) if schema else None
                if known is None:
                    yield place, str(name)
                else:
                    yield from unknown_names(child, known, place)
        case list() | tuple():
            for index, item in enumerate(value):
                yield from unknown_names(item, schema.items if schema else None, f"{path}[{index}]")


# --- what is refused --------------------------------------------------------------------------------------------------


def schema_errors(value: object, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Why a server refuses the value, which is as it stores it (`as_stored`), apart from the rules of the schema."""
    return without_pauses(schema_errors_in_steps(value, schema, path, Pace()))


def schema_errors_in_steps(value: object, schema: Schema, path: str, pace: Pace) -> ErrorsInSteps:
    """The same, with pauses: a policy of 1.5 MB can have 75,000 values."""
    if pace.is_pause_due():
        yield None
    yield from _type_errors(value, schema, path)
    if schema.enum and value not in schema.enum:
        if isinstance(value, str):
            yield unsupported(path, value, schema.enum)
        else:
            supported = f"supported values: {', '.join(map(go_quoted, schema.enum))}"
            yield _error(path, FieldErrorType.UNSUPPORTED, value, supported)
    match value:
        # Before `int()`, because `bool` is one of its subclasses.
        case bool() | None:
            return
        case str():
            yield from _string_errors(value, schema, path)
        case int() | float():
            yield from _number_errors(value, schema, path)
        case list() | tuple():
            yield from _list_errors(value, schema, path, pace)
        case dict():
            yield from _object_errors(value, schema, path, pace)


def rule_errors(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Which rules of the schema do not hold for a value that `blocks_rules` for none of its errors."""
    for rule in schema.rules:
        if not rule.holds(value):
            # The server prints a value only if it is short.
            printed = None if schema.type in ("object", "array") else _printed(value)
            given = value if isinstance(value, str | int) else None
            yield FieldError(path, FieldErrorType.INVALID, printed, rule.message, given=given, entry=rule.field)
    if not schema.has_rules:
        return
    match value:
        case dict():
            for name, child, known in _known_fields(value, schema):
                yield from rule_errors(child, known, f"{path}.{name}" if path else name)
        case list() | tuple() if schema.items is not None:
            for index, item in enumerate(value):
                yield from rule_errors(item, schema.items, f"{path}[{index}]")


_BLOCKING: Final = (
    FieldErrorType.UNSUPPORTED,
    FieldErrorType.REQUIRED,
    FieldErrorType.TOO_LONG,
    FieldErrorType.TOO_MANY,
)


def blocks_rules(errors: Iterable[FieldError]) -> bool:
    """Whether a server skips the rules: values are missing, have a wrong type, or are larger than rules may process."""
    return any(error.type in _BLOCKING or error.expected for error in errors)


_AS_JSON_CALLS_IT: Final = {"integer": "number", "boolean": "bool"}


def _type_errors(value: object, schema: Schema, path: str) -> Iterator[FieldError]:
    found = _type_of(value)
    is_whole = found == "integer" or (isinstance(value, float) and _is_whole(value))
    if found == schema.type or (schema.type == "integer" and is_whole):
        return
    wanted = schema.type
    if schema.format and value is not None and not isinstance(value, str | list | tuple):
        # The server compares the formats of a field that has one, and most values have none.
        wanted, found = schema.format, "float64" if isinstance(value, float) else ""
    detail = f"{path} in body must be of type {wanted}: {go_quoted(found)}"
    given = value if isinstance(value, str | int) else None
    expected = _AS_JSON_CALLS_IT.get(schema.type, schema.type)
    yield FieldError(path, FieldErrorType.INVALID, go_quoted(found), detail, given=given, expected=expected)


def _string_errors(value: str, schema: Schema, path: str) -> Iterator[FieldError]:
    """At most one error: the server stops at the first."""
    if schema.max_length is not None and len(value) > schema.max_length:
        # The schema counts characters, whatever the message says.
        yield FieldError(path, FieldErrorType.TOO_LONG, None, f"may not be more than {schema.max_length} bytes")
    # In Python `$` also matches before a line feed at the end; in Go it does not.
    elif schema.pattern and not re.search(schema.pattern.replace("$", r"\Z"), value):
        yield _error(path, FieldErrorType.INVALID, value, f"{path} in body should match '{schema.pattern}'")


def _number_errors(value: float, schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.format == "int32" and not (_is_whole(value) and -(2**31) <= value < 2**31):
        # The server names the field in the text only.
        yield _error(
            path,
            FieldErrorType.INVALID,
            "",
            f"Checked value must be of type {schema.type} with format int32 in {path}",
        )
    if schema.maximum is not None and value > schema.maximum:
        detail = f"{path} in body should be less than or equal to {schema.maximum}"
        yield _error(path, FieldErrorType.INVALID, value, detail)
    if schema.minimum is not None and value < schema.minimum:
        detail = f"{path} in body should be greater than or equal to {schema.minimum}"
        yield _error(path, FieldErrorType.INVALID, value, detail)


def _list_errors(value: Sequence[object], schema: Schema, path: str, pace: Pace) -> ErrorsInSteps:
    if schema.items is not None and not _are_any_texts(value, schema.items):
        for index, item in enumerate(value):
            yield from schema_errors_in_steps(item, schema.items, f"{path}[{index}]", pace)
    if schema.min_items is not None and len(value) < schema.min_items:
        detail = f"{path} in body should have at least {schema.min_items} items"
        yield _error(path, FieldErrorType.INVALID, len(value), detail)
    if schema.max_items is not None and len(value) > schema.max_items:
        yield too_many(path, len(value), schema.max_items)
    if schema.is_set:
        yield from _duplicate_errors(value, path)


def _duplicate_errors(value: Sequence[object], path: str) -> Iterator[FieldError]:
    """One error for each item that occurs more than once, at its second occurrence."""
    times: dict[str, int] = {}
    for index, item in enumerate(value):
        key = f"{_type_of(item)} {json_text(_sorted(item))}"
        times[key] = times.get(key, 0) + 1
        if times[key] == 2:
            yield _error(f"{path}[{index}]", FieldErrorType.DUPLICATE, item)


def _object_errors(value: Mapping[str, object], schema: Schema, path: str, pace: Pace) -> ErrorsInSteps:
    if schema.min_properties is not None and len(value) < schema.min_properties:
        detail = f"{path} in body should have at least {schema.min_properties} properties"
        yield _error(path, FieldErrorType.INVALID, len(value), detail)
    if schema.max_properties is not None and len(value) > schema.max_properties:
        yield too_many(path, len(value), schema.max_properties)
    if schema.properties or schema.values is None or not _are_any_texts(value.values(), schema.values):
        for name, child, known in _known_fields(value, schema):
            yield from schema_errors_in_steps(child, known, f"{path}.{name}" if path else name, pace)
    for name in schema.required:
        if name not in value:
            yield FieldError(f"{path}.{name}" if path else name, FieldErrorType.REQUIRED)


def _are_any_texts(values: Iterable[object], schema: Schema) -> bool:
    """Whether values are texts of which the schema allows all: a selector can have 160,000 of them."""
    is_limited = schema.enum or schema.pattern or schema.max_length is not None
    return schema.type == "string" and not is_limited and all(isinstance(value, str) for value in values)


# --- words ------------------------------------------------------------------------------------------------------------

_FIRST_EXPONENT: Final = 6


def _error(path: str, kind: FieldErrorType, value: object, detail: str = "") -> FieldError:
    given = value if isinstance(value, str | int) else None
    return FieldError(path, kind, _printed(value), detail, given=given)


def _printed(value: Any) -> str:
    match value:
        case str():
            return go_quoted(value)
        case float():
            return _go_float(value)
    return json_text(_sorted(value))


def _go_float(value: float) -> str:
    """The number as Go's `%v` writes it: with an exponent from 1e+06 on."""
    exact = Decimal(repr(value)).normalize()
    digits = "".join(map(str, exact.as_tuple().digits))
    power = exact.adjusted()
    if -4 <= power < _FIRST_EXPONENT:
        return f"{exact:f}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{'-' if value < 0 else ''}{digits[0]}{fraction}e{power:+03}"


def _sorted(value: Any) -> Any:
    """With fields in alphabetical order, as Go writes maps."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


_MOST_EXACT: Final = 2**53 - 1


def _is_whole(value: float) -> bool:
    return isinstance(value, int) or (value.is_integer() and abs(value) <= _MOST_EXACT)


def _type_of(value: object) -> Type:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"
