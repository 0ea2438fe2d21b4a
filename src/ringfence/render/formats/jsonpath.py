"""JSONPath templates as kubectl prints them: `{.spec.podSelector}`, `{range .items[*]}{.metadata.name}{"\\n"}{end}`.

kubectl's templates are a language of their own: text with paths in braces, which no library for JSONPath (RFC 9535)
reads. Two things are not supported: a union of paths in one pair of brackets (`[.a,.b]`), and a filter with more than
one comparison. A field that is missing prints nothing, as with kubectl.

Source: kubernetes.io, "JSONPath Support"; `k8s.io/client-go/util/jsonpath`.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Value = Any
Values = list[Value]
Step = Callable[[Values], Values]

_ACTION: Final = re.compile(r"""\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}""")
_RANGE: Final = re.compile(r"\s*range\b(.*)", re.S)
_QUOTED: Final = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*""")
_STEP: Final = re.compile(
    r"""
    \s*(?:
      (?P<root>[$@])
    | \.\.(?P<descent>)
    | \.(?P<field>(?:\\.|[^.,\[\]$@{}\s\\])+)
    | \[\?\((?P<filter>(?:"[^"]*"|'[^']*'|[^()])*)\)\]
    | \[(?P<keys>\s*'[^']*'(?:\s*,\s*'[^']*')*\s*)\]
    | \[(?P<index>\s*-?\d+(?:\s*,\s*-?\d+)*\s*)\]
    | \[(?P<slice>\s*(?:\*|(?:-?\d*)(?::-?\d*){1,2})\s*)\]
    | (?P<after_descent>(?:\\.|[^.,\[\]$@{}\s\\])+)
    )
    """,
    re.X,
)
_COMPARISON: Final = re.compile(r"(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)", re.S)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    str: "a string",
    bool: "a truth value",
    type(None): "null",
    **dict.fromkeys((int, float), "a number"),
}


class JSONPathError(ValueError):
    """A template that cannot be read, or not be applied to a document."""


class JSONPathTemplate:
    """A template, ready to be applied to documents."""

    def __init__(self, parts: Sequence["_TemplatePart"]) -> None:
        self._parts = parts

    def render(self, document: Value) -> str:
        """What the template prints of a document. Raises JSONPathError for an index that a list does not have."""
        return "".join(_rendered(self._parts, document))


def parse_template(text: str) -> JSONPathTemplate:
    """The template of a text. Raises JSONPathError if it is not one."""
    tokens = list(_tokens(text))
    parts, rest = _parts(tokens, 0, inside=False)
    assert rest == len(tokens)
    return JSONPathTemplate(parts)


class _TemplateText:
    def __init__(self, text: str) -> None:
        self.text = text


class _TemplatePath:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps

    def find(self, value: Value) -> Values:
        return self.find_in_all([value])

    def find_in_all(self, values: Values) -> Values:
        for step in self.steps:
            values = step(values)
        return values


class _TemplateRange:
    def __init__(self, path: _TemplatePath, parts: Sequence["_TemplatePart"]) -> None:
        self.path = path
        self.parts = parts


_TemplatePart = _TemplateText | _TemplatePath | _TemplateRange


# --- reading a template -----------------------------------------------------------------------------------------------


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """The text outside braces, and the actions inside (True), in their order."""
    place = 0
    for action in _ACTION.finditer(text):
        yield from _literal(text[place : action.start()])
        yield True, action[1]
        place = action.end()
    yield from _literal(text[place:])


def _literal(text: str) -> Iterator[tuple[bool, str]]:
    # What the expression for actions left over has a brace without its partner.
    if "{" in text or "}" in text:
        raise JSONPathError(f"unclosed action in {text!r}: a path stands in braces, such as {{.metadata.name}}")
    if text:
        yield False, text


def _parts(tokens: Sequence[tuple[bool, str]], place: int, *, inside: bool) -> tuple[list[_TemplatePart], int]:
    """The parts up to the end of the template, or of the range that they are inside of."""
    parts: list[_TemplatePart] = []
    while place < len(tokens):
        is_action, text = tokens[place]
        place += 1
        if not is_action:
            parts.append(_TemplateText(text))
        elif text.strip() == "end":
            if not inside:
                raise JSONPathError("{end} without {range ...} before it")
            return parts, place
        elif ranged := _RANGE.fullmatch(text):
            inner, place = _parts(tokens, place, inside=True)
            parts.append(_TemplateRange(_path(ranged[1]), inner))
        elif quoted := _QUOTED.fullmatch(text):
            parts.append(_TemplateText(_unquoted(quoted[1])))
        else:
            parts.append(_path(text))
    if inside:
        raise JSONPathError("{range ...} without {end} after it")
    return parts, place


