"""Encodes the kinds of sets and maps, without their elements, as nf_tables attributes, and decodes them.

Source: `<linux/netfilter/nf_tables.h>`; the output of `nft --debug=netlink,mnl`.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    CLASS_ADDRESS,
    CLASS_TRAFFIC,
    FLOW,
    LINK,
    LINK_ADDRESS,
    LINK_HARDWARE,
    LINK_SENDER,
    MEMBER_VALUE,
    PEER_CLASS,
    PEER_GROUP,
    TRAFFIC,
    Collection,
    GroupMap,
    HashSet,
    Key,
    KeyPart,
    RangeMap,
    RangeSet,
    VerdictMap,
)
from ringfence.netlink.codec import (
    attribute,
    attributes,
    nested,
    read_string,
    read_uint,
    string,
    uint32,
)
from ringfence.sets.addresses import FAMILIES, Family

# --- encoding ---------------------------------------------------------------------------------------------------------


def describe(collection: Collection) -> Iterator[bytes]:
    """The attributes of a set or a map, without its name and table."""
    key = collection.key
    yield uint32(nf.NFTA_SET_FLAGS, _flags(collection))
    yield uint32(nf.NFTA_SET_KEY_TYPE, _type_code(collection))
    yield uint32(nf.NFTA_SET_KEY_LEN, key_length(key))
    if data_type := _data_type(collection):
        yield uint32(nf.NFTA_SET_DATA_TYPE, data_type)
        yield uint32(nf.NFTA_SET_DATA_LEN, data_length(collection))
    yield uint32(nf.NFTA_SET_ID, 1)  # nf_tables_newset() requires an id; ringfence refers to sets by name
    yield attribute(nf.NFTA_SET_USERDATA, _note_for_listings(collection))
    if isinstance(collection, HashSet) and collection.counted:
        counter = string(nf.NFTA_EXPR_NAME, "counter"), nested(nf.NFTA_EXPR_DATA)
        yield nested(nf.NFTA_SET_EXPR, *counter)


def _flags(collection: Collection) -> int:
    match collection:
        case RangeSet():
            return nf.NFT_SET_INTERVAL
        case RangeMap():
            return nf.NFT_SET_INTERVAL | nf.NFT_SET_MAP
        case VerdictMap() | GroupMap():
            return nf.NFT_SET_MAP
        case HashSet():
            return 0


def _data_type(collection: Collection) -> int:
    """The data type of a map: verdicts, or numbers of groups or classes. 0 for a set."""
    match collection:
        case VerdictMap() | RangeMap():
            return nf.NFT_DATA_VERDICT
        case GroupMap():
            return _BYTE_BY_BYTE
        case _:
            return 0


def data_length(collection: Collection) -> int:
    """The length of a map's data in bytes. 0 for verdicts, because the kernel knows their length."""
    return MEMBER_VALUE if isinstance(collection, GroupMap) else 0


def table_size(collection: Collection, *, is_fixed: bool) -> int:
    """The number of elements for which the kernel makes the hash table of a set or a map. 0 if it shall choose.

    With a size, a lookup by four bytes takes 50 ns instead of 77 ns (nft_hash_lookup_fast() and nft_rhash_lookup()).
    Such a table never grows: with ten times as many elements, the kernel compares about ten of them. Sets that are
    `is_fixed` are created before it is known how many elements they will have.
    """
    if not _can_have_size(collection):
        return 0
    return max(2 * collection.size, _FIXED_SIZE if is_fixed else _SMALLEST_SIZE)


_FIXED_SIZE: Final = 1_024
_SMALLEST_SIZE: Final = 128


def size_limit(elements: int) -> bytes:
    """The attribute with the maximum number of elements of a set or a map."""
    return nested(nf.NFTA_SET_DESC, uint32(nf.NFTA_SET_DESC_SIZE, elements))


MOST_ELEMENTS: Final = 1 << 19
"""The maximum number of elements of sets and maps with a size, which is more than a cluster has pods (150,000).

Not more, because nft lists this number, and who loads the listing gets a hash table of this size: 8 MB.
"""


def _can_have_size(collection: Collection) -> bool:
    if isinstance(collection, HashSet):
        return collection.key in _SIZED_KEYS and not collection.counted
    return isinstance(collection, VerdictMap | GroupMap) and collection.key in _SIZED_KEYS


_SIZED_KEYS: Final = frozenset({ADDRESS[Family.IPV4], LINK, PEER_GROUP, PEER_CLASS})
"""Keys of four bytes; longer ones gain nothing. Revoked connections can be more than `MOST_ELEMENTS`."""


def raises_limits(release: str) -> bool:
    """Whether a kernel of this release lets a request raise the maximum number of elements of a set.

    Linux 6.5 is the first to do so. Older ones ignore the request.
    """
    version = re.match(r"(\d+)\.(\d+)", release)
    return version is not None and (int(version[1]), int(version[2])) >= _FIRST_TO_RAISE


_FIRST_TO_RAISE: Final = (6, 6)
"""One more than the first, because its candidates have its number, too."""

RAISES_LIMITS: Final = raises_limits(os.uname().release)
"""Whether the present kernel does. If not, sets and maps get no size."""


def _type_code(collection: Collection) -> int:
    """nft's number for the type of the key, with six bits for each part. Only listings use it; the kernel does not."""
    if _is_ordered_as_a_whole(collection):
        return _BYTE_BY_BYTE
    code = 0
    for part in collection.key:
        code = code << 6 | part.code
    return code


