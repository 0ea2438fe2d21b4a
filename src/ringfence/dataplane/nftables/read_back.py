"""Reading the table back from the kernel, as a program that can be compared with the one that was wanted.

What this project would never write stays visible: a foreign rule, or a set of a foreign kind, makes the program differ
from every wanted one, and so leads to repair.

Source: `<linux/netfilter/nf_tables.h>`.
"""

import errno
from collections import defaultdict
from collections.abc import Iterator

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.constants import Request
from ringfence.dataplane.nftables.elements import decode_counts, decode_description, decode_elements
from ringfence.dataplane.nftables.expressions import decode_rule
from ringfence.dataplane.nftables.requests import HEADER, in_table, requested_hook
from ringfence.dataplane.program import TABLE, Chain, Collection, ForeignRule, HashSet, Hook, Program, Rule
from ringfence.dataplane.update import NOTHING
from ringfence.netlink.messages import NetlinkSocket, attributes, read_number, read_text, text

_ATTEMPTS = 20


def read_generation(conversation: NetlinkSocket) -> int:
    """A number that changes with every transaction of anybody in this network namespace."""
    return read_number(attributes(conversation.ask(Request.GET_GENERATION, HEADER)[len(HEADER) :])[nf.GENERATION_ID])


def read_program(conversation: NetlinkSocket) -> tuple[Program, int]:
    """The table as it is now, `NOTHING` if there is none, and the generation. OSError where the kernel refuses."""
    for _ in range(_ATTEMPTS):
        before = read_generation(conversation)
        try:
            program = _read(conversation)
        except FileNotFoundError:
            continue  # something went away between one list and the next
        if read_generation(conversation) == before:
            return program, before
    raise OSError(errno.EBUSY, "the table changed all the time while it was read")


def read_counts(conversation: NetlinkSocket, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Every element of a counted set, with the packets and bytes that matched it. OSError if there is no such set."""
    return decode_counts(_element_lists(conversation, name))


def _read(conversation: NetlinkSocket) -> Program:
    try:
        conversation.ask(Request.GET_TABLE, HEADER + in_table(nf.Table.NAME))
    except FileNotFoundError:
        return NOTHING
    return Program(dict(_read_collections(conversation)), dict(_read_chains(conversation)))


def _read_collections(conversation: NetlinkSocket) -> Iterator[tuple[str, Collection]]:
    for settings in _listed(conversation, Request.GET_SET, nf.Set.TABLE):
        name = read_text(settings[nf.Set.NAME])
        if not read_number(settings.get(nf.Set.FLAGS, b"")) & nf.SetFlag.ANONYMOUS:
            kind = decode_description(settings)
            yield name, decode_elements(kind, _element_lists(conversation, name)) if kind else FOREIGN_COLLECTION


FOREIGN_COLLECTION = HashSet(())
"""Stands for a set or map of a kind that this project never makes."""


def _element_lists(conversation: NetlinkSocket, name: str) -> list[bytes]:
    where = in_table(nf.Elements.TABLE) + text(nf.Elements.SET, name)
    messages = conversation.dump(Request.GET_ELEMENTS, HEADER + where)
    return [attributes(one[len(HEADER) :]).get(nf.Elements.LIST, b"") for one in messages]


def _read_chains(conversation: NetlinkSocket) -> Iterator[tuple[str, Chain]]:
    rules: defaultdict[str, list[Rule | ForeignRule]] = defaultdict(list)
    for settings in _listed(conversation, Request.GET_RULE, nf.Rule.TABLE):
        rules[read_text(settings[nf.Rule.CHAIN])].append(decode_rule(settings.get(nf.Rule.EXPRESSIONS, b"")))
    for settings in _listed(conversation, Request.GET_CHAIN, nf.Chain.TABLE):
        name = read_text(settings[nf.Chain.NAME])
        yield name, Chain(tuple(rules[name]), _hook(settings))


def _hook(settings: dict[int, bytes]) -> Hook | None:
    """The hook of a base chain that is exactly as this project makes it."""
    found = attributes(settings.get(nf.Chain.HOOK, b""))
    policy = settings.get(nf.Chain.POLICY)
    for hook in Hook:
        wanted = attributes(b"".join(requested_hook(hook)))
        place = attributes(wanted[nf.Chain.HOOK])
        if policy == wanted[nf.Chain.POLICY] and all(found.get(kind) == value for kind, value in place.items()):
            return hook
    return None


def _listed(conversation: NetlinkSocket, request: Request, table: int) -> Iterator[dict[int, bytes]]:
    """The attributes of all sets, chains or rules of the table."""
    for one in conversation.dump(request, HEADER + in_table(table)):
        settings = attributes(one[len(HEADER) :])
        if one[0] == HEADER[0] and read_text(settings.get(table, b"")) == TABLE:
            yield settings
