"""Sets, maps and their elements as messages of nf_tables, and back.

Source: `<linux/netfilter/nf_tables.h>`; the output of `nft --debug=netlink,mnl`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeVar

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.program import Collection, HashSet, Key, KeyPart, Move, RangeSet, VerdictMap
from ringfence.netlink.codec import (
    attribute,
    attributes,
    each_attribute,
    nested,
    read_string,
    read_uint,
    string,
    uint32,
)

T = TypeVar("T")

_PORTION: Final = 450
"""Elements in one message: they share one attribute, whose length is a number of 16 bits, and take up to 140 bytes."""


# --- encoding ---------------------------------------------------------------------------------------------------------


def describe(collection: Collection) -> Iterator[bytes]:
    """The attributes of a set or a map, its name and table excepted."""
    key = collection.key
    yield uint32(nf.NFTA_SET_FLAGS, _flags(collection))
    yield uint32(nf.NFTA_SET_KEY_TYPE, _type_code(key))
    yield uint32(nf.NFTA_SET_KEY_LEN, _key_length(key))
    if isinstance(collection, VerdictMap):
        yield uint32(nf.NFTA_SET_DATA_TYPE, nf.NFT_DATA_VERDICT)
        yield uint32(nf.NFTA_SET_DATA_LEN, 0)
    if isinstance(collection, RangeSet) and len(key) > 1:
        parts = (nested(nf.NFTA_LIST_ELEM, uint32(nf.NFTA_SET_FIELD_LEN, part.length)) for part in key)
        yield nested(nf.NFTA_SET_DESC, nested(nf.NFTA_SET_DESC_CONCAT, *parts))
    yield uint32(nf.NFTA_SET_ID, 1)  # for references inside the transaction, which are made by name here
    yield attribute(nf.NFTA_SET_USERDATA, _note_for_listings(key))
    if isinstance(collection, HashSet) and collection.counted:
        counter = string(nf.NFTA_EXPR_NAME, "counter"), nested(nf.NFTA_EXPR_DATA)
        yield nested(nf.NFTA_SET_EXPR, *counter)


def portions(collection: Collection) -> Iterator[bytes]:
    """All elements, as lists that each fit into one message."""
    match collection:
        case HashSet(key, elements):
            return _lists(elements, _key_encoder(key))
        case RangeSet(key, elements) if len(key) > 1:
            return _lists(elements, _encode_box)
        case RangeSet(_, elements):
            return _lists(_borders(elements), _encode_border)
        case VerdictMap(_, elements, goto):
            entries = ((key, chain) for chain, keys in elements.items() for key in keys)
            return _lists(entries, partial(_encode_entry, nf.NFT_GOTO if goto else nf.NFT_JUMP))


def key_portions(collection: HashSet | VerdictMap) -> Iterator[bytes]:
    """The keys alone, which is enough to remove the elements; portion by portion the same as in `portions`."""
    encode = _key_encoder(collection.key)
    match collection:
        case HashSet(elements=elements):
            return _lists(elements, encode)
        case VerdictMap(elements=chains):
            return _lists((key for keys in chains.values() for key in keys), encode)


def _lists(items: Iterable[T], encode: Callable[[T], bytes]) -> Iterator[bytes]:
    encoded = list(map(encode, items))
    for at in range(0, len(encoded), _PORTION):
        yield nested(nf.NFTA_SET_ELEM_LIST_ELEMENTS, *encoded[at : at + _PORTION])


def _key_encoder(key: Key) -> Callable[[bytes], bytes]:
    """Encodes keys of one length: a beginning that never changes, the key, and padding."""
    length = _key_length(key)
    encoded = _encode_element(_value(nf.NFTA_SET_ELEM_KEY, bytes(length)))
    at = 12
    beginning, padding = encoded[:at], encoded[at + length :]
    return lambda element: beginning + element + padding


def _encode_box(box: tuple[bytes, bytes]) -> bytes:
    low, high = box
    return _encode_element(_value(nf.NFTA_SET_ELEM_KEY, low), _value(nf.NFTA_SET_ELEM_KEY_END, high))


def _encode_entry(code: int, entry: tuple[bytes, str]) -> bytes:
    key, chain = entry
    verdict = nested(nf.NFTA_DATA_VERDICT, uint32(nf.NFTA_VERDICT_CODE, code), string(nf.NFTA_VERDICT_CHAIN, chain))
    return _encode_element(_value(nf.NFTA_SET_ELEM_KEY, key), nested(nf.NFTA_SET_ELEM_DATA, verdict))


def _borders(ranges: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bool]]:
    """Where each range begins, and the first key behind it; the very first border closes what lies before."""
    ordered = sorted(ranges)
    if ordered and any(ordered[0][0]):
        yield bytes(len(ordered[0][0])), True
    for low, high in ordered:
        yield low, False
        behind = int.from_bytes(high, "big") + 1
        if behind >> 8 * len(high) == 0:
            yield behind.to_bytes(len(high), "big"), True


def _encode_border(border: tuple[bytes, bool]) -> bytes:
    key, is_behind = border
    return _encode_element(
        _value(nf.NFTA_SET_ELEM_KEY, key),
        uint32(nf.NFTA_SET_ELEM_FLAGS, nf.NFT_SET_ELEM_INTERVAL_END) if is_behind else b"",
    )


def _encode_element(*parts: bytes) -> bytes:
    return nested(nf.NFTA_LIST_ELEM, *parts)


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attribute(nf.NFTA_DATA_VALUE, value))


def _flags(collection: Collection) -> int:
    match collection:
        case RangeSet(key):
            return nf.NFT_SET_INTERVAL | (nf.NFT_SET_CONCAT if len(key) > 1 else 0)
        case VerdictMap():
            return nf.NFT_SET_MAP
        case HashSet():
            return 0


def _type_code(key: Key) -> int:
    """The data type as nft numbers it, six bits for each part: for listings only, the kernel does not look at it."""
    code = 0
    for part in key:
        code = code << 6 | part.code
    return code


def _key_length(key: Key) -> int:
    """One part has its own length; parts of a concatenation are padded to four bytes each."""
    return key[0].length if len(key) == 1 else sum(-(-part.length // 4) * 4 for part in key)


def _note_for_listings(key: Key) -> bytes:
    """What nft notes with a set for its own listings: the byte order, and that a bare number is a `ct id`."""
    if key == (KeyPart.CONNECTION,):
        return _BIG_ENDIAN + b"\3\x14\0\4\x0c\0\0\0\1\x0c\0\4\x17\0\0\0\1\4\xff\xff\xff\xff"
    if key == (KeyPart.LINK,):
        return _MACHINES_ORDER
    return _BIG_ENDIAN if len(key) == 1 else _NO_ONE_ORDER


_MACHINES_ORDER: Final = b"\0\4\1\0\0\0"
_BIG_ENDIAN: Final = b"\0\4\2\0\0\0"
_NO_ONE_ORDER: Final = b"\0\4\0\0\0\0"


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode_description(settings: dict[int, bytes]) -> Collection | None:
    """The kind of a set or map with these attributes, without elements; None for one that is not ours."""
    key = _KEYS.get(read_uint(settings[nf.NFTA_SET_KEY_TYPE]))
    if key is None or read_uint(settings[nf.NFTA_SET_KEY_LEN]) != _key_length(key):
        return None
    if not settings.keys().isdisjoint(_NEVER_OURS) or not _counts_at_most(settings.get(nf.NFTA_SET_EXPR)):
        return None
    candidates = (HashSet(key, counted=nf.NFTA_SET_EXPR in settings), RangeSet(key), VerdictMap(key))
    flags = read_uint(settings.get(nf.NFTA_SET_FLAGS, b"")) & ~nf.NFT_SET_EXPR
    kind = next((one for one in candidates if _flags(one) == flags), None)
    return kind if kind and _layout(settings) == _layout(attributes(b"".join(describe(kind)))) else None


_NEVER_OURS: Final = frozenset({nf.NFTA_SET_TIMEOUT, nf.NFTA_SET_OBJ_TYPE, nf.NFTA_SET_EXPRESSIONS})
"""What sets of other programs can have: elements that expire, that name objects, or with several expressions each."""


def _layout(settings: dict[int, bytes]) -> tuple[int, int, list[bytes]]:
    """The data type of a map, the most elements that a set may have (0: any number), and the parts of its ranges."""
    description = attributes(settings.get(nf.NFTA_SET_DESC, b""))
    parts = each_attribute(description.get(nf.NFTA_SET_DESC_CONCAT, b""))
    return (
        read_uint(settings.get(nf.NFTA_SET_DATA_TYPE, b"")),
        read_uint(description.get(nf.NFTA_SET_DESC_SIZE, b"")),
        [attributes(part).get(nf.NFTA_SET_FIELD_LEN, b"") for _, part in parts],
    )


def _counts_at_most(expression: bytes | None) -> bool:
    """Whether the expression of a set or of an element, if it has one, does nothing but count."""
    return expression is None or read_string(attributes(expression).get(nf.NFTA_EXPR_NAME, b"")) == "counter"


def decode_elements(kind: Collection, lists: Iterable[bytes]) -> Collection | None:
    """The set or map of this kind with the elements in `lists`; None if some are of a sort that is not ours."""
    elements = [attributes(encoded) for one in lists for _, encoded in each_attribute(one)]
    if not all(map(_is_ours, elements)):
        return None
    match kind:
        case HashSet(key):
            return HashSet(key, frozenset(map(_key, elements)), kind.counted)
        case RangeSet(key) if len(key) > 1:
            return RangeSet(key, frozenset((_key(one), _value_of(one[nf.NFTA_SET_ELEM_KEY_END])) for one in elements))
        case RangeSet(key):
            return RangeSet(key, frozenset(_ranges(elements)))
        case VerdictMap(key):
            goto = bool(elements) and all(_verdict(one)[0] == nf.NFT_GOTO for one in elements)
            code = nf.NFT_GOTO if goto else nf.NFT_JUMP
            return VerdictMap(key, goto=goto).moved(Move(_key(one), None, _target(one, code)) for one in elements)


_OF_ELEMENTS: Final = frozenset(
    {
        nf.NFTA_SET_ELEM_KEY,
        nf.NFTA_SET_ELEM_KEY_END,
        nf.NFTA_SET_ELEM_DATA,
        nf.NFTA_SET_ELEM_FLAGS,
        nf.NFTA_SET_ELEM_EXPR,
        nf.NFTA_SET_ELEM_USERDATA,
    }
)


def _is_ours(element: dict[int, bytes]) -> bool:
    """Whether an element matches its key and nothing else, always, and does nothing but that and count.

    Another program can add one that stands for all other keys, and then has no key, one that expires, or one that
    matches only up to a limit (`{ 10.0.0.1 limit rate 1/day }`).
    """
    return (
        nf.NFTA_SET_ELEM_KEY in element
        and element.keys() <= _OF_ELEMENTS
        and _counts_at_most(element.get(nf.NFTA_SET_ELEM_EXPR))
    )


def decode_counts(lists: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Every element of a counted set: its key, and the packets and bytes that have matched it."""
    for encoded in lists:
        for _, one in each_attribute(encoded):
            element = attributes(one)
            expression = attributes(element.get(nf.NFTA_SET_ELEM_EXPR, b""))
            counter = attributes(expression.get(nf.NFTA_EXPR_DATA, b""))
            packets, size = counter.get(nf.NFTA_COUNTER_PACKETS, b""), counter.get(nf.NFTA_COUNTER_BYTES, b"")
            yield _key(element), read_uint(packets), read_uint(size)


