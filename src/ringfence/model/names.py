"""What Kubernetes accepts as a name: of an object, of a namespace, of a port, as a label's key or value.

Each function returns the errors of the API server for a text, in its order; without any, the text is valid. Lengths are
counted in bytes of UTF-8, though some of upstream's messages call them characters.

Source: `apimachinery/pkg/api/validate/content` and `pkg/util/validation`; RFC 1123 for host names, RFC 6335 for ports.
"""

import json
import re
from collections.abc import Collection
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_KEY_NAME: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = f"({_KEY_NAME})?"
_VALUE_AT_ONCE: Final = "(?:[A-Za-z0-9]++(?:[-_.]++[A-Za-z0-9]++)*+)?+"
"""The same, matched without backtracking."""

# A policy can have 60,000 labels, values and port names: a pattern that is compiled takes half the time of one that
# `re` has to find among those that it remembers.
_KEY_NAME_PATTERN: Final = re.compile(_KEY_NAME)
_VALUE_PATTERN: Final = re.compile(_VALUE)
_VALUE_LINES_PATTERN: Final = re.compile(f"{_VALUE_AT_ONCE}(?:\n{_VALUE_AT_ONCE})*+")
_USUAL_PORT_NAME: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")

_MANY: Final = 8
"""The number of values from which one pattern for all is quicker than a pattern for each."""

_KEY_NAME_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    # Two blanks after each comma are upstream's own.
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_KEY_NAME}')"
)
_VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_VALUE}')"
)
_SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)

_RFC_1035_LABEL: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_RFC_1035_RULE: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_RFC_1035_LABEL}')"
)


def name_text(value: object) -> str:
    """A name as it is written in a message: `true`, not `True`, for one that YAML read as a boolean."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def subdomain_errors(text: str) -> list[str]:
    """Why `text` is not a DNS subdomain, which the names of most objects must be."""
    return _too_long(text, 253, "characters") + _subdomain_syntax_errors(text)


def long_name_errors(text: str) -> list[str]:
    """As `subdomain_errors`, in the words of kinds that are validated by declarations (`+k8s:format=k8s-long-name`)."""
    return _too_long(text, 253, "bytes") + _subdomain_syntax_errors(text)


def dns_label_errors(text: str) -> list[str]:
    """Why `text` is not a DNS label, which the name of a namespace or of a port of a Service must be."""
    errors = _too_long(text, 63, "characters")
    if not re.fullmatch(_LABEL, text):
        errors.append("must not contain dots" if re.fullmatch(_SUBDOMAIN, text) else _LABEL_RULE)
    return errors


def service_name_errors(text: str) -> list[str]:
    """Why `text` is not a label of RFC 1035, which the name of a Service must be before Kubernetes 1.36."""
    return _too_long(text, 63, "characters") + ([] if re.fullmatch(_RFC_1035_LABEL, text) else [_RFC_1035_RULE])


def name_prefix(text: str) -> str:
    """A `generateName` in the form in which the rules of a name hold for it: it may end in a dash.

    The API server appends random characters to it. Upstream replaces the dash and the byte before it by an `a`. Of a
    character of several bytes a part is left, and no name may contain it.
    """
    if len(text) > 1 and text.endswith("-"):
        return text.encode(errors="replace")[:-2].decode(errors="replace") + "a"
    return text


def label_key_errors(text: str) -> list[str]:
    """Why `text` is not a key of a label or annotation: a name, or a DNS subdomain, a slash and a name."""
    if len(text) <= 63 and _KEY_NAME_PATTERN.fullmatch(text):
        return []
    if text.count("/") > 1:
        example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_KEY_NAME_RULE} {example}"]
    prefix, slash, name = text.rpartition("/")
    in_prefix = _prefix_errors(prefix) if slash else []
    return [f"prefix part {error}" for error in in_prefix] + [f"name part {error}" for error in _key_name_errors(name)]


def label_value_errors(text: str) -> list[str]:
    """Why `text` is not a value of a label; the empty text is one."""
    if len(text) <= 63 and _VALUE_PATTERN.fullmatch(text):
        return []
    return _too_long(text, 63, "bytes") + ([] if _VALUE_PATTERN.fullmatch(text) else [_VALUE_RULE])


def are_label_values(texts: Collection[str]) -> bool:
    """Whether all of some texts are values of labels."""
    if len(texts) < _MANY:
        return not any(map(label_value_errors, texts))
    # One pattern for all takes a seventh of the time in which a pattern for each does.
    joined = "\n".join(texts)
    return (
        max(map(len, texts)) <= 63
        and joined.count("\n") == len(texts) - 1
        and _VALUE_LINES_PATTERN.fullmatch(joined) is not None
    )


def port_name_errors(text: str) -> list[str]:
    """Why `text` is not a name of a port."""
    if len(text) <= 15 and _USUAL_PORT_NAME.fullmatch(text):
        return []
    checks = (
        (re.fullmatch("[-a-z0-9]+", text), "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        (re.search("[a-z]", text), "must contain at least one letter (a-z)"),
        ("--" not in text, "must not contain consecutive hyphens"),
        (not text.startswith("-") and not text.endswith("-"), "must not begin or end with a hyphen"),
    )
    return _too_long(text, 15, "characters") + [error for passes, error in checks if not passes]


_EMPTY: Final = "must be non-empty"


def _prefix_errors(prefix: str) -> list[str]:
    # An empty prefix has this error alone, an empty name that of the regular expression as well: so does upstream.
    if not prefix:
        return [_EMPTY]
    return _too_long(prefix, 253, "bytes") + _subdomain_syntax_errors(prefix)


def _key_name_errors(name: str) -> list[str]:
    errors = _too_long(name, 63, "bytes") if name else [_EMPTY]
    if not _KEY_NAME_PATTERN.fullmatch(name):
        errors.append(_KEY_NAME_RULE)
    return errors


def _subdomain_syntax_errors(text: str) -> list[str]:
    return [] if re.fullmatch(_SUBDOMAIN, text) else [_SUBDOMAIN_RULE]


def _too_long(text: str, limit: int, unit: str) -> list[str]:
    # A lone surrogate, which only broken JSON can hold, takes the three bytes of what Go puts in its place.
    length = len(text.encode(errors="surrogatepass"))
    return [f"must be no more than {limit} {unit}"] if length > limit else []
