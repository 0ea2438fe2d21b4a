"""A mistake, as every check that finds one describes it."""

import re

import msgspec

from ringfence.model.field_errors import FieldError
from ringfence.model.origin import Origin
from ringfence.model.text_edits import column_of
from ringfence.model.validation import FieldWarning


class Mistake(msgspec.Struct, frozen=True):
    """A mistake: the problem's code, the path of the field, and its value as it was read.

    `detail` is the reason that the API server gives. `meant` is the value or the name of a field that was meant, if
    there is only one candidate. For a value of a wrong type, `expected` is the type of the field, as JSON calls it.
    For an unknown field, `name` is its own name, and `home` says where it belongs. `column` is where the name or the
    value starts, 0 if that is not known. `printed` is the value as the API server prints it, also if it is a mapping.
    """

    code: str
    path: str
    value: object = None
    detail: str = ""
    meant: str | int | None = None
    expected: str = ""
    name: str = ""
    home: str = ""
    column: int = 0
    printed: str = ""

    @property
    def field(self) -> str:
        """The name of the field, without the index of an item: `except` of `spec.egress[0].to[0].ipBlock.except[1]`."""
        return re.sub(r"\[\d+\]$", "", self.path).rpartition(".")[2]

    @property
    def is_in_rule(self) -> bool:
        """Whether it is in a rule of a policy, where ports and peers allow traffic."""
        return re.match(r"spec\.(?:ingress|egress)\[", self.path) is not None

    @property
    def text(self) -> str:
        """The value if it is a text, else nothing."""
        return self.value if isinstance(self.value, str) else ""


def mistake_in(refused: FieldError | FieldWarning, origin: Origin) -> Mistake:
    """The mistake that an error or a warning of validation is about, in the object that comes from `origin`."""
    meant = refused.replacement.new if refused.replacement else None
    given = refused.given
    # Of an entry of a map the key or the value is refused; only the value can be found by its own path.
    is_key = refused.place != refused.path and refused.place.endswith(f".{given}")
    column = column_of(origin, refused.place, given, key=is_key) if isinstance(given, str) else 0
    printed, expected = (refused.value or "", refused.expected) if isinstance(refused, FieldError) else ("", "")
    return Mistake(refused.code, refused.path, given, refused.detail, meant, expected, column=column, printed=printed)
