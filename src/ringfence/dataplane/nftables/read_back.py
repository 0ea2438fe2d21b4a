"""Reading the table back from the kernel, as a program that can be compared with the one that was wanted.

What ringfence never writes stays visible. A foreign rule, or a set of a foreign kind, makes the program differ from
every wanted one. What is in no program at all, such as a flag of the table, is listed as an oddity.

Not compared is what no packet depends on: comments and handles, and the counters of base chains.

Source: `<linux/netfilter/nf_tables.h>`.
"""

import errno
from collections import defaultdict
from collections.abc import Iterator, Set
from typing import NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.elements import decode_counts, decode_description, decode_elements
from ringfence.dataplane.nftables.expressions import decode_rule
from ringfence.dataplane.nftables.requests import HEADER, in_table, message_type, requested_hook
from ringfence.dataplane.program import TABLE, Chain, Collection, ForeignRule, HashSet, Hook, Program, Rule
from ringfence.netlink.codec import attributes, read_string, read_uint, string
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

_ATTEMPTS = 20


class FoundTable(NamedTuple):
    """The table of the kernel, at one moment."""

    program: Program | None
    """None if there is no table."""
    generation: int
    is_dormant: bool = False
    """Whether no packet meets its rules."""
    oddities: tuple[str, ...] = ()
    """What the table has besides the program; only a new table is without it."""


def read_generation(netlink: NetlinkSocket) -> int:
    """A number that every transaction of any program in this network namespace raises by one."""
    return read_uint(attributes(netlink.ask(message_type(nf.NFT_MSG_GETGEN), HEADER)[len(HEADER) :])[nf.NFTA_GEN_ID])


def read_table(netlink: NetlinkSocket) -> FoundTable:
    """The table as it is now. Raises OSError where the kernel refuses."""
    for _ in range(_ATTEMPTS):
        before = read_generation(netlink)
        try:
            found = _read(netlink, before)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            continue  # an object was removed between one list and the next
        if found.program is None or read_generation(netlink) == before:
            return found
    raise OSError(errno.EBUSY, f"the table changed {_ATTEMPTS} times while it was read")


def read_parts(netlink: NetlinkSocket, program: Program, sets: Set[str], chains: Set[str]) -> Program | None:
    """A program as which the table was read before, with the elements of some sets and the rules of some chains as now.

    None where this is not enough: one of them is not in the program, or the table changes meanwhile. Raises OSError
    where the kernel refuses.
    """
    if not (sets <= program.collections.keys() and chains <= program.chains.keys()):
        return None
    before = read_generation(netlink)
    try:
        collections = {name: _read_elements(netlink, name, program.collections[name]) for name in sets}
        rules = {name: Chain(_read_rules(netlink, name), program.chains[name].hook) for name in chains}
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return None
    return program.changed(collections, rules) if read_generation(netlink) == before else None


def has_table(netlink: NetlinkSocket, name: str) -> bool:
    """Whether there is a table of this name. Raises OSError where the kernel refuses."""
    return _table_settings(netlink, name) is not None


def is_dormant(netlink: NetlinkSocket) -> bool:
    """Whether there is a table whose rules no packet meets. Raises OSError where the kernel refuses."""
    settings = _table_settings(netlink, TABLE)
    return settings is not None and _is_dormant(settings)


