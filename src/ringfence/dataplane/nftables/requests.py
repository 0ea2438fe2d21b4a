"""Commands as netlink requests to nf_tables.

Nothing here is text that somebody parses: names travel as attributes of known length, addresses and ports as bytes. So
no string can ever become syntax, and neither this process nor the kernel spends time on it.

Source: `<linux/netfilter/nf_tables.h>`.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.constants import Request
from ringfence.dataplane.nftables.elements import describe, key_portions, portions
from ringfence.dataplane.nftables.expressions import encode_rule
from ringfence.dataplane.program import HOOK_PRIORITY, TABLE, Hook
from ringfence.dataplane.update import (
    AddChain,
    AddCollection,
    AddElements,
    AddTable,
    Command,
    DeleteChain,
    DeleteCollection,
    DeleteTable,
    Flush,
    RemoveElements,
    ReplaceElements,
    SetRules,
)
from ringfence.netlink.messages import APPEND, CREATE, nested, number, text

HEADER: Final = b"\1\0\0\0"
"""The fixed part of a request about the table: the inet family (IPv4 and IPv6 together), version 0."""

_HOOK_NUMBERS: Final = {Hook.INPUT: 1, Hook.FORWARD: 2}
_ACCEPT: Final = 1


class Body(NamedTuple):
    """A message without its header."""

    type: int
    flags: int
    content: bytes


Unit = tuple[Body, ...]
"""Messages that belong into the same transaction."""


def encode(command: Command) -> Iterator[Unit]:
    """The requests that carry out a command, in units that may go into transactions of their own."""
    match command:
        case AddTable():
            yield (_body(Request.NEW_TABLE, CREATE, in_table(nf.Table.NAME)),)
        case DeleteTable():
            yield (_body(Request.DELETE_TABLE, 0, in_table(nf.Table.NAME)),)
        case AddCollection(name, collection):
            yield (_body(Request.NEW_SET, CREATE, _set(name), *describe(collection)),)
        case DeleteCollection(name):
            yield (_body(Request.DELETE_SET, 0, _set(name)),)
        case AddElements(name, collection):
            for portion in portions(collection):
                yield (_body(Request.NEW_ELEMENTS, CREATE, _set(name), portion),)
        case RemoveElements(name, collection):
            for portion in key_portions(collection):
                yield (_body(Request.DELETE_ELEMENTS, 0, _set(name), portion),)
        case ReplaceElements(name, collection):
            for keys, portion in zip(key_portions(collection), portions(collection), strict=True):
                yield (
                    _body(Request.DELETE_ELEMENTS, 0, _set(name), keys),
                    _body(Request.NEW_ELEMENTS, CREATE, _set(name), portion),
                )
        case Flush(name):
            yield (_body(Request.DELETE_ELEMENTS, 0, _set(name)),)
        case AddChain(name, hook):
            yield (_body(Request.NEW_CHAIN, CREATE, _chain(name), *(requested_hook(hook) if hook else ())),)
        case DeleteChain(name):
            yield (_body(Request.DELETE_CHAIN, 0, _chain(name)),)
        case SetRules(name, rules):
            where = in_table(nf.Rule.TABLE) + text(nf.Rule.CHAIN, name)
            yield (
                _body(Request.DELETE_RULE, 0, where),
                *(
                    _body(Request.NEW_RULE, CREATE | APPEND, where, nested(nf.Rule.EXPRESSIONS, encode_rule(rule)))
                    for rule in rules
                ),
            )


@cache
def in_table(kind: int) -> bytes:
    """The attribute that says which table."""
    return text(kind, TABLE)


def _set(name: str) -> bytes:
    """Which set or map; the numbers are the same in requests about its elements."""
    return in_table(nf.Set.TABLE) + text(nf.Set.NAME, name)


def _chain(name: str) -> bytes:
    return in_table(nf.Chain.TABLE) + text(nf.Chain.NAME, name)


def requested_hook(hook: Hook) -> Iterator[bytes]:
    """The attributes that make a chain the base chain of a hook."""
    yield text(nf.Chain.TYPE, "filter")
    yield number(nf.Chain.POLICY, _ACCEPT)
    yield nested(nf.Chain.HOOK, number(nf.Hook.NUMBER, _HOOK_NUMBERS[hook]), number(nf.Hook.PRIORITY, HOOK_PRIORITY))


def _body(type: int, flags: int, *attributes: bytes) -> Body:
    return Body(type, flags, HEADER + b"".join(attributes))
