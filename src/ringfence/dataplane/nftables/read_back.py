"""Reads the table from the kernel as a program. The result can be compared with the wanted program.

Parts that ringfence never writes are preserved. A foreign rule, or a set of a foreign kind, makes the program differ
from every wanted program. A part that a program cannot represent, such as a flowtable, is listed as an oddity.

The table for bridges is a part of the same program. Its objects are recognized by their names.

Parts that do not affect packets are ignored: comments, handles and the counters of base chains.

Source: `<linux/netfilter/nf_tables.h>`.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.elements import (
    Element,
    decode_counts,
    decode_elements,
    elements_in,
    has_repetitions,
    single_key,
)
from ringfence.dataplane.nftables.requests import (
    BRIDGE_HEADER,
    HEADER,
    header_of,
    in_table,
    message_type,
    requested_hook,
)
from ringfence.dataplane.nftables.rule_decoding import decode_rule
from ringfence.dataplane.nftables.set_descriptions import decode_description
from ringfence.dataplane.program import (
    TABLE,
    Chain,
    Collection,
    ForeignRule,
    HashSet,
    Hook,
    Program,
    Rule,
    is_of_bridges,
)
from ringfence.netlink.codec import attributes, read_string, read_uint, string
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

_ATTEMPTS = 20


class FoundTable(NamedTuple):
    """The table in the kernel, at one moment."""

    program: Program | None
    """None if there is no table."""
    generation: int
    is_dormant: bool = False
    """Whether the table is dormant: its rules are not applied to packets."""
    unknown_parts: tuple[str, ...] = ()
    """Parts of the table that a program cannot represent. Only a new table is free of them."""


class Outline(NamedTuple):
    """The names of the sets and maps of the table, and the encoded rules of each chain."""

    sets: frozenset[str]
    rules: Mapping[str, Sequence[bytes]]

    def differs(self, name: str, chain: Chain, *, compares_rules: bool) -> bool:
        """Whether a chain exists and has other rules than `chain`: another number of rules if not `compares_rules`."""
        found = self.rules.get(name)
        if found is None:
            return False
        return len(found) != len(chain.rules) or (compares_rules and tuple(map(decode_rule, found)) != chain.rules)


def read_generation(netlink: NetlinkSocket) -> int:
    """The generation: a number that each transaction, of any program in this network namespace, increases by one."""
    return read_uint(attributes(netlink.ask(message_type(nf.NFT_MSG_GETGEN), HEADER)[len(HEADER) :])[nf.NFTA_GEN_ID])


def read_table(netlink: NetlinkSocket) -> FoundTable:
    """Read the table. Raises OSError if the kernel refuses, or if the generation changes during every attempt."""
    for _ in range(_ATTEMPTS):
        before = read_generation(netlink)
        try:
            found = _read(netlink, before)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            continue  # an object was removed between two requests
        # A missing table needs no second look: one request was enough to see that.
        if found.program is None or read_generation(netlink) == before:
            return found
    raise OSError(errno.EBUSY, f"the table changed {_ATTEMPTS} times while it was read")


def read_parts(netlink: NetlinkSocket, program: Program, sets: Set[str], chains: Set[str]) -> Program | None:
    """Read the elements of `sets` and the rules of `chains`, and return `program` with these parts updated.

    `program` is the result of an earlier read. Returns None if the whole table must be read instead: `program` does not
    contain one of the sets or chains, or the generation changes during the read. Raises OSError if the kernel refuses.
    """
    if not (sets <= program.collections.keys() and chains <= program.chains.keys()):
        return None
    before = read_generation(netlink)
    try:
        collections = {name: read_elements(netlink, name, program.collections[name]) for name in sets}
        rules = {name: Chain(_read_rules(netlink, name), program.chains[name].hook) for name in chains}
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return None
    return program.changed(collections, rules) if read_generation(netlink) == before else None


def read_outline(netlink: NetlinkSocket) -> Outline:
    """Read the outline of the table, and of the table for bridges. Raises OSError if the kernel refuses."""
    parts = [_Part(netlink, header) for header in (HEADER, BRIDGE_HEADER)]
    return Outline(
        frozenset(name for part in parts for name in part.sets()),
        {name: rules for part in parts for name, rules in part.encoded_rules().items()},
    )


def read_elements(netlink: NetlinkSocket, name: str, kind: Collection) -> Collection:
    """Read a set or a map of this name that is of the kind of `kind`. Raises OSError if it does not exist."""
    collection = decode_elements(kind, _listed_elements(netlink, name))
    return FOREIGN_COLLECTION if collection is None else collection


def has_table(netlink: NetlinkSocket, name: str, *, of_bridges: bool = False) -> bool:
    """Whether a table with this name exists; in the bridge family if `of_bridges`.

    Raises OSError if the kernel refuses.
    """
    return _table_settings(netlink, name, of_bridges=of_bridges) is not None


def read_handle(netlink: NetlinkSocket, chain: str) -> int:
    """Read the number by which the kernel finds a chain, also under another name. Raises NetlinkError if it is gone."""
    where = in_table(nf.NFTA_CHAIN_TABLE) + string(nf.NFTA_CHAIN_NAME, chain)
    answer = netlink.ask(message_type(nf.NFT_MSG_GETCHAIN), header_of(chain) + where)
    return read_uint(attributes(answer[len(HEADER) :])[nf.NFTA_CHAIN_HANDLE])


def is_dormant(netlink: NetlinkSocket, *, of_bridges: bool = False) -> bool:
    """Whether the table exists and is dormant. Raises OSError if the kernel refuses."""
    settings = _table_settings(netlink, TABLE, of_bridges=of_bridges)
    return settings is not None and _is_dormant(settings)


def read_counts(netlink: NetlinkSocket, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield each element of a counted set, with the numbers of packets and bytes that matched it.

    Raises OSError if the set does not exist.
    """
    return decode_counts(_listed_elements(netlink, name))


