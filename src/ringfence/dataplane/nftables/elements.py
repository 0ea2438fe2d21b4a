"""Encodes the elements of sets and maps as nf_tables attributes, and decodes them.

Source: `<linux/netfilter/nf_tables.h>`; the output of `nft --debug=netlink,mnl`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import Final, TypeVar

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.set_descriptions import counts_at_most, data_length, key_length
from ringfence.dataplane.program import (
    Collection,
    GroupMap,
    HashSet,
    Key,
    KeyRange,
    Move,
    RangeMap,
    RangeSet,
    VerdictMap,
    member_value,
    read_member_value,
)
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
"""The number of elements in one message.

All elements of a message are in one attribute. The length of an attribute is a 16-bit number, and an element takes up
to 140 bytes.
"""


# --- encoding ---------------------------------------------------------------------------------------------------------


def portions(collection: Collection) -> Iterator[bytes]:
    """Encode all elements as lists. Each list fits into one message."""
    match collection:
        case HashSet(key, elements):
            return _lists(elements, _template(key))
        case RangeSet(key, elements):
            # Sorted, because the kernel inserts ascending keys twice as fast. Half a portion, because a range is two
            # elements.
            return _lists(sorted(elements), _range_encoder(key), _PORTION // 2)
        case RangeMap(key, elements):
            entries = sorted((one, chain) for chain, ranges in elements.items() for one in ranges)
            return _lists(entries, _mapped_range_encoder(key), _PORTION // 2)
        case VerdictMap(_, elements, goto):
            keys = ((key, chain) for chain, some in elements.items() for key in some)
            return _lists(keys, partial(_encode_entry, nf.NFT_GOTO if goto else nf.NFT_JUMP))
        case GroupMap(_, elements):
            values = {group: member_value(group) for group in elements}
            members = ((key, values[group]) for group, some in elements.items() for key in some)
            return _lists(members, _member_encoder(collection.key, data_length(collection)))


def key_portions(collection: HashSet | RangeSet | VerdictMap | GroupMap) -> Iterator[bytes]:
    """Encode the keys of all elements, which is sufficient to remove them.

    Each list has the same elements as the corresponding list of `portions`.
    """
    encode = _template(collection.key)
    match collection:
        case HashSet(elements=elements):
            return _lists(elements, encode)
        case RangeSet():
            # A range has to be removed with both of its borders.
            return portions(collection)
        case VerdictMap(elements=chains) | GroupMap(elements=chains):
            return _lists((key for keys in chains.values() for key in keys), encode)


def single_key(key: bytes) -> bytes:
    """Encode the key of one element as a list, which is sufficient to ask for it."""
    return nested(nf.NFTA_SET_ELEM_LIST_ELEMENTS, _encode_element(_value(nf.NFTA_SET_ELEM_KEY, key)))


def _lists(items: Iterable[T], encode: Callable[[T], bytes], portion: int = _PORTION) -> Iterator[bytes]:
    encoded = list(map(encode, items))
    for at in range(0, len(encoded), portion):
        yield nested(nf.NFTA_SET_ELEM_LIST_ELEMENTS, *encoded[at : at + portion])


@cache  # there are as many as kinds of sets, and an update of a node with cluster policies changes 30 maps
def _template(key: Key, *settings: bytes) -> Callable[[bytes], bytes]:
    """An encoder for elements that differ only in their keys. It joins a fixed prefix, the key and a fixed suffix.

    The attributes are encoded only once, not for each element.
    """
    length = key_length(key)
    encoded = _encode_element(_value(nf.NFTA_SET_ELEM_KEY, bytes(length)), *settings)
    at = 12  # the headers of the element, of its key, and of the value of this key
    beginning, rest = encoded[:at], encoded[at + length :]
    return lambda element: beginning + element + rest


def _encode_entry(code: int, entry: tuple[bytes, str]) -> bytes:
    key, chain = entry
    verdict = nested(nf.NFTA_DATA_VERDICT, uint32(nf.NFTA_VERDICT_CODE, code), string(nf.NFTA_VERDICT_CHAIN, chain))
    return _encode_element(_value(nf.NFTA_SET_ELEM_KEY, key), nested(nf.NFTA_SET_ELEM_DATA, verdict))


@cache
def _member_encoder(key: Key, length: int) -> Callable[[tuple[bytes, bytes]], bytes]:
    """An encoder for elements that differ only in their keys and their data, of this length, as `_template`."""
    length_of_key = key_length(key)
    empty, data = (
        _value(nf.NFTA_SET_ELEM_KEY, bytes(length_of_key)),
        _value(nf.NFTA_SET_ELEM_DATA, bytes(length)),
    )
    encoded, at = _encode_element(empty, data), 12
    beginning, between = encoded[:at], encoded[at + length_of_key : -length]

    def encode(entry: tuple[bytes, bytes]) -> bytes:
        key, value = entry
        return beginning + key + between + value

    return encode


def _range_encoder(key: Key) -> Callable[[KeyRange], bytes]:
    """An encoder for ranges. A range is two elements: its first key, and the first key after it."""
    first, behind = _template(key), _template(key, uint32(nf.NFTA_SET_ELEM_FLAGS, nf.NFT_SET_ELEM_INTERVAL_END))

    def encode(one: KeyRange) -> bytes:
        low, high = one
        return first(low) + _encoded_end(high, behind)

    return encode


def _mapped_range_encoder(key: Key) -> Callable[[tuple[KeyRange, str]], bytes]:
    behind = _template(key, uint32(nf.NFTA_SET_ELEM_FLAGS, nf.NFT_SET_ELEM_INTERVAL_END))

    def encode(one: tuple[KeyRange, str]) -> bytes:
        (low, high), chain = one
        return _encode_entry(nf.NFT_GOTO, (low, chain)) + _encoded_end(high, behind)

    return encode


def _encoded_end(high: bytes, encode: Callable[[bytes], bytes]) -> bytes:
    """The element that ends a range; empty for a range that ends with the highest key."""
    behind = int.from_bytes(high, "big") + 1
    return b"" if behind >> 8 * len(high) else encode(behind.to_bytes(len(high), "big"))


def _encode_element(*parts: bytes) -> bytes:
    return nested(nf.NFTA_LIST_ELEM, *parts)


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attribute(nf.NFTA_DATA_VALUE, value))


# --- decoding ---------------------------------------------------------------------------------------------------------


Element = dict[int, bytes]
"""The attributes of an element. A range is two elements."""


def elements_in(lists: Iterable[bytes]) -> list[Element]:
    """The elements of several lists."""
    return [attributes(encoded) for one in lists for _, encoded in each_attribute(one)]


def has_repetitions(elements: Iterable[Element]) -> bool:
    """Whether an element of a set appears more than once.

    Only keys and flags are compared, because the counters of an element can change between two messages.
    """
    identities = [one.get(nf.NFTA_SET_ELEM_KEY, b"") + one.get(nf.NFTA_SET_ELEM_FLAGS, b"") for one in elements]
    return len(set(identities)) < len(identities)


def decode_elements(kind: Collection, elements: Sequence[Element]) -> Collection | None:
    """The set or map of this kind with these elements; None if ringfence never creates one of these elements."""
    if not all(map(_is_ours, elements)):
        return None
    match kind:
        case HashSet(key):
            return HashSet(key, frozenset(map(_key, elements)), kind.counted)
        case RangeSet(key):
            return RangeSet(key, frozenset(one for one, _ in _ranges(elements)))
        case RangeMap(key):
            return RangeMap(key, _by_chain(_ranges(elements)))
        case VerdictMap(key):
            # Others may have mixed the two. Then the map is read as one of jumps, in which an element with `goto` leads
            # to no chain, so the map differs from every wanted one.
            goto = bool(elements) and all(_verdict(one)[0] == nf.NFT_GOTO for one in elements)
            code = nf.NFT_GOTO if goto else nf.NFT_JUMP
            return VerdictMap(key, goto=goto).moved(Move(_key(one), None, _target(one, code)) for one in elements)
        case GroupMap(key):
            return GroupMap(key).moved(Move(_key(one), None, read_member_value(_member(one))) for one in elements)


_OF_ELEMENTS: Final = frozenset(
    {
        nf.NFTA_SET_ELEM_KEY,
        nf.NFTA_SET_ELEM_DATA,
        nf.NFTA_SET_ELEM_FLAGS,
        nf.NFTA_SET_ELEM_EXPR,
        nf.NFTA_SET_ELEM_USERDATA,
    }
)


def _is_ours(element: Element) -> bool:
    """Whether ringfence can have created an element: it always matches exactly its key, and at most has a counter.

    Another program can add a catch-all element, which has no key, an element that expires, or an element that matches
    only up to a limit (`{ 10.0.0.1 limit rate 1/day }`).
    """
    return (
        nf.NFTA_SET_ELEM_KEY in element
        and element.keys() <= _OF_ELEMENTS
        and counts_at_most(element.get(nf.NFTA_SET_ELEM_EXPR))
    )


def decode_counts(elements: Iterable[Element]) -> Iterator[tuple[bytes, int, int]]:
    """Yield the key of each element of a counted set, with the numbers of packets and bytes that matched it."""
    for element in elements:
        expression = attributes(element.get(nf.NFTA_SET_ELEM_EXPR, b""))
        counter = attributes(expression.get(nf.NFTA_EXPR_DATA, b""))
        packets, size = counter.get(nf.NFTA_COUNTER_PACKETS, b""), counter.get(nf.NFTA_COUNTER_BYTES, b"")
        yield _key(element), read_uint(packets), read_uint(size)


def _key(element: Element) -> bytes:
    return _value_of(element[nf.NFTA_SET_ELEM_KEY])


def _value_of(data: bytes) -> bytes:
    return attributes(data)[nf.NFTA_DATA_VALUE]


def _target(element: Element, code: int) -> str:
    """The chain to which an entry leads; empty if its verdict has another code, which only another program can set."""
    found, chain = _verdict(element)
    return chain if found == code else ""


def _member(element: Element) -> bytes:
    """The data of a map's entry: the number of a group, or the identifier of a class."""
    return _value_of(element[nf.NFTA_SET_ELEM_DATA])


