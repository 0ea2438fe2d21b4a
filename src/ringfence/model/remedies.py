"""How a mistake in an object is mended: one sentence for each kind of mistake, by the problem's code and the field.

The API server says what it refuses; it seldom says what was meant. `remedy_of` looks that up in one table. A row holds
for codes and, if it names any, for fields; its function gives the sentence, or nothing if another row is to be tried.
"""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final

import msgspec

from ringfence.model.cidrs import cidr_spelling
from ringfence.model.field_errors import FieldError
from ringfence.model.odd_characters import character_remedy
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.model.problems import ProblemCode
from ringfence.model.selectors import Operator
from ringfence.model.templates import template_remedy
from ringfence.model.text_edits import column_of
from ringfence.model.validation import FieldWarning
from ringfence.sets.traffic import PROTOCOLS


class Mistake(msgspec.Struct, frozen=True):
    """What is known of a mistake: the problem's code, the path of the field, and its value as it was read.

    `detail` is the reason that the API server gives. `meant` is what was meant, where only one thing can be: a value,
    or the name of a field. For a value of a wrong type, `expected` is the type that the field has, as JSON calls it.
    For an unknown field, `name` is its own name, and `home` says where it belongs. `column` is where the name or the
    value starts, 0 if that is not known.
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

    @property
    def field(self) -> str:
        """The name of the field, without the index of an item: `except` of `spec.egress[0].to[0].ipBlock.except[1]`."""
        return re.sub(r"\[\d+\]$", "", self.path).rpartition(".")[2]

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
    return Mistake(refused.code, refused.path, given, refused.detail, meant, column=column)


def remedy_of(mistake: Mistake) -> str:
    """The sentence that says how to mend the mistake; empty where that cannot be known."""
    for codes, fields, sentence in _REMEDIES:
        if mistake.code in codes and (not fields or mistake.field in fields) and (remedy := sentence(mistake)):
            return remedy
    return ""


# --- any value --------------------------------------------------------------------------------------------------------


def _template(mistake: Mistake) -> str:
    return template_remedy(mistake.name or mistake.text)


def _odd_character(mistake: Mistake) -> str:
    return character_remedy(mistake.name or mistake.text, mistake.column)


def _what_was_meant(mistake: Mistake) -> str:
    return "" if mistake.meant is None else f"write {mistake.meant}"


# --- ports and protocols ----------------------------------------------------------------------------------------------

_RANGE: Final = re.compile(r"\s*(\d{1,5})\s*[-:.–]{1,2}\s*(\d{1,5})\s*")
_LIST: Final = re.compile(r"[\w-]+(\s*[,;]\s*[\w-]+)+")
_WITH_PROTOCOL: Final = re.compile(r"(\w+)/(tcp|udp|sctp)|(tcp|udp|sctp)/(\w+)", re.I)
_EVERYTHING: Final = ("*", "all", "any", "-1", "0")


def _port_name(mistake: Mistake) -> str:
    text = mistake.text
    if isinstance(mistake.meant, int):
        return f"remove the quotes: {mistake.meant} is a port number, {_quoted(text)} is the name of a port"
    if found := _RANGE.fullmatch(text):
        return f"write a range as two fields: port: {found[1]} and endPort: {found[2]}"
    if found := _WITH_PROTOCOL.fullmatch(text):
        protocol, port = (found[2] or found[3]).upper(), found[1] or found[4]
        return f"write two fields: port: {port} and protocol: {protocol}"
    if _LIST.fullmatch(text):
        return "write one entry of `ports` for each port"
    if text.lower() in _EVERYTHING:
        return "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"
    return "use a port number, or the name of a container port: at most 15 lower-case letters, digits and dashes"


def _port_number(mistake: Mistake) -> str:
    if isinstance(mistake.value, int) and mistake.value <= 0:
        return "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"
    return "use a port from 1 to 65535"


def _end_port(mistake: Mistake) -> str:
    if "greater" in mistake.detail:
        return "write the lower port in `port` and the higher one in `endPort`"
    if "non-numeric" in mistake.detail:
        return "write a number in `port`, without quotes: a range has no names"
    if "not specified" in mistake.detail:
        return "add `port` with the first port of the range"
    return _port_number(mistake)


def _protocol(mistake: Mistake) -> str:
    if mistake.text.lower() in _EVERYTHING:
        return "to allow all protocols, leave out `ports`, or write one entry for each of TCP, UDP and SCTP"
    if mistake.text.lower().startswith("icmp"):
        return "remove it: NetworkPolicies have no rules for ICMP"
    return _closest(mistake.text, PROTOCOLS) or f"write one of {', '.join(PROTOCOLS)}"


# --- policy types and selectors ---------------------------------------------------------------------------------------

_OPERATOR_SIGNS: Final = {
    **dict.fromkeys(("=", "==", "equals", "equal", "eq"), Operator.IN),
    **dict.fromkeys(("!=", "notequals", "notequal", "ne"), Operator.NOT_IN),
}


def _policy_type(mistake: Mistake) -> str:
    if "more than two" in mistake.detail:
        return "write each of Ingress and Egress at most once"
    if mistake.text.lower() in ("both", *_EVERYTHING):
        return "write both: [Ingress, Egress]"
    return _closest(mistake.text, Direction) or "write Ingress or Egress"


def _operator(mistake: Mistake) -> str:
    if sign := _OPERATOR_SIGNS.get(mistake.text.lower()):
        return f"write {sign}, with the value in `values`"
    return _closest(mistake.text, Operator) or f"write one of {', '.join(Operator)}"


def _selector_values(mistake: Mistake) -> str:
    if mistake.code == ProblemCode.FORBIDDEN_VALUE:
        return "remove `values`, or use the operator In or NotIn"
    return "add at least one value, or use the operator Exists or DoesNotExist"


# --- addresses --------------------------------------------------------------------------------------------------------


def _cidr(mistake: Mistake) -> str:
    text = mistake.text.strip()
    if "strict subset" in mistake.detail:
        return "`except` takes a part out of its own `cidr`: remove it, or name a part that is smaller than `cidr`"
    try:
        spelling = cidr_spelling(text)
    except ValueError:
        return _unreadable_cidr(text)
    if text != mistake.text:
        return f"remove the blanks: {text}"
    if spelling.has_surplus_bits:
        single = f"{spelling.address}/{spelling.address.max_prefixlen}"
        return f"write {spelling.network} for the whole network, or {single} for the one address"
    return f"write {spelling.network}"


def _unreadable_cidr(text: str) -> str:
    if re.search("[,;]", text):
        return "write one peer with an `ipBlock` for each"
    address, slash, _ = text.partition("/")
    try:
        width = ip_address(address).max_prefixlen
    except ValueError:
        if re.search("[g-zG-Z]", text):
            return "`ipBlock` takes addresses, not names: find out the addresses of the name, or select pods by labels"
        return "write an address and a prefix length: 10.9.8.0/24, or 10.9.8.7/32 for one address"
    if slash:
        return f"the prefix length of such an address is a number from 0 to {width}"
    return f"add the prefix length: {text}/{width} for this one address"


def _no_cidr(mistake: Mistake) -> str:
    return "add `cidr`, for example 10.9.8.0/24; 0.0.0.0/0 are all IPv4 addresses"


# --- peers ------------------------------------------------------------------------------------------------------------


def _peer(mistake: Mistake) -> str:
    if mistake.code == ProblemCode.FORBIDDEN_VALUE:
        return "make two peers of it, each with a dash of its own: `- ipBlock:` and `- podSelector:`"
    all_pods = "`- namespaceSelector: {}`"
    return f"for all pods write {all_pods}; for everything leave out `{mistake.field}`; else remove this peer"


# --- names and labels -------------------------------------------------------------------------------------------------


def _name(mistake: Mistake) -> str:
    if not mistake.path.startswith("metadata."):
        return ""
    if mistake.code == ProblemCode.REQUIRED_VALUE:
        return "add `name` to `metadata`"
    plain = _as_name(mistake.text, dots=mistake.field != "namespace")
    return (
        f"use lower-case letters, digits and dashes: {plain}" if plain else "use lower-case letters, digits and dashes"
    )


def _label(mistake: Mistake) -> str:
    if "no more than" in mistake.detail:
        return "use a shorter text; long texts belong in annotations"
    text = mistake.text.strip()
    if text != mistake.text:
        return f"remove the blanks around {_quoted(text)}"
    if re.search(r"[=:,]", text):
        return "write each label on a line of its own, as `key: value`"
    return "use letters, digits, dashes, underscores and dots, with a letter or a digit at both ends"


def _as_name(text: str, *, dots: bool) -> str:
    kept = re.sub(r"[^a-z0-9.-]+" if dots else "[^a-z0-9-]+", "-", text.lower())
    return kept.strip("-.")


# --- types ------------------------------------------------------------------------------------------------------------

_WITHOUT_SPACE: Final = re.compile(r"([\w./-]+):([^\s/]\S*)(?: .*)?", re.S)


def _without_space(text: str) -> str:
    found = _WITHOUT_SPACE.fullmatch(text)
    return f"write a space after the colon: `{found[1]}: {found[2]}`" if found else ""


def _wrong_type(mistake: Mistake) -> str:
    name = f"`{mistake.field}`"
    match mistake.expected, mistake.value:
        case "array", dict():
            return f"{name} is a list: begin each of its entries with a dash and a space (`- `)"
        case "array", str() as text if mistake.field == "policyTypes":
            return f"{name} is a list: [{text}]"
        case "array", _:
            return f"{name} is a list: write its entries below it, each after a dash and a space (`- `)"
        case "object", list() if mistake.path.endswith("]"):
            return "there is a dash too many: remove one"
        case "object", list():
            return f"{name} is not a list: remove the dash below it"
        case "object", str() as text if remedy := _without_space(text):
            return remedy
        case "object", _:
            return "write `key: value` lines here, indented further than the field around them"
        case "string", bool() | int() | float() as value:
            kind = "true or false" if isinstance(value, bool) else "a number"
            example = f" ({mistake.meant})" if mistake.meant else ""
            return f"put the value in quotes{example}: without them YAML reads {kind}"
        case "string", list():
            return f"{name} takes one text, not a list: write one entry for each"
        case "number", str() as text if text.isdecimal():
            return f"remove the quotes: {text}"
        case "number", _:
            return "write a whole number"
        case "bool", _:
            return "write true or false"
    return ""


# --- fields -----------------------------------------------------------------------------------------------------------


def _of_the_other_direction(mistake: Mistake) -> str:
    inner = mistake.path.rpartition(".")[0]
    for direction, other in ((Direction.INGRESS, Direction.EGRESS), (Direction.EGRESS, Direction.INGRESS)):
        is_rule = re.fullmatch(rf"spec\.{direction.field}\[\d+\]", inner)
        if is_rule and mistake.field == other.peers_field:
            return (
                f"rules of `{direction.field}` have `{direction.peers_field}`; "
                f"`{other.peers_field}` belongs in a rule of `{other.field}`"
            )
    return ""


def _label_of_selector(mistake: Mistake) -> str:
    parent = mistake.path.removesuffix(f".{mistake.path.rpartition('.')[2]}")
    is_selector = re.search(r"(?:podSelector|namespaceSelector)(\.|$)", parent)
    if is_selector and mistake.text and not mistake.meant:
        return "put the labels below `matchLabels:`"
    return ""


def _unknown_field(mistake: Mistake) -> str:
    if mistake.meant:
        return f"write `{mistake.meant}`"
    return mistake.home


# --- objects ----------------------------------------------------------------------------------------------------------

_TYPE_FIELDS: Final = {"apiversion": "apiVersion", "kind": "kind"}


def _missing_type(mistake: Mistake) -> str:
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


def _not_an_object(mistake: Mistake) -> str:
    if isinstance(mistake.value, list):
        return "remove the dashes, and put a line `---` between two objects"
    return character_remedy(mistake.text) or _without_space(mistake.text)


def _duplicate_key(mistake: Mistake) -> str:
    if mistake.name in ("apiVersion", "kind", "metadata", "spec"):
        return "put a line `---` between two objects"
    return f"write `{mistake.name}` once, with all that belongs in it"


# --- the table --------------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return f'"{text}"'


def _closest(text: str, known: Iterable[str]) -> str:
    by_letters = {each.lower(): each for each in known}
    close = get_close_matches(text.lower(), by_letters, n=1, cutoff=0.6)
    return f"write {by_letters[close[0]]}" if close else ""


_Sentence = Callable[[Mistake], str]

_REFUSED: Final = (
    ProblemCode.INVALID_VALUE,
    ProblemCode.UNSUPPORTED_VALUE,
    ProblemCode.REQUIRED_VALUE,
    ProblemCode.FORBIDDEN_VALUE,
    ProblemCode.TOO_LONG_VALUE,
)
_OF_A_TEXT: Final = (*_REFUSED, ProblemCode.WRONG_TYPE, ProblemCode.UNKNOWN_FIELD)
_MALFORMED: Final = (ProblemCode.INVALID_VALUE, ProblemCode.UNSUPPORTED_VALUE)

_REMEDIES: Final[tuple[tuple[tuple[str, ...], tuple[str, ...], _Sentence], ...]] = (
    (_OF_A_TEXT, (), _template),
    (_OF_A_TEXT, (), _odd_character),
    (_MALFORMED, ("port",), lambda one: _port_name(one) if one.text else _port_number(one)),
    (_MALFORMED, ("endPort",), _end_port),
    (_MALFORMED, ("protocol",), _protocol),
    (_MALFORMED, ("policyTypes",), _policy_type),
    (_MALFORMED, ("operator",), _operator),
    (_REFUSED, ("values",), lambda one: _selector_values(one) if one.value is None else _label(one)),
    ((ProblemCode.REQUIRED_VALUE,), ("cidr",), _no_cidr),
    ((*_MALFORMED, ProblemCode.NONSTANDARD_CIDR), ("cidr", "except"), _cidr),
    (_REFUSED, ("from", "to"), _peer),
    ((*_MALFORMED, ProblemCode.REQUIRED_VALUE), ("name", "generateName", "namespace"), _name),
    (_MALFORMED, ("labels", "matchLabels", "key"), _label),
    ((ProblemCode.WRONG_TYPE,), (), _wrong_type),
    ((ProblemCode.UNKNOWN_FIELD,), (), _of_the_other_direction),
    ((ProblemCode.UNKNOWN_FIELD,), (), _label_of_selector),
    ((ProblemCode.UNKNOWN_FIELD,), (), _unknown_field),
    ((ProblemCode.MISSING_TYPE,), (), _missing_type),
    ((ProblemCode.NOT_AN_OBJECT,), (), _not_an_object),
    ((ProblemCode.DUPLICATE_KEY,), (), _duplicate_key),
    ((ProblemCode.FORMER_FIELD,), (), lambda one: f"remove `{one.field}`"),
    ((ProblemCode.DUPLICATE_OBJECT,), (), lambda one: "remove one of the two, or give it a name of its own"),
    (_REFUSED, (), _what_was_meant),
)
"""The table: codes, fields (none means any), and the function that gives the sentence. The first sentence counts."""
