"""What validation finds, as problems: each with its place, its remedy, and the change of the text that corrects it."""

from ringfence.model.field_errors import FieldError
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem, Severity
from ringfence.model.remedies import mistake_in, remedy_of
from ringfence.model.text_edits import replace_value, value_of_type
from ringfence.model.validation import FieldWarning


def refusal(found: FieldError | FieldWarning, origin: Origin, subject: str, *, may_concern_policies: bool) -> Problem:
    """The problem of the object `subject`, which comes from `origin`: an error, or a warning for a warning."""
    is_error = isinstance(found, FieldError)
    right = value_of_type(found.given, found.expected) if isinstance(found, FieldError) and found.expected else None
    replacement = found.replacement or right
    fix = replace_value(origin, found.place, replacement) if replacement else None
    severity = Severity.ERROR if is_error else Severity.WARNING
    remedy = remedy_of(mistake_in(found, origin))
    place = origin.at(found.place)
    return Problem(place, found.code, str(found), severity, subject, fix, may_concern_policies, remedy)
