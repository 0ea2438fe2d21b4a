"""What is wrong with the input: collected, so that everything else still counts."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ringfence.model.origin import Place
from ringfence.model.text_edits import TextEdit


class Severity(StrEnum):
    """An error keeps its object, or a part of it, out of the answer; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class ProblemCode(StrEnum):
    """What kind of problem it is. Codes never change their meaning; docs/formats.md lists them."""

    UNREADABLE_FILE = "unreadable-file"
    """A file that cannot be opened or read, or is too large."""
    NOT_UTF8 = "not-utf8"
    """A document that is not text in UTF-8; a warning if kubectl reads it nevertheless, and so it was read."""
    INVALID_YAML = "invalid-yaml"
    """A document that is not YAML, or not YAML that JSON can express."""
    INVALID_JSON = "invalid-json"
    """A document that is not JSON, or JSON with a value that cannot be represented."""
    YAML_IN_JSON = "yaml-in-json"
    """A text that begins like JSON and is only YAML: read as such, as kubectl does (warning)."""
    NOT_AN_OBJECT = "not-an-object"
    """A list, a string or a number where an object is expected."""
    MISSING_TYPE = "missing-type"
    """An object without `apiVersion` or `kind`."""
    UNKNOWN_KIND = "unknown-kind"
    """A misspelt kind or API group, of which it is clear which one was meant."""
    UNKNOWN_VERSION = "unknown-version"
    """A known kind under an `apiVersion` that does not have it."""
    REMOVED_VERSION = "removed-version"
    """An `apiVersion` that Kubernetes has removed and that is still read (warning)."""
    DUPLICATE_KEY = "duplicate-key"
    """A key that a mapping has twice; the last one counts (warning)."""
    WRONG_TYPE = "wrong-type"
    """A value that does not have the type of its field."""
    UNKNOWN_FIELD = "unknown-field"
    """A field that a policy does not have."""
    FORMER_FIELD = "former-field"
    """A field that policies had in earlier versions of Kubernetes and that never had a meaning here (warning)."""
    REQUIRED_VALUE = "required-value"
    """A value that the API server requires is missing."""
    INVALID_VALUE = "invalid-value"
    """A value that the API server refuses."""
    UNSUPPORTED_VALUE = "unsupported-value"
    """A value that is not one of the known values."""
    FORBIDDEN_VALUE = "forbidden-value"
    """A value that is not allowed in this place."""
    TOO_LONG_VALUE = "too-long-value"
    """A value that is larger than the API server accepts."""
    TOO_MANY_VALUES = "too-many-values"
    """A list with more items than the API server accepts."""
    DUPLICATE_VALUE = "duplicate-value"
    """A value that must be unique, and is not."""
    NONSTANDARD_CIDR = "nonstandard-cidr"
    """A CIDR that is accepted and that other readers may understand differently (warning)."""
    DUPLICATE_OBJECT = "duplicate-object"
    """An object that was read before; the last one counts (warning)."""
    KUSTOMIZATION = "kustomization"
    """A kustomization among manifests: it has to be built first, which only `-k` does."""
    HELM_CHART = "helm-chart"
    """Templates of a Helm chart among manifests: they have to be rendered first, which only Helm does."""
    UNLISTED_KIND = "unlisted-kind"
    """A kind that the API server did not list, so that its objects are missing (warning)."""
    NOT_FOLLOWED = "not-followed"
    """Changes that cannot be read, so that what the local page shows may be out of date."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, where, and with which object (`NetworkPolicy prod/db-policy`).

    `code` is a `ProblemCode`, or the name of a rule. `remedy` says how to correct it, where that can be known. `fix` is
    the change of the text that does, if there is exactly one.
    `may_concern_policies` is false only where it is certain that no policy is lost or changed.
    """

    place: Place
    code: str
    message: str
    severity: Severity = Severity.ERROR
    object: str = ""
    fix: TextEdit | None = None
    may_concern_policies: bool = True
    remedy: str = ""

    def __str__(self) -> str:
        subject = f"{self.object}: " if self.object else ""
        return f"{self.place.file_and_line}: {self.severity}: {subject}{self.message}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


def errors_about_policies(problems: Iterable[Problem]) -> list[Problem]:
    """The errors because of which a policy may be missing, so that an answer computed without it may be wrong."""
    return [problem for problem in problems if problem.severity is Severity.ERROR and problem.may_concern_policies]
