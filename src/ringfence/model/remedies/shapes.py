"""Remedies for mistakes in the shape of an object: its fields, the types of their values, and texts anywhere in it."""

import re
from typing import Final

from ringfence.model.odd_characters import character_remedy
from ringfence.model.policies import Direction
from ringfence.model.remedies.mistakes import Mistake
from ringfence.model.templates import template_remedy

# --- any value --------------------------------------------------------------------------------------------------------


def template(mistake: Mistake) -> str:
    """For a text that a program should have replaced."""
    return template_remedy(mistake.name or mistake.text or mistake.printed)


def odd_character(mistake: Mistake) -> str:
    """For a text with a character that is not what it seems."""
    return character_remedy(mistake.name or mistake.text, mistake.column)


def what_was_meant(mistake: Mistake) -> str:
    """For a value for which only one other can be meant."""
    return "" if mistake.meant is None else f"write {mistake.meant}"


# --- types ------------------------------------------------------------------------------------------------------------

_WITHOUT_SPACE: Final = re.compile(r"([\w./-]+):([^\s/]\S*)(?: .*)?", re.S)


def _without_space(text: str) -> str:
    found = _WITHOUT_SPACE.fullmatch(text)
    return f"write a space after the colon: `{found[1]}: {found[2]}`" if found else ""


def wrong_type(mistake: Mistake) -> str:
    """For a value that does not have the type of its field."""
    name = f"`{mistake.field}`"
    match mistake.expected, mistake.value:
        case "array", dict():
            return f"{name} is a list: begin each of its entries with a dash and a space (`- `)"
        case "array of strings", str() if mistake.meant:
            return f"{name} is a list: {mistake.meant}"
        case "array" | "array of strings", _:
            return f"{name} is a list: write its entries below it, each after a dash and a space (`- `)"
        case "object", list() if mistake.path.endswith("]"):
            return "there is a dash too many: remove one"
        case "object", list():
            return f"{name} is not a list: remove the dash below it"
        case "object", str() as text if remedy := _without_space(text):
            return remedy
        case "object", int() as port if re.search(r"\.ports\[\d+\]$", mistake.path):
            return f"write `port: {port}`"
        case "object", _:
            return "write `key: value` lines here, indented further than the field around them"
        case "string", bool() | int() | float() as value:
            kind = "true or false" if isinstance(value, bool) else "a number"
            example = f" ({mistake.meant})" if mistake.meant else ""
            return f"put the value in quotes{example}: without them YAML reads {kind}"
        case "string", list():
            return f"{name} takes one text, not a list: write one entry for each"
        case "number", list():
            return f"{name} takes one number, not a list: write one entry for each"
        case "number", str() as text if text.isdecimal():
            return f"remove the quotes: {text}"
        case "number", _:
            return "write a whole number"
        case "bool", _:
            return "write true or false"
    return ""


# --- fields -----------------------------------------------------------------------------------------------------------


def of_the_other_direction(mistake: Mistake) -> str:
    """For `to` in a rule of `ingress`, and of `from` in one of `egress`."""
    inner = mistake.path.rpartition(".")[0]
    for direction, other in ((Direction.INGRESS, Direction.EGRESS), (Direction.EGRESS, Direction.INGRESS)):
        is_rule = re.fullmatch(rf"spec\.{direction.field}\[\d+\]", inner)
        if is_rule and mistake.field == other.peers_field:
            return (
                f"rules of `{direction.field}` have `{direction.peers_field}`; "
                f"`{other.peers_field}` belongs in a rule of `{other.field}`"
            )
    return ""


def label_of_selector(mistake: Mistake) -> str:
    """For a label directly in a selector."""
    parent = mistake.path.removesuffix(f".{mistake.path.rpartition('.')[2]}")
    is_selector = re.search(r"(?:podSelector|namespaceSelector)(\.|$)", parent)
    if is_selector and mistake.text and not mistake.meant:
        return "put the labels below `matchLabels:`"
    return ""


def unknown_field(mistake: Mistake) -> str:
    """For a field that is misspelt, or in the wrong place."""
    if mistake.meant:
        return f"write `{mistake.meant}`"
    return mistake.home


# --- objects ----------------------------------------------------------------------------------------------------------

_TYPE_FIELDS: Final = {"apiversion": "apiVersion", "kind": "kind"}


def missing_type(mistake: Mistake) -> str:
    """For an object without `apiVersion` or `kind`."""
    fields = mistake.value if isinstance(mistake.value, dict) else {}
    for key in map(str, fields):
        meant = _TYPE_FIELDS.get(re.sub(r"\W", "", key).lower())
        if meant and key != meant:
            return character_remedy(key) or f"write `{meant}` instead of `{key}`"
        if key.startswith("//"):
            return "remove the comment: JSON has none, and YAML starts one with #"
    if isinstance(mistake.meant, str):
        return f"add `apiVersion: {mistake.meant}`"
    if fields.get("apiVersion"):
        return "add `kind`"
    return "every object has `apiVersion` and `kind`; leave the file out if it is not one"


def not_an_object(mistake: Mistake) -> str:
    """For a list or a text in place of an object."""
    if isinstance(mistake.value, list):
        return "remove the dashes, and put a line `---` between two objects"
    return character_remedy(mistake.text) or _without_space(mistake.text)


def duplicate_key(mistake: Mistake) -> str:
    """For a key that a mapping has twice."""
    if mistake.name in ("apiVersion", "kind", "metadata", "spec"):
        return "put a line `---` between two objects"
    return f"write `{mistake.name}` once, with all that belongs in it"