def read_counts(netlink: NetlinkSocket, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Every element of a counted set, with the packets and bytes that matched it. OSError if there is no such set."""
    return decode_counts(_element_lists(netlink, name))


def _read(netlink: NetlinkSocket, generation: int) -> FoundTable:
    settings = _table_settings(netlink, TABLE)
    if settings is None:
        return FoundTable(None, generation)
    chains = _listed(netlink, nf.NFT_MSG_GETCHAIN, nf.NFTA_CHAIN_TABLE)
    return FoundTable(
        Program(dict(_read_collections(netlink)), dict(_read_chains(netlink, chains))),
        generation,
        _is_dormant(settings),
        (*_odd_chains(chains), *_odd_objects(netlink)),
    )


def _table_settings(netlink: NetlinkSocket, name: str) -> dict[int, bytes] | None:
    try:
        answer = netlink.ask(message_type(nf.NFT_MSG_GETTABLE), HEADER + string(nf.NFTA_TABLE_NAME, name))
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return None
    return attributes(answer[len(HEADER) :])


def _is_dormant(settings: dict[int, bytes]) -> bool:
    return bool(read_uint(settings.get(nf.NFTA_TABLE_FLAGS, b"")) & nf.NFT_TABLE_F_DORMANT)


def _odd_chains(chains: list[dict[int, bytes]]) -> Iterator[str]:
    for settings in chains:
        if nf.NFTA_CHAIN_HOOK in settings and _hook(settings) is None:
            name = read_string(settings[nf.NFTA_CHAIN_NAME])
            yield f"the base chain {name} with a hook, priority, type or policy of its own"


def _odd_objects(netlink: NetlinkSocket) -> Iterator[str]:
    for settings in _listed(netlink, nf.NFT_MSG_GETOBJ, nf.NFTA_OBJ_TABLE):
        yield f"the object {read_string(settings[nf.NFTA_OBJ_NAME])}"
    for settings in _listed(netlink, nf.NFT_MSG_GETFLOWTABLE, nf.NFTA_FLOWTABLE_TABLE):
        yield f"the flowtable {read_string(settings[nf.NFTA_FLOWTABLE_NAME])}"


def _read_collections(netlink: NetlinkSocket) -> Iterator[tuple[str, Collection]]:
    for settings in _listed(netlink, nf.NFT_MSG_GETSET, nf.NFTA_SET_TABLE):
        name = read_string(settings[nf.NFTA_SET_NAME])
        if not read_uint(settings.get(nf.NFTA_SET_FLAGS, b"")) & nf.NFT_SET_ANONYMOUS:
            kind = decode_description(settings)
            yield name, _read_elements(netlink, name, kind) if kind else FOREIGN_COLLECTION


def _read_elements(netlink: NetlinkSocket, name: str, kind: Collection) -> Collection:
    collection = decode_elements(kind, _element_lists(netlink, name))
    return FOREIGN_COLLECTION if collection is None else collection


def has_foreign_parts(program: Program) -> bool:
    """Whether a program that was read has rules or sets that ringfence never writes."""
    return FOREIGN_COLLECTION in program.collections.values() or any(
        isinstance(rule, ForeignRule) for chain in program.chains.values() for rule in chain.rules
    )


FOREIGN_COLLECTION = HashSet(())
"""Stands for a set or map that this project never makes, for its kind or for elements that it has."""


def _element_lists(netlink: NetlinkSocket, name: str) -> list[bytes]:
    where = in_table(nf.NFTA_SET_ELEM_LIST_TABLE) + string(nf.NFTA_SET_ELEM_LIST_SET, name)
    messages = netlink.dump(message_type(nf.NFT_MSG_GETSETELEM), HEADER + where)
    return [attributes(one[len(HEADER) :]).get(nf.NFTA_SET_ELEM_LIST_ELEMENTS, b"") for one in messages]


def _read_chains(netlink: NetlinkSocket, chains: list[dict[int, bytes]]) -> Iterator[tuple[str, Chain]]:
    rules: defaultdict[str, list[Rule | ForeignRule]] = defaultdict(list)
    for settings in _listed(netlink, nf.NFT_MSG_GETRULE, nf.NFTA_RULE_TABLE):
        rules[read_string(settings[nf.NFTA_RULE_CHAIN])].append(
            decode_rule(settings.get(nf.NFTA_RULE_EXPRESSIONS, b""))
        )
    for settings in chains:
        name = read_string(settings[nf.NFTA_CHAIN_NAME])
        yield name, Chain(tuple(rules[name]), _hook(settings))


def _read_rules(netlink: NetlinkSocket, chain: str) -> tuple[Rule | ForeignRule, ...]:
    where = in_table(nf.NFTA_RULE_TABLE) + string(nf.NFTA_RULE_CHAIN, chain)
    messages = netlink.dump(message_type(nf.NFT_MSG_GETRULE), HEADER + where)
    return tuple(decode_rule(attributes(one[len(HEADER) :]).get(nf.NFTA_RULE_EXPRESSIONS, b"")) for one in messages)


def _hook(settings: dict[int, bytes]) -> Hook | None:
    """The hook of a base chain that is exactly as this project makes it."""
    found = attributes(settings.get(nf.NFTA_CHAIN_HOOK, b""))
    for hook in Hook:
        wanted = attributes(b"".join(requested_hook(hook)))
        place = attributes(wanted[nf.NFTA_CHAIN_HOOK])
        if all(settings.get(kind) == wanted[kind] for kind in (nf.NFTA_CHAIN_TYPE, nf.NFTA_CHAIN_POLICY)) and all(
            found.get(kind) == value for kind, value in place.items()
        ):
            return hook
    return None


def _listed(netlink: NetlinkSocket, message: int, table: int) -> list[dict[int, bytes]]:
    """The attributes of all objects of one sort in the table; `table` is the attribute that names their table."""
    found = []
    for one in netlink.dump(message_type(message), HEADER + in_table(table)):
        settings = attributes(one[len(HEADER) :])
        if one[0] == HEADER[0] and read_string(settings.get(table, b"")) == TABLE:
            found.append(settings)
    return found
