"""Encodes commands as netlink requests to nf_tables.

No text is parsed: names are attributes of known length, and addresses and ports are bytes. So a string from a
Kubernetes object cannot be interpreted as syntax, and neither this process nor the kernel spends time on parsing.

Source: `<linux/netfilter/nf_tables.h>`.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.elements import key_portions, portions
from ringfence.dataplane.nftables.rule_encoding import encode_rule
from ringfence.dataplane.nftables.set_descriptions import MOST_ELEMENTS, RAISES_LIMITS, describe, size_limit, table_size
from ringfence.dataplane.program import HOOK_PRIORITY, TABLE, Hook, is_fixed, is_of_bridges
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
    RenameChain,
    ReplaceElements,
    SetRules,
    WakeTable,
)
from ringfence.netlink.codec import HEADER_SIZE, attribute, nested, string, uint32
from ringfence.netlink.constants import NFNL_SUBSYS_NFTABLES, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL

HEADER: Final = bytes([nf.NFPROTO_INET, 0, 0, 0])
BRIDGE_HEADER: Final = bytes([nf.NFPROTO_BRIDGE, 0, 0, 0])
"""The fixed parts of requests about the table and about the table for bridges.

They are a `struct nfgenmsg`: the family, version 0, no resource id.
"""

_HOOK_NUMBERS: Final = {
    Hook.PREROUTING: nf.NF_INET_PRE_ROUTING,
    Hook.TRACKING: nf.NF_INET_PRE_ROUTING,
    Hook.INPUT: nf.NF_INET_LOCAL_IN,
    Hook.FORWARD: nf.NF_INET_FORWARD,
}


class Body(NamedTuple):
    """A netlink message without its header."""

    type: int
    flags: int
    content: bytes

    @property
    def size(self) -> int:
        """The size of the whole message in bytes."""
        return HEADER_SIZE + len(self.content)


Unit = tuple[Body, ...]
"""Messages that must be in the same transaction."""


def encode(command: Command, table: str = TABLE) -> Iterator[Unit]:
    """Yield the requests for a command, in units. Each unit can be committed in a separate transaction.

    The table for bridges has the same name as the table for IP. The name of an object determines which of the two
    tables contains it.
    """
    if isinstance(command, AddTable | WakeTable | DeleteTable):
        yield (_table_request(command, table),)
        return
    header = header_of(command.name)
    match command:
        case AddCollection(name, collection):
            kind = b"".join([_set(table, name), *describe(collection)])
            size = table_size(collection, is_fixed=is_fixed(name)) if RAISES_LIMITS else 0
            # The kernel makes the hash table for the size in the first request. The second one raises the limit only.
            limits = [size_limit(size), size_limit(MOST_ELEMENTS)] if size else [b""]
            yield tuple(_body(nf.NFT_MSG_NEWSET, NLM_F_CREATE, header, kind, limit) for limit in limits)
        case DeleteCollection(name):
            yield (_body(nf.NFT_MSG_DELSET, 0, header, _set(table, name)),)
        case AddElements(name, collection):
            for portion in portions(collection):
                # Without NLM_F_EXCL, an element that exists is no error.
                yield (_body(nf.NFT_MSG_NEWSETELEM, NLM_F_CREATE, header, _set(table, name), portion),)
        case RemoveElements(name, collection):
            for portion in key_portions(collection):
                yield (_body(nf.NFT_MSG_DELSETELEM, 0, header, _set(table, name), portion),)
        case ReplaceElements(name, collection):
            for keys, portion in zip(key_portions(collection), portions(collection), strict=True):
                yield (
                    _body(nf.NFT_MSG_DELSETELEM, 0, header, _set(table, name), keys),
                    _body(nf.NFT_MSG_NEWSETELEM, NLM_F_CREATE, header, _set(table, name), portion),
                )
        case Flush(name):
            # Without a list of elements, the kernel deletes all of them.
            yield (_body(nf.NFT_MSG_DELSETELEM, 0, header, _set(table, name)),)
        case AddChain(name, hook):
            where = requested_hook(hook) if hook else ()
            yield (_body(nf.NFT_MSG_NEWCHAIN, NLM_F_CREATE, header, _chain(table, name), *where),)
        case RenameChain(_, new_name, handle):
            # The kernel finds the chain by its handle: the attribute for the name has the new name
            # (nf_tables_updchain()).
            which = in_table(nf.NFTA_CHAIN_TABLE, table) + attribute(nf.NFTA_CHAIN_HANDLE, handle.to_bytes(8, "big"))
            yield (_body(nf.NFT_MSG_NEWCHAIN, 0, header, which, string(nf.NFTA_CHAIN_NAME, new_name)),)
        case DeleteChain(name):
            yield (_body(nf.NFT_MSG_DELCHAIN, 0, header, _chain(table, name)),)
        case SetRules(name, rules):
            chain = in_table(nf.NFTA_RULE_TABLE, table) + string(nf.NFTA_RULE_CHAIN, name)
            # One unit, so that no packet meets the chain between the removal of the old rules and the new ones.
            yield (
                _body(nf.NFT_MSG_DELRULE, 0, header, chain),
                *(
                    _body(
                        nf.NFT_MSG_NEWRULE,
                        NLM_F_CREATE | NLM_F_APPEND,
                        header,
                        chain,
                        nested(nf.NFTA_RULE_EXPRESSIONS, encode_rule(rule)),
                    )
                    for rule in rules
                ),
            )


def _table_request(command: AddTable | WakeTable | DeleteTable, table: str) -> Body:
    header, name = BRIDGE_HEADER if command.of_bridges else HEADER, in_table(nf.NFTA_TABLE_NAME, table)
    match command:
        case AddTable(is_dormant, must_be_new=must_be_new):
            flags = NLM_F_CREATE | (NLM_F_EXCL if must_be_new else 0)
            dormant = [uint32(nf.NFTA_TABLE_FLAGS, nf.NFT_TABLE_F_DORMANT)] if is_dormant else []
            return _body(nf.NFT_MSG_NEWTABLE, flags, header, name, *dormant)
        case WakeTable():
            return _body(nf.NFT_MSG_NEWTABLE, 0, header, name, uint32(nf.NFTA_TABLE_FLAGS, 0))
        case DeleteTable():
            return _body(nf.NFT_MSG_DELTABLE, 0, header, name)


def header_of(name: str) -> bytes:
    """The header of requests about the chain, set or map with this name. It selects the table for IP or for bridges."""
    return BRIDGE_HEADER if is_of_bridges(name) else HEADER


@cache
def in_table(kind: int, table: str = TABLE) -> bytes:
    """The attribute that names the table."""
    return string(kind, table)


def _set(table: str, name: str) -> bytes:
    """The attributes that name a set or map. Requests about its elements use the same attribute numbers."""
    return in_table(nf.NFTA_SET_TABLE, table) + string(nf.NFTA_SET_NAME, name)


def _chain(table: str, name: str) -> bytes:
    return in_table(nf.NFTA_CHAIN_TABLE, table) + string(nf.NFTA_CHAIN_NAME, name)


def requested_hook(hook: Hook) -> Iterator[bytes]:
    """The attributes that attach a base chain to a hook."""
    yield string(nf.NFTA_CHAIN_TYPE, "filter")
    # All drops are explicit rules: these chains also see the node's own packets and those of pods without policies.
    yield uint32(nf.NFTA_CHAIN_POLICY, nf.NF_ACCEPT)
    yield nested(
        nf.NFTA_CHAIN_HOOK,
        uint32(nf.NFTA_HOOK_HOOKNUM, _HOOK_NUMBERS[hook]),
        uint32(nf.NFTA_HOOK_PRIORITY, HOOK_PRIORITY[hook]),
    )


def message_type(message: int) -> int:
    """The type of the netlink message for an NFT_MSG_ number."""
    return NFNL_SUBSYS_NFTABLES << 8 | message


def _body(message: int, flags: int, header: bytes, *attributes: bytes) -> Body:
    return Body(message_type(message), flags, header + b"".join(attributes))