def _read(netlink: NetlinkSocket, generation: int) -> FoundTable:
    settings = _table_settings(netlink, TABLE, of_bridges=False)
    if settings is None:
        return FoundTable(None, generation)
    of_bridges = _table_settings(netlink, TABLE, of_bridges=True)
    parts = [_Part(netlink, HEADER)]
    if of_bridges is not None:
        parts.append(_Part(netlink, BRIDGE_HEADER))
    return FoundTable(
        Program(
            {name: one for part in parts for name, one in part.collections()},
            {name: one for part in parts for name, one in part.chains()},
        ),
        generation,
        any(map(_is_dormant, (settings, of_bridges or {}))),
        tuple(one for part in parts for one in part.unknown_parts()),
    )


def table_question(name: str = TABLE, *, of_bridges: bool = False) -> tuple[int, bytes]:
    """The type and the body of a request for a table. The kernel answers ENOENT if the table does not exist."""
    header = BRIDGE_HEADER if of_bridges else HEADER
    return message_type(nf.NFT_MSG_GETTABLE), header + string(nf.NFTA_TABLE_NAME, name)


def element_question(name: str, key: bytes) -> tuple[int, bytes]:
    """The type and the body of a request for one element of a set or map; of a range, `key` is its first key.

    The kernel answers ENOENT if the element does not exist.
    """
    where = in_table(nf.NFTA_SET_ELEM_LIST_TABLE) + string(nf.NFTA_SET_ELEM_LIST_SET, name)
    return message_type(nf.NFT_MSG_GETSETELEM), header_of(name) + where + single_key(key)


def rules_question(chain: str) -> tuple[int, bytes]:
    """The type and the body of a dump request for the rules of a chain."""
    where = in_table(nf.NFTA_RULE_TABLE) + string(nf.NFTA_RULE_CHAIN, chain)
    return message_type(nf.NFT_MSG_GETRULE), header_of(chain) + where


def table_attribute(name: str) -> bytes:
    """The first attribute of every message about a table of this name, or about an object in it."""
    return in_table(nf.NFTA_TABLE_NAME, name)


def _table_settings(netlink: NetlinkSocket, name: str, *, of_bridges: bool) -> dict[int, bytes] | None:
    try:
        answer = netlink.ask(*table_question(name, of_bridges=of_bridges))
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return None
    return attributes(answer[len(HEADER) :])


def _is_dormant(settings: dict[int, bytes]) -> bool:
    return bool(read_uint(settings.get(nf.NFTA_TABLE_FLAGS, b"")) & nf.NFT_TABLE_F_DORMANT)


