"""What is wrong with the input: collected, never raised, so that everything else still counts."""

from enum import StrEnum

import msgspec

from ringfence.model.origin import Place


class Severity(StrEnum):
    """An error keeps its object out of the answer; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, where, and with which object (`NetworkPolicy prod/db-policy`)."""

    place: Place
    message: str
    severity: Severity = Severity.ERROR
    object: str = ""

    def __str__(self) -> str:
        subject = f"{self.object}: " if self.object else ""
        return f"{self.place}: {self.severity}: {subject}{self.message}"
