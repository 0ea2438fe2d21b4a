"""Reading the table back from the kernel, as a program that can be compared with the one that was wanted.

What ringfence never writes stays visible: a foreign rule, or a set of a foreign kind, makes the program differ from
every wanted one, and so leads to repair.

Source: `<linux/netfilter/nf_tables.h>`.
"""

import errno
from collections import defaultdict
from collections.abc import Iterator

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.elements import decode_counts, decode_description, decode_elements
from ringfence.dataplane.nftables.expressions import decode_rule
from ringfence.dataplane.nftables.requests import HEADER, in_table, message_type, requested_hook
from ringfence.dataplane.program import TABLE, Chain, Collection, ForeignRule, HashSet, Hook, Program, Rule
from ringfence.netlink.codec import attributes, read_string, read_uint, string
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

_ATTEMPTS = 20


def read_generation(netlink: NetlinkSocket) -> int:
    """A number that every transaction of any program in this network namespace raises by one."""
    return read_uint(attributes(netlink.ask(message_type(nf.NFT_MSG_GETGEN), HEADER)[len(HEADER) :])[nf.NFTA_GEN_ID])


def read_program(netlink: NetlinkSocket) -> tuple[Program | None, int]:
    """The table as it is now, None if there is none, and the generation. Raises OSError where the kernel refuses."""
    for _ in range(_ATTEMPTS):
        before = read_generation(netlink)
        try:
            program = _read(netlink)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            continue  # an object was removed between one list and the next
        if read_generation(netlink) == before:
            return program, before
    raise OSError(errno.EBUSY, f"the table changed {_ATTEMPTS} times while it was read")


def read_counts(netlink: NetlinkSocket, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Every element of a counted set, with the packets and bytes that matched it. OSError if there is no such set."""
    return decode_counts(_element_lists(netlink, name))


def _read(netlink: NetlinkSocket) -> Program | None:
    try:
        netlink.ask(message_type(nf.NFT_MSG_GETTABLE), HEADER + in_table(nf.NFTA_TABLE_NAME))
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return None
    return Program(dict(_read_collections(netlink)), dict(_read_chains(netlink)))


def _read_collections(netlink: NetlinkSocket) -> Iterator[tuple[str, Collection]]:
    for settings in _listed(netlink, nf.NFT_MSG_GETSET, nf.NFTA_SET_TABLE):
        name = read_string(settings[nf.NFTA_SET_NAME])
        if not read_uint(settings.get(nf.NFTA_SET_FLAGS, b"")) & nf.NFT_SET_ANONYMOUS:
            kind = decode_description(settings)
            yield name, decode_elements(kind, _element_lists(netlink, name)) if kind else FOREIGN_COLLECTION


FOREIGN_COLLECTION = HashSet(())
"""Stands for a set or map of a kind that this project never makes."""


def _element_lists(netlink: NetlinkSocket, name: str) -> list[bytes]:
    where = in_table(nf.NFTA_SET_ELEM_LIST_TABLE) + string(nf.NFTA_SET_ELEM_LIST_SET, name)
    messages = netlink.dump(message_type(nf.NFT_MSG_GETSETELEM), HEADER + where)
    return [attributes(one[len(HEADER) :]).get(nf.NFTA_SET_ELEM_LIST_ELEMENTS, b"") for one in messages]


def _read_chains(netlink: NetlinkSocket) -> Iterator[tuple[str, Chain]]:
    rules: defaultdict[str, list[Rule | ForeignRule]] = defaultdict(list)
    for settings in _listed(netlink, nf.NFT_MSG_GETRULE, nf.NFTA_RULE_TABLE):
        rules[read_string(settings[nf.NFTA_RULE_CHAIN])].append(
            decode_rule(settings.get(nf.NFTA_RULE_EXPRESSIONS, b""))
        )
    for settings in _listed(netlink, nf.NFT_MSG_GETCHAIN, nf.NFTA_CHAIN_TABLE):
        name = read_string(settings[nf.NFTA_CHAIN_NAME])
        yield name, Chain(tuple(rules[name]), _hook(settings))


def _hook(settings: dict[int, bytes]) -> Hook | None:
    """The hook of a base chain that is exactly as this project makes it."""
    found = attributes(settings.get(nf.NFTA_CHAIN_HOOK, b""))
    policy = settings.get(nf.NFTA_CHAIN_POLICY)
    for hook in Hook:
        wanted = attributes(b"".join(requested_hook(hook)))
        place = attributes(wanted[nf.NFTA_CHAIN_HOOK])
        if policy == wanted[nf.NFTA_CHAIN_POLICY] and all(found.get(kind) == value for kind, value in place.items()):
            return hook
    return None


def _listed(netlink: NetlinkSocket, message: int, table: int) -> Iterator[dict[int, bytes]]:
    """The attributes of all sets, chains or rules of the table."""
    for one in netlink.dump(message_type(message), HEADER + in_table(table)):
        settings = attributes(one[len(HEADER) :])
        if one[0] == HEADER[0] and read_string(settings.get(table, b"")) == TABLE:
            yield settings
