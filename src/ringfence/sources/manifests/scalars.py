"""What a plain YAML scalar means to kubectl: neither YAML 1.1 as Python reads it, nor YAML 1.2.

`y` and `on` are true, `010` is eight, `1e3` is a thousand; `22:22`, `2020-01-01` and `=` are texts.

Source: `resolve.go` and `decode.go` of `go.yaml.in/yaml/v2`; `sigs.k8s.io/yaml`.
"""

import base64
import binascii
import re
import struct
from decimal import Decimal
from functools import lru_cache
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_IN_JSON: Final = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0[bB]([01]+)|0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES: Final = (2, 16, 8, 10)
"""Those of the groups of `_INTEGER`."""
_DIGITS: Final = "[0-9](?:_?[0-9])*"
_FLOAT: Final = re.compile(rf"[-+]?(?:\.{_DIGITS}|{_DIGITS}(?:\.(?:{_DIGITS})?)?)(?:[eE][-+]?{_DIGITS})?")
_NUMERIC_STARTS: Final = frozenset("+-.0123456789")
_LONGEST_INTEGER: Final = 3 + 64
"""Characters: a sign, `0b`, and 64 bits."""
_INFINITE: Final = {struct.pack("f", float("inf")): ".inf", struct.pack("f", float("-inf")): "-.inf"}
"""What numbers beyond 32 bits become as keys."""
_TAG: Final = "tag:yaml.org,2002:"


@lru_cache(1 << 14)
def resolve(text: str) -> Scalar:
    """The value of a plain scalar without a tag. Raises ValueError for what JSON cannot say (`.inf`, `.nan`)."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_STARTS:
        return text
    if text in _NOT_IN_JSON:
        raise ValueError(f"json: unsupported value: {_NOT_IN_JSON[text]}")
    number = _number(text if text[0] == "." else text.replace("_", ""))
    return text if number is None else number


def resolve_tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar with a tag, in its long form. A tag that YAML does not define leaves the text as it is.

    Raises ValueError for a text that is not of the type that its tag says.
    """
    kind = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if kind == "binary":
        return _decoded(text)
    if kind not in ("bool", "float", "int", "null"):
        return text
    value = resolve(text)
    found = _kind_of(value)
    if kind == "float" and found == "int":
        return value
    if kind != found:
        raise ValueError(f"yaml: cannot decode !!{found} `{text}` as a !!{kind}")
    return value


def key_text(value: object) -> str:
    """The JSON key for a value: `yes:` is the key `true`. Raises ValueError for a value that cannot be a key."""
    match value:
        case None:
            raise ValueError("unsupported map key: null")
        case dict() | list():
            raise ValueError("yaml: invalid map key: not a scalar")
        case bool():
            return "true" if value else "false"
        case float():
            return _shortest(value)
    return str(value)


@lru_cache(1 << 12)
def plain_key(text: str) -> str:
    """The JSON key for a plain scalar without a tag. Raises ValueError for a scalar that cannot be a key."""
    return key_text(resolve(text))


def _number(digits: str) -> int | float | None:
    match = _INTEGER.fullmatch(digits)
    # A longer text cannot be a 64-bit integer, and Python refuses to convert more than 4,300 digits (CVE-2020-10735).
    if match and len(digits) <= _LONGEST_INTEGER:
        magnitude = next(int(found, base) for found, base in zip(match.groups(), _BASES, strict=True) if found)
        value = -magnitude if digits[0] == "-" else magnitude
        if -(2**63) <= value < 2**64:
            return value
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        return number if abs(number) != float("inf") else None
    return None


def _shortest(value: float) -> str:
    """The key for a float: the fewest digits that identify it in 32 bits, as Go's `FormatFloat(value, 'g', -1, 32)`.

    There is an exponent for numbers below 0.0001 and from a million on.
    """
    narrow = struct.pack("f", value)
    if narrow in _INFINITE:
        return _INFINITE[narrow]
    (rounded,) = struct.unpack("f", narrow)
    candidates = (f"{rounded:.{more}e}" for more in range(9))
    digits = next(digits for digits in candidates if struct.pack("f", float(digits)) == narrow)
    exponent = int(digits.partition("e")[2])
    return f"{Decimal(digits):f}" if -4 <= exponent < 6 else digits


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except binascii.Error:
        raise ValueError("yaml: !!binary value contains invalid base64 data") from None


def _kind_of(value: Scalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
    return "str"