def _is_ordered_as_a_whole(collection: Collection) -> bool:
    """Whether the elements are ranges of keys with several parts.

    Such a key gets a type without parts, because nft 1.0.6 crashes if the type has parts.
    """
    return isinstance(collection, RangeSet | RangeMap) and len(collection.key) > 1


_BYTE_BY_BYTE: Final = 9
"""nft's type number for Ethernet addresses. nft lists such a value byte by byte, whatever its length."""


def key_length(key: Key) -> int:
    """The length of a key in bytes. In a key with several parts, each part is padded to a multiple of four bytes."""
    return key[0].length if len(key) == 1 else sum(-(-part.length // 4) * 4 for part in key)


def _note_for_listings(collection: Collection) -> bytes:
    """The user data of a set, in nft's format. nft reads the byte order from it, and that a number is a `ct id`."""
    if collection.key == (KeyPart.CONNECTION,):
        # NFTNL_UDATA_SET_KEY_TYPEOF: an expression `ct`, its key 23 (NFT_CT_ID), and no direction (-1).
        return _BIG_ENDIAN + b"\3\x14\0\4\x0c\0\0\0\1\x0c\0\4\x17\0\0\0\1\4\xff\xff\xff\xff"
    if collection.key == (KeyPart.LINK,):
        return _MACHINES_ORDER
    if isinstance(collection, GroupMap):
        return _BIG_ENDIAN + _DATA_BIG_ENDIAN
    return _BIG_ENDIAN if len(collection.key) == 1 or _is_ordered_as_a_whole(collection) else _NO_ONE_ORDER


# NFTNL_UDATA_SET_KEYBYTEORDER (0) and _DATABYTEORDER (1), a length of 4, and the order: 1 host's, 2 big-endian.
_MACHINES_ORDER: Final = b"\0\4\1\0\0\0"
_DATA_BIG_ENDIAN: Final = b"\1\4\2\0\0\0"
_BIG_ENDIAN: Final = b"\0\4\2\0\0\0"
_NO_ONE_ORDER: Final = b"\0\4\0\0\0\0"


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode_description(settings: dict[int, bytes]) -> Collection | None:
    """The kind of a set or map with these attributes, without elements; None if ringfence does not create this kind."""
    code, length = read_uint(settings[nf.NFTA_SET_KEY_TYPE]), read_uint(settings[nf.NFTA_SET_KEY_LEN])
    flags = read_uint(settings.get(nf.NFTA_SET_FLAGS, b"")) & ~nf.NFT_SET_EXPR
    kind = _KINDS.get((code, length, flags, read_uint(settings.get(nf.NFTA_SET_DATA_TYPE, b""))))
    if kind is None or not settings.keys().isdisjoint(_NEVER_OURS):
        return None
    if not counts_at_most(settings.get(nf.NFTA_SET_EXPR)):
        return None
    if isinstance(kind, HashSet):
        kind = HashSet(kind.key, counted=nf.NFTA_SET_EXPR in settings)
    if isinstance(kind, GroupMap) and read_uint(settings.get(nf.NFTA_SET_DATA_LEN, b"")) != data_length(kind):
        return None
    layouts = [_layout(attributes(b"".join([*describe(kind), *limit]))) for limit in _limits(kind)]
    return kind if _layout(settings) in layouts else None


def _limits(kind: Collection) -> list[list[bytes]]:
    return [[], [size_limit(MOST_ELEMENTS)]] if _can_have_size(kind) else [[]]


_NEVER_OURS: Final = frozenset({nf.NFTA_SET_TIMEOUT, nf.NFTA_SET_OBJ_TYPE, nf.NFTA_SET_EXPRESSIONS})
"""Attributes that only sets of other programs have.

The elements of such sets expire, refer to objects, or have several expressions each.
"""


def _layout(settings: dict[int, bytes]) -> tuple[int, int, bool]:
    """The data type of a map, the maximum number of elements (0: no limit), and whether ranges have several parts."""
    description = attributes(settings.get(nf.NFTA_SET_DESC, b""))
    return (
        read_uint(settings.get(nf.NFTA_SET_DATA_TYPE, b"")),
        read_uint(description.get(nf.NFTA_SET_DESC_SIZE, b"")),
        nf.NFTA_SET_DESC_CONCAT in description,
    )


def counts_at_most(expression: bytes | None) -> bool:
    """Whether `expression`, of a set or of an element, is absent or is a counter."""
    return expression is None or read_string(attributes(expression).get(nf.NFTA_EXPR_NAME, b"")) == "counter"


def _kinds() -> Iterator[Collection]:
    for key in ((part,) for part in KeyPart):
        yield from (HashSet(key), RangeSet(key), VerdictMap(key), RangeMap(key))
    for family in FAMILIES:
        yield from (HashSet(ADDRESS_PAIR[family]), HashSet(FLOW[family]), RangeSet(CLASS_ADDRESS[family]))
        yield HashSet(LINK_ADDRESS[family])
        yield GroupMap(ADDRESS[family])
    yield GroupMap(PEER_GROUP)
    yield from (
        HashSet(TRAFFIC),
        RangeMap(TRAFFIC),
        RangeSet(CLASS_TRAFFIC),
        HashSet(LINK_HARDWARE),
        HashSet(LINK_SENDER),
    )


_KINDS: Final = {(_type_code(kind), key_length(kind.key), _flags(kind), _data_type(kind)): kind for kind in _kinds()}
"""The kinds of sets and maps that ringfence creates, by key type, key length, flags and data type."""
