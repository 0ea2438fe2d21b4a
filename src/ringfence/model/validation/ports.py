"""What the API server refuses in a port, wherever one stands.

Source: `apimachinery/pkg/util/validation/validation.go`.
"""

import re
from collections.abc import Iterator
from typing import Final

from ringfence.model.field_errors import FieldError, invalid, unsupported
from ringfence.model.names import port_name_errors

_LAST_PORT: Final = 65535
_SUPPORTED: Final = ("SCTP", "TCP", "UDP")
"""The protocols in the order in which every kind but NetworkPolicy lists them."""


def port_number_errors(number: int, path: str) -> Iterator[FieldError]:
    """What is wrong with the number of a port."""
    if not 1 <= number <= _LAST_PORT:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


def port_reference_errors(name: str, path: str) -> Iterator[FieldError]:
    """What is wrong with the name by which another object refers to a port."""
    # A number in quotes is taken for a name, and is the most common reason why a name is refused.
    number = int(name) if re.fullmatch("[1-9][0-9]{0,4}", name) else 0
    for error in port_name_errors(name):
        yield invalid(path, name, error, better=number if 1 <= number <= _LAST_PORT else None)


def protocol_errors(protocol: str, path: str) -> Iterator[FieldError]:
    """What is wrong with the protocol of a port of anything but a policy."""
    if protocol not in _SUPPORTED:
        yield unsupported(path, protocol, _SUPPORTED)