def _verdict(element: Element) -> tuple[int, str]:
    """The code and the chain of an entry's verdict."""
    verdict = attributes(attributes(element[nf.NFTA_SET_ELEM_DATA]).get(nf.NFTA_DATA_VERDICT, b""))
    code = int.from_bytes(verdict.get(nf.NFTA_VERDICT_CODE, b""), "big", signed=True)
    return code, read_string(verdict.get(nf.NFTA_VERDICT_CHAIN, b""))


def _ranges(elements: Iterable[Element]) -> Iterator[tuple[KeyRange, str]]:
    """The ranges that these elements begin and end, each with its chain; the chain is empty for a set."""
    # False sorts before True: where ranges touch, the end of one comes before the beginning of the next. The kernel
    # refuses ranges that overlap, so the border after a beginning is its end.
    borders = sorted(
        (_key(one), not read_uint(one.get(nf.NFTA_SET_ELEM_FLAGS, b"")), _target_of_range(one)) for one in elements
    )
    for i, (low, begins, chain) in enumerate(borders):
        if begins:
            behind = borders[i + 1][0] if i + 1 < len(borders) else None
            yield (low, _last_before(behind, len(low))), chain


def _target_of_range(border: Element) -> str:
    return _target(border, nf.NFT_GOTO) if nf.NFTA_SET_ELEM_DATA in border else ""


def _by_chain(ranges: Iterable[tuple[KeyRange, str]]) -> dict[str, frozenset[KeyRange]]:
    found: defaultdict[str, set[KeyRange]] = defaultdict(set)
    for one, chain in ranges:
        found[chain].add(one)
    return {chain: frozenset(some) for chain, some in found.items()}


def _last_before(behind: bytes | None, length: int) -> bytes:
    return b"\xff" * length if behind is None else (int.from_bytes(behind, "big") - 1).to_bytes(length, "big")
