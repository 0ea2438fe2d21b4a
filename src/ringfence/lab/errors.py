"""What can go wrong in the laboratory and is not a defect of ringfence: each message says how to mend it."""

from ringfence.errors import RingfenceError


class LaboratoryError(RingfenceError):
    """The laboratory cannot be built, reached or asked."""