class _Part:
    """One of the two tables of a program: the table for IP, or the table for bridges."""

    def __init__(self, netlink: NetlinkSocket, header: bytes) -> None:
        self._netlink = netlink
        self._header = header
        self._chains = self._listed(nf.NFT_MSG_GETCHAIN, nf.NFTA_CHAIN_TABLE)

    def collections(self) -> Iterator[tuple[str, Collection]]:
        for name, settings in self._named_sets():
            kind = decode_description(settings) if self._is_right_part(name) else None
            yield name, read_elements(self._netlink, name, kind) if kind else FOREIGN_COLLECTION

    def chains(self) -> Iterator[tuple[str, Chain]]:
        rules = self.encoded_rules()
        for settings in self._chains:
            name = read_string(settings[nf.NFTA_CHAIN_NAME])
            yield name, Chain(tuple(map(decode_rule, rules[name])), _hook(settings))

    def encoded_rules(self) -> dict[str, list[bytes]]:
        """The encoded expressions of the rules of each chain, in order."""
        rules: dict[str, list[bytes]] = {read_string(one[nf.NFTA_CHAIN_NAME]): [] for one in self._chains}
        for settings in self._listed(nf.NFT_MSG_GETRULE, nf.NFTA_RULE_TABLE):
            name = read_string(settings[nf.NFTA_RULE_CHAIN])
            rules.setdefault(name, []).append(settings.get(nf.NFTA_RULE_EXPRESSIONS, b""))
        return rules

    def sets(self) -> Iterator[str]:
        """The names of the sets and maps."""
        return (name for name, _ in self._named_sets())

    def unknown_parts(self) -> Iterator[str]:
        for settings in self._chains:
            name = read_string(settings[nf.NFTA_CHAIN_NAME])
            if not self._is_right_part(name):
                yield f"the chain {name} in the wrong table"
            if nf.NFTA_CHAIN_HOOK in settings and _hook(settings) is None:
                yield f"the base chain {name} with a hook, priority, type or policy of its own"
        for name, _ in self._named_sets():
            if not self._is_right_part(name):
                yield f"the set {name} in the wrong table"
        for settings in self._listed(nf.NFT_MSG_GETOBJ, nf.NFTA_OBJ_TABLE):
            yield f"the object {read_string(settings[nf.NFTA_OBJ_NAME])}"
        for settings in self._listed(nf.NFT_MSG_GETFLOWTABLE, nf.NFTA_FLOWTABLE_TABLE):
            yield f"the flowtable {read_string(settings[nf.NFTA_FLOWTABLE_NAME])}"

    def _named_sets(self) -> Iterator[tuple[str, dict[int, bytes]]]:
        for settings in self._listed(nf.NFT_MSG_GETSET, nf.NFTA_SET_TABLE):
            # An anonymous set belongs to one rule. ringfence writes no such rule, so the rule counts as foreign.
            if not read_uint(settings.get(nf.NFTA_SET_FLAGS, b"")) & nf.NFT_SET_ANONYMOUS:
                yield read_string(settings[nf.NFTA_SET_NAME]), settings

    def _is_right_part(self, name: str) -> bool:
        return is_of_bridges(name) is (self._header == BRIDGE_HEADER)

    def _listed(self, message: int, table: int) -> list[dict[int, bytes]]:
        """The attributes of all objects of one type; `table` is the attribute that names their table."""
        found = []
        for one in self._netlink.dump(message_type(message), self._header + in_table(table)):
            settings = attributes(one[len(HEADER) :])
            # The kernel lists the chains of all tables of a family, whatever table the request names
            # (nf_tables_dump_chains()).
            if one[0] == self._header[0] and read_string(settings.get(table, b"")) == TABLE:
                found.append(settings)
        return found


def has_foreign_parts(program: Program) -> bool:
    """Whether a program that was read contains rules or sets that ringfence never writes."""
    return FOREIGN_COLLECTION in program.collections.values() or any(
        isinstance(rule, ForeignRule) for chain in program.chains.values() for rule in chain.rules
    )


FOREIGN_COLLECTION = HashSet(())
"""Represents a set or map that ringfence never creates, because of its kind or of its elements."""


def _listed_elements(netlink: NetlinkSocket, name: str) -> list[Element]:
    """Read all elements of a set or a map.

    The kernel resizes a hash table in the background, some time after elements were added or removed. The order of the
    elements depends on the size. The kernel sends the elements in several messages; for each message, it skips as many
    elements as it has already sent. If the table is resized in between, some elements appear twice and others are
    missing, and the kernel does not set NLM_F_DUMP_INTR. On Linux 6.18, this happens each time that 100,000 elements
    are read immediately after they were added. The number of elements in the list is correct: if no element appears
    twice, none is missing. Otherwise this function reads the set again.

    Source: nft_rhash_walk() and nf_tables_dump_set() of the kernel.
    """
    where = in_table(nf.NFTA_SET_ELEM_LIST_TABLE) + string(nf.NFTA_SET_ELEM_LIST_SET, name)
    for _ in range(_ATTEMPTS):
        messages = netlink.dump(message_type(nf.NFT_MSG_GETSETELEM), header_of(name) + where)
        lists = (attributes(one[len(HEADER) :]).get(nf.NFTA_SET_ELEM_LIST_ELEMENTS, b"") for one in messages)
        elements = elements_in(lists)
        if not has_repetitions(elements):
            return elements
    raise OSError(errno.EBUSY, f"the set {name} was resized {_ATTEMPTS} times while it was read")


def _read_rules(netlink: NetlinkSocket, chain: str) -> tuple[Rule | ForeignRule, ...]:
    messages = netlink.dump(*rules_question(chain))
    return tuple(decode_rule(attributes(one[len(HEADER) :]).get(nf.NFTA_RULE_EXPRESSIONS, b"")) for one in messages)


def _hook(settings: dict[int, bytes]) -> Hook | None:
    """The hook of a base chain; None if its hook, priority, type or policy differs from those that ringfence sets."""
    found = attributes(settings.get(nf.NFTA_CHAIN_HOOK, b""))
    for hook in Hook:
        wanted = attributes(b"".join(requested_hook(hook)))
        place = attributes(wanted[nf.NFTA_CHAIN_HOOK])
        if all(settings.get(kind) == wanted[kind] for kind in (nf.NFTA_CHAIN_TYPE, nf.NFTA_CHAIN_POLICY)) and all(
            found.get(kind) == value for kind, value in place.items()
        ):
            return hook
    return None