def _path(text: str) -> _TemplatePath:
    steps: list[Step] = []
    place = 0
    descended = False
    while place < len(text.rstrip()):
        found = _STEP.match(text, place)
        # A name without a dot before it is valid only behind two dots, as in `..name`.
        if not found or (found["after_descent"] and not descended):
            raise JSONPathError(
                f"{{{text}}} is not a path at {text[place:].strip()!r}: use one such as {{.metadata.name}}"
            )
        place = found.end()
        if not found["root"]:
            steps.append(_step(found))
        descended = found["descent"] is not None
    return _TemplatePath(steps)


def _step(found: re.Match[str]) -> Step:
    if found["descent"] is not None:
        return _descend
    if name := found["field"] or found["after_descent"]:
        return _every if name == "*" else _field(re.sub(r"\\(.)", r"\1", name))
    if found["filter"] is not None:
        return _filter(found["filter"])
    if found["keys"]:
        # As in kubectl, a key in quotes is a path of fields, too: dots in it have to be escaped.
        return _union([_path(f".{key}").find_in_all for key in re.findall("'([^']*)'", found["keys"])])
    if found["index"]:
        return _union([_slice(int(number), None, 1) for number in found["index"].split(",")])
    text = found["slice"].strip()
    if text == "*":
        return _every
    low, high, step = [*((int(one) if one else None) for one in text.split(":")), None][:3]
    return _slice(low or 0, high, step or 1, is_range=True)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), text[1:-1])


# --- steps of a path --------------------------------------------------------------------------------------------------


def _field(name: str) -> Step:
    return lambda values: [value[name] for value in values if isinstance(value, dict) and name in value]


def _every(values: Values) -> Values:
    return [inner for value in values for inner in _children(value)]


def _descend(values: Values) -> Values:
    """Every object and list inside, in front of those inside it."""
    found = []
    for value in values:
        if children := _children(value):
            found += [value, *_descend(children)]
    return found


def _children(value: Value) -> Values:
    if isinstance(value, dict):
        # Sorted: Go's maps have no order, and the output must be the same each time.
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _union(steps: Sequence[Step]) -> Step:
    return lambda values: [inner for step in steps for inner in step(values)]


def _slice(low: int, high: int | None, step: int, *, is_range: bool = False) -> Step:
    """The items of lists from one index to another; of a single index, the item."""

    def items(values: Values) -> Values:
        found = []
        for value in values:
            if not isinstance(value, list):
                raise JSONPathError(f"{_KINDS[type(value)]} is not a list, and has no index")
            first = low + len(value) if low < 0 else low
            last = first + 1 if not is_range else len(value) if high is None else high + len(value) * (high < 0)
            if first != last and not (0 <= first < len(value) and last <= len(value)):
                index = first if not 0 <= first < len(value) else last - 1
                raise JSONPathError(f"array index out of bounds: index {index}, length {len(value)}")
            found += value[first:last:step]
        return found

    return items


def _filter(text: str) -> Step:
    """The items of lists for which a comparison holds, or in which a path finds something."""
    compared = _COMPARISON.fullmatch(text.strip())
    if not compared:
        path = _path(text)
        return lambda values: [item for value in values for item in _items(value) if path.find(item)]
    left, operator, right = _operand(compared[1]), compared[2], _operand(compared[3])
    return lambda values: [
        item for value in values for item in _items(value) if _holds(left(item), operator, right(item))
    ]


def _items(value: Value) -> Values:
    if not isinstance(value, list):
        raise JSONPathError(f"{_KINDS[type(value)]} is not a list, and cannot be filtered")
    return value


def _operand(text: str) -> Step:
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        constant: Value = _unquoted(quoted[1])
    else:
        try:
            constant = json.loads(text)
        except ValueError:
            return _path(text).find
    return lambda item: [constant]


def _holds(left: Values, operator: str, right: Values) -> bool:
    if len(left) != 1 or len(right) != 1:
        return False  # a field that is missing equals nothing
    one, other = left[0], right[0]
    # Python raises TypeError for what cannot be ordered. kubectl takes such a comparison as false.
    is_ordered = isinstance(one, str) is isinstance(other, str) and not {type(one), type(other)} & {dict, list}
    match operator:
        case "==":
            return bool(one == other)
        case "!=":
            return bool(one != other)
    if not is_ordered or one is None or other is None:
        return False
    return bool({"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator])


# --- printing ---------------------------------------------------------------------------------------------------------


def _rendered(parts: Sequence[_TemplatePart], value: Value) -> Iterator[str]:
    for part in parts:
        match part:
            case _TemplateText():
                yield part.text
            case _TemplatePath():
                yield " ".join(map(_printed, part.find(value)))
            case _TemplateRange():
                for item in part.path.find(value):
                    yield from _rendered(part.parts, item)


def _printed(value: Value) -> str:
    """A value as Go prints it: objects and lists as JSON with sorted keys and without characters of HTML."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return str(value)