def _key(element: dict[int, bytes]) -> bytes:
    return _value_of(element[nf.NFTA_SET_ELEM_KEY])


def _value_of(data: bytes) -> bytes:
    return attributes(data)[nf.NFTA_DATA_VALUE]


def _target(element: dict[int, bytes], code: int) -> str:
    """The chain that an entry leads to. None for another code, which only another program can have set."""
    found, chain = _verdict(element)
    return chain if found == code else ""


def _verdict(element: dict[int, bytes]) -> tuple[int, str]:
    """The code of an entry's verdict, and the chain in it."""
    verdict = attributes(attributes(element[nf.NFTA_SET_ELEM_DATA]).get(nf.NFTA_DATA_VERDICT, b""))
    code = int.from_bytes(verdict.get(nf.NFTA_VERDICT_CODE, b""), "big", signed=True)
    return code, read_string(verdict.get(nf.NFTA_VERDICT_CHAIN, b""))


def _ranges(elements: Iterable[dict[int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    borders = sorted((_key(one), not read_uint(one.get(nf.NFTA_SET_ELEM_FLAGS, b""))) for one in elements)
    for i, (low, begins) in enumerate(borders):
        if begins:
            behind = borders[i + 1][0] if i + 1 < len(borders) else None
            yield low, _last_before(behind, len(low))


def _last_before(behind: bytes | None, length: int) -> bytes:
    return b"\xff" * length if behind is None else (int.from_bytes(behind, "big") - 1).to_bytes(length, "big")


def _keys() -> Iterator[Key]:
    for part in KeyPart:
        yield (part,)
    for address in (KeyPart.ADDRESS_4, KeyPart.ADDRESS_6):
        yield (address, address)
        yield (address, KeyPart.PROTOCOL, KeyPart.PORT)


_KEYS: Final = {_type_code(key): key for key in _keys()}
"""The keys that are used, by the number of their type."""
