"""Encodes and decodes single nf_tables expressions. A rule consists of expressions.

Source: `<linux/netfilter/nf_tables.h>`.
"""

from typing import Final, NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.netlink.codec import attribute, attributes, each_attribute, nested, read_string, string, uint32

LOGGED_BYTES: Final = 256
"""How many bytes of a packet are sent to a log group: enough for its headers."""


def tracked(key: int, register: int) -> bytes:
    """Load a property of the packet's connection into a register."""
    return _expression("ct", uint32(nf.NFTA_CT_DREG, register), uint32(nf.NFTA_CT_KEY, key))


def set_tracked(key: int) -> bytes:
    """Set a property of the packet's connection to the value of the first register."""
    return _expression("ct", uint32(nf.NFTA_CT_KEY, key), uint32(nf.NFTA_CT_SREG, nf.NFT_REG_1))


def limit(packets: int) -> bytes:
    """Continue the rule for at most `packets` packets per second."""
    return _expression(
        "limit",
        _long(nf.NFTA_LIMIT_RATE, packets),
        _long(nf.NFTA_LIMIT_UNIT, 1),
        uint32(nf.NFTA_LIMIT_BURST, packets),
        uint32(nf.NFTA_LIMIT_TYPE, 0),  # NFT_LIMIT_PKTS
    )


def log(group: int, prefix: str) -> bytes:
    """Send a copy of the packet's headers to a log group."""
    return _expression(
        "log",
        attribute(nf.NFTA_LOG_GROUP, group.to_bytes(2, "big")),
        string(nf.NFTA_LOG_PREFIX, prefix),
        uint32(nf.NFTA_LOG_SNAPLEN, LOGGED_BYTES),
    )


def meta(key: int, register: int) -> bytes:
    """Load metadata of the packet into a register."""
    return _expression("meta", uint32(nf.NFTA_META_DREG, register), uint32(nf.NFTA_META_KEY, key))


def payload(base: int, offset: int, length: int, register: int) -> bytes:
    """Load `length` bytes at `offset` of one of the packet's headers into a register."""
    return _expression(
        "payload",
        uint32(nf.NFTA_PAYLOAD_DREG, register),
        uint32(nf.NFTA_PAYLOAD_BASE, base),
        uint32(nf.NFTA_PAYLOAD_OFFSET, offset),
        uint32(nf.NFTA_PAYLOAD_LEN, length),
    )


def fib(result: int, flags: int) -> bytes:
    """Look up an address of the packet in the routing tables, and load the result into the first register."""
    return _expression(
        "fib",
        uint32(nf.NFTA_FIB_DREG, nf.NFT_REG_1),
        uint32(nf.NFTA_FIB_RESULT, result),
        uint32(nf.NFTA_FIB_FLAGS, flags),
    )


def masked(mask: bytes) -> bytes:
    """Apply a bit mask to the first register."""
    return _expression(
        "bitwise",
        uint32(nf.NFTA_BITWISE_SREG, nf.NFT_REG_1),
        uint32(nf.NFTA_BITWISE_DREG, nf.NFT_REG_1),
        uint32(nf.NFTA_BITWISE_LEN, len(mask)),
        nested(nf.NFTA_BITWISE_MASK, attribute(nf.NFTA_DATA_VALUE, mask)),
        nested(nf.NFTA_BITWISE_XOR, attribute(nf.NFTA_DATA_VALUE, bytes(len(mask)))),
    )


def compare(operator: int, value: bytes) -> bytes:
    """Continue the rule only if the comparison of the first register with `value` is true."""
    return _expression(
        "cmp",
        uint32(nf.NFTA_CMP_SREG, nf.NFT_REG_1),
        uint32(nf.NFTA_CMP_OP, operator),
        nested(nf.NFTA_CMP_DATA, attribute(nf.NFTA_DATA_VALUE, value)),
    )


def lookup(name: str, *result: bytes, register: int = nf.NFT_REG_1) -> bytes:
    """Look up a key in the set or map `name`. The key begins in `register`."""
    source = uint32(nf.NFTA_LOOKUP_SREG, register)
    return _expression("lookup", string(nf.NFTA_LOOKUP_SET, name), source, *result)


def verdict(*settings: bytes) -> bytes:
    """Return a verdict, or continue in another chain."""
    return immediate(nf.NFT_REG_VERDICT, nested(nf.NFTA_DATA_VERDICT, *settings))


def immediate(register: int, data: bytes) -> bytes:
    """Load a constant into a register."""
    return _expression("immediate", uint32(nf.NFTA_IMMEDIATE_DREG, register), nested(nf.NFTA_IMMEDIATE_DATA, data))


def _long(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(8, "big"))


def _expression(name: str, *settings: bytes) -> bytes:
    return nested(nf.NFTA_LIST_ELEM, string(nf.NFTA_EXPR_NAME, name), nested(nf.NFTA_EXPR_DATA, *settings))


# --- reading ----------------------------------------------------------------------------------------------------------


class Parsed(NamedTuple):
    """An expression in a form that can be compared: its settings have no order, and defaults are left out."""

    name: str
    settings: frozenset[tuple[int, bytes]]

    def get(self, kind: int) -> bytes:
        """The value of a setting; empty if the expression does not have this setting."""
        return dict(self.settings).get(kind, b"")


# The kernel lists these settings with their defaults, although no request of ringfence contains them.
_DEFAULTS: Final[dict[tuple[str, int], bytes]] = {
    ("lookup", nf.NFTA_LOOKUP_FLAGS): bytes(4),
    ("bitwise", nf.NFTA_BITWISE_OP): bytes(4),
    ("limit", nf.NFTA_LIMIT_FLAGS): bytes(4),
}


def parse(code: bytes) -> tuple[Parsed, ...]:
    """The expressions of a rule."""
    parsed = []
    for _, encoded in each_attribute(code):
        expression = attributes(encoded)
        name = read_string(expression.get(nf.NFTA_EXPR_NAME, b""))
        settings = each_attribute(expression.get(nf.NFTA_EXPR_DATA, b""))
        parsed.append(Parsed(name, frozenset(one for one in settings if _DEFAULTS.get((name, one[0])) != one[1])))
    return tuple(parsed)


def constant_of(immediate: Parsed) -> bytes:
    """The constant that an `immediate` expression loads; empty if it loads a verdict."""
    return attributes(immediate.get(nf.NFTA_IMMEDIATE_DATA)).get(nf.NFTA_DATA_VALUE, b"")
