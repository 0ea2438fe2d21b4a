"""Remedies for mistakes in objects: one sentence for each kind of mistake, by the problem's code and the field.

The API server says what it refuses, but seldom how to correct it. `remedy_of` looks that up in one table.
"""

from ringfence.model.remedies.mistakes import Mistake, mistake_in
from ringfence.model.remedies.table import remedy_of

__all__ = ["Mistake", "mistake_in", "remedy_of"]
