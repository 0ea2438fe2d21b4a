"""The numbers of the kernel's nf_tables interface that are used here.

Source: `<linux/netfilter/nf_tables.h>`, `<linux/netfilter/nfnetlink.h>`.
"""

from enum import IntEnum
from typing import Final

_SUBSYSTEM: Final = 10 << 8

BATCH_BEGIN: Final = 16
BATCH_END: Final = 17


class Request(IntEnum):
    """Kinds of messages."""

    NEW_TABLE = _SUBSYSTEM + 0
    GET_TABLE = _SUBSYSTEM + 1
    DELETE_TABLE = _SUBSYSTEM + 2
    NEW_CHAIN = _SUBSYSTEM + 3
    GET_CHAIN = _SUBSYSTEM + 4
    DELETE_CHAIN = _SUBSYSTEM + 5
    NEW_RULE = _SUBSYSTEM + 6
    GET_RULE = _SUBSYSTEM + 7
    DELETE_RULE = _SUBSYSTEM + 8
    NEW_SET = _SUBSYSTEM + 9
    GET_SET = _SUBSYSTEM + 10
    DELETE_SET = _SUBSYSTEM + 11
    NEW_ELEMENTS = _SUBSYSTEM + 12
    GET_ELEMENTS = _SUBSYSTEM + 13
    DELETE_ELEMENTS = _SUBSYSTEM + 14
    GET_GENERATION = _SUBSYSTEM + 16


class Table(IntEnum):
    """Attributes of a table."""

    NAME = 1


class Chain(IntEnum):
    """Attributes of a chain."""

    TABLE = 1
    NAME = 3
    HOOK = 4
    POLICY = 5
    TYPE = 7


class Hook(IntEnum):
    """Attributes of a base chain's hook."""

    NUMBER = 1
    PRIORITY = 2


class Rule(IntEnum):
    """Attributes of a rule."""

    TABLE = 1
    CHAIN = 2
    EXPRESSIONS = 4


class Set(IntEnum):
    """Attributes of a set or a map."""

    TABLE = 1
    NAME = 2
    FLAGS = 3
    KEY_TYPE = 4
    KEY_LENGTH = 5
    DATA_TYPE = 6
    DATA_LENGTH = 7
    DESCRIPTION = 9
    IDENTIFIER = 10
    USER_DATA = 13
    EXPRESSION = 17


class SetFlag(IntEnum):
    """What kind of set it is."""

    ANONYMOUS = 0x1
    CONSTANT = 0x2
    INTERVAL = 0x4
    MAP = 0x8
    TIMEOUT = 0x10
    DYNAMIC = 0x20
    OBJECT = 0x40
    CONCATENATION = 0x80
    EXPRESSION = 0x100


class Description(IntEnum):
    """Attributes of a set's description."""

    CONCATENATION = 2


class Part(IntEnum):
    """Attributes of one part of a concatenation."""

    BITS = 1


class Elements(IntEnum):
    """Attributes of a message about elements."""

    TABLE = 1
    SET = 2
    LIST = 3


class Element(IntEnum):
    """Attributes of an element."""

    KEY = 1
    DATA = 2
    FLAGS = 3
    EXPRESSION = 7
    KEY_END = 10


class Data(IntEnum):
    """What an element or a register holds."""

    VALUE = 1
    VERDICT = 2


class Verdict(IntEnum):
    """Attributes of a verdict."""

    CODE = 1
    CHAIN = 2


class Code(IntEnum):
    """Verdicts."""

    DROP = 0
    ACCEPT = 1
    JUMP = -3
    GOTO = -4
    RETURN = -5


class Expression(IntEnum):
    """Attributes of an expression."""

    NAME = 1
    SETTINGS = 2


class Lookup(IntEnum):
    """Settings of `lookup`."""

    SET = 1
    SOURCE_REGISTER = 2
    RESULT_REGISTER = 3
    FLAGS = 5


class Meta(IntEnum):
    """Settings of `meta`."""

    RESULT_REGISTER = 1
    KEY = 2


class MetaKey(IntEnum):
    """What `meta` can read."""

    INCOMING_LINK_TYPE = 8
    ADDRESS_FAMILY = 15
    TRANSPORT_PROTOCOL = 16


class Connection(IntEnum):
    """Settings of `ct`."""

    RESULT_REGISTER = 1
    KEY = 2


class ConnectionKey(IntEnum):
    """What `ct` can read."""

    STATE = 0
    IDENTIFIER = 23


class Payload(IntEnum):
    """Settings of `payload`."""

    RESULT_REGISTER = 1
    BASE = 2
    OFFSET = 3
    LENGTH = 4


class PayloadBase(IntEnum):
    """Where `payload` counts from."""

    NETWORK_HEADER = 1
    TRANSPORT_HEADER = 2


class Compare(IntEnum):
    """Settings of `cmp`."""

    SOURCE_REGISTER = 1
    OPERATOR = 2
    VALUE = 3


class Operator(IntEnum):
    """What `cmp` asks."""

    EQUAL = 0
    NOT_EQUAL = 1
    AT_MOST = 3
    AT_LEAST = 5


class Bitwise(IntEnum):
    """Settings of `bitwise`."""

    SOURCE_REGISTER = 1
    RESULT_REGISTER = 2
    LENGTH = 3
    MASK = 4
    XOR = 5
    OPERATION = 6


class Immediate(IntEnum):
    """Settings of `immediate`."""

    RESULT_REGISTER = 1
    DATA = 2


class Fib(IntEnum):
    """Settings of `fib`."""

    RESULT_REGISTER = 1
    RESULT = 2
    FLAGS = 3


class FibResult(IntEnum):
    """What `fib` can look up."""

    ADDRESS_TYPE = 3


class FibFlag(IntEnum):
    """For what `fib` looks it up."""

    SOURCE = 1


class Limit(IntEnum):
    """Settings of `limit`."""

    RATE = 1
    SECONDS = 2
    BURST = 3
    TYPE = 4
    FLAGS = 5


class Log(IntEnum):
    """Settings of `log`."""

    GROUP = 1
    PREFIX = 2
    LENGTH = 3


class Counter(IntEnum):
    """Settings of `counter`."""

    BYTES = 1
    PACKETS = 2


LIST_ELEMENT: Final = 1
"""The number of every attribute that is one of a list."""

LAST_OF_RANGE: Final = 1
"""The flag of an element that is the first key behind a range."""

ABSENT: Final = 1
"""The flag of a lookup that is to fail."""

VERDICT_REGISTER: Final = 0
FIRST_REGISTER: Final = 1
FIRST_SMALL_REGISTER: Final = 8
"""Registers hold 16 bytes; the same memory has other numbers in pieces of four bytes."""

GENERATION_ID: Final = 1
VERDICT_TYPE: Final = 0xFFFFFF00
"""The data type of a verdict map."""
