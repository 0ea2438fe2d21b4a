"""Remedies for mistakes in names and labels of objects of any kind."""

import re

from ringfence.model.problems import ProblemCode
from ringfence.model.remedies.mistakes import Mistake


def name(mistake: Mistake) -> str:
    """For the name of an object, and of its namespace."""
    if not mistake.path.startswith("metadata."):
        return ""
    if mistake.code == ProblemCode.REQUIRED_VALUE:
        return "add `name` to `metadata`"
    rule = "use lower-case letters, digits and dashes"
    plain = _as_name(mistake.text, dots="subdomain" in mistake.detail)
    return f"{rule}: {plain}" if plain else rule


def label(mistake: Mistake) -> str:
    """For the key or the value of a label."""
    if "no more than" in mistake.detail:
        return "use a shorter text; long texts belong in annotations"
    text = mistake.text.strip()
    if text != mistake.text:
        return f'remove the blanks around "{text}"'
    if re.search(r"[=:,]", text):
        return "write each label on a line of its own, as `key: value`"
    return "use letters, digits, dashes, underscores and dots, with a letter or a digit at both ends"


def _as_name(text: str, *, dots: bool) -> str:
    kept = re.sub(r"[^a-z0-9.-]+" if dots else "[^a-z0-9-]+", "-", text.lower())
    return kept.strip("-.")
