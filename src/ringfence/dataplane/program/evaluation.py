"""Evaluating a program for a packet in this process instead of in the kernel.

It evaluates the same rules over the same sets. It decides which tracked connections a new program no longer allows, and
tests use it to compare programs with the kernel.
"""

from collections.abc import Callable, Mapping

import msgspec

from ringfence.dataplane.program.collections import Collection, GroupMap, HashSet, RangeMap, RangeSet, VerdictMap
from ringfence.dataplane.program.keys import address_key, group_key, peer_class_key, port_key
from ringfence.dataplane.program.program import Chain, Hook, Program
from ringfence.dataplane.program.rules import (
    ClassLookup,
    Condition,
    Dispatch,
    DispatchGroup,
    Field,
    Goto,
    Jump,
    Log,
    Lookup,
    OfFamily,
    PortBetween,
    ProtocolIs,
    RateLimit,
    Rule,
    RuleVerdict,
    Track,
)
from ringfence.sets.addresses import Family


class Packet(msgspec.Struct, frozen=True):
    """The first packet of a connection. Protocols without ports have none."""

    family: Family
    source: int
    destination: int
    protocol: int
    port: int | None = None


CollectionReader = Callable[[str], Collection]
"""Returns a set or a map by its name. Tests use it to change sets between two lookups of one packet."""


def admits(program: Program, packet: Packet, hook: Hook = Hook.FORWARD) -> bool:
    """Whether a new connection's first packet passes."""
    read = program.collections.__getitem__
    return all(_walk(name, program.chains, read, packet) is not RuleVerdict.DROP for name in program.base_chains[hook])


def passes(chains: Mapping[str, Chain], read: CollectionReader, packet: Packet, hook: Hook = Hook.FORWARD) -> bool:
    """Whether a packet passes the base chains of a hook. Each lookup reads its set with `read`."""
    bases = (name for name, chain in chains.items() if chain.hook is hook)
    return all(_walk(name, chains, read, packet) is not RuleVerdict.DROP for name in bases)


def _walk(name: str, chains: Mapping[str, Chain], read: CollectionReader, packet: Packet) -> RuleVerdict | None:
    """The verdict of a chain; None if it returns."""
    for rule in chains[name].rules:
        if not isinstance(rule, Rule) or not all(_meets(condition, read, packet) for condition in rule.conditions):
            continue
        match rule.action:
            case RuleVerdict.RETURN:
                return None
            case RuleVerdict():
                return rule.action
            case Log() | Track():
                continue
            # The recursion ends, because the kernel refuses chains that lead back to themselves.
            case Goto(chain):
                return _walk(chain, chains, read, packet)
            case Jump(chain):
                verdict = _walk(chain, chains, read, packet)
                if verdict:
                    return verdict
            case Dispatch() | DispatchGroup():
                key = _key_of_dispatch(rule.action, read, packet)
                if key is None:
                    continue
                targets = read(rule.action.map)
                target = _chain_of(targets, key)
                if target is None:
                    continue
                verdict = _walk(target, chains, read, packet)
                # A goto does not come back to this chain, even if its target returns. Maps of ranges have only gotos.
                if verdict or isinstance(targets, RangeMap) or (isinstance(targets, VerdictMap) and targets.goto):
                    return verdict
    return None


def _meets(condition: Condition, read: CollectionReader, packet: Packet) -> bool:
    match condition:
        case Lookup(fields, name, absent):
            key = _key(fields, packet)
            return key is not None and _contains(read(name), key) is not absent
        case ClassLookup(identifier, fields, name):
            key = _key(fields, packet, identifier)
            return key is not None and _contains(read(name), key)
        case OfFamily(family):
            return packet.family is family
        case ProtocolIs(number):
            return packet.protocol == number
        case PortBetween(first, last):
            return packet.port is not None and first <= packet.port <= last
        case RateLimit():
            # It only limits logging, which decides nothing.
            return True
        case _:
            return False  # the packets asked about open a connection between pods or with addresses outside the node


def _key_of_dispatch(action: Dispatch | DispatchGroup, read: CollectionReader, packet: Packet) -> bytes | None:
    """What the map of an action is asked for; None if the packet does not have it."""
    if isinstance(action, Dispatch):
        return _key(action.fields, packet)
    address = _key((action.field,), packet)
    group = None if address is None else _group_of(read(action.groups), address)
    found = None if group is None else _group_of(read(action.classes), group_key(group))
    return None if found is None else peer_class_key(found)


def _group_of(groups: Collection, key: bytes) -> str | None:
    return groups.group_of(key) if isinstance(groups, GroupMap) else None


def _key(fields: tuple[Field, ...], packet: Packet, identifier: bytes = b"") -> bytes | None:
    parts = [_read(field, packet) for field in fields]
    if len(parts) == 1 and not identifier:
        return parts[0]
    # This cannot match: a key with a port also has a protocol, and only those with ports are in sets.
    if None in parts:
        return None
    return identifier + b"".join(part + bytes(-len(part) % 4) for part in parts if part is not None)


def _read(field: Field, packet: Packet) -> bytes | None:
    if field.family is not None and field.family is not packet.family:
        return None
    match field:
        case Field.SOURCE_4 | Field.SOURCE_6:
            return address_key(packet.family, packet.source)
        case Field.DESTINATION_4 | Field.DESTINATION_6:
            return address_key(packet.family, packet.destination)
        case Field.PROTOCOL:
            return bytes([packet.protocol])
        case Field.PORT:
            return None if packet.port is None else port_key(packet.port)
        case _:
            return None


def _contains(collection: Collection, key: bytes) -> bool:
    return isinstance(collection, HashSet | RangeSet) and collection.contains(key)


def _chain_of(collection: Collection, key: bytes) -> str | None:
    return collection.chain_of(key) if isinstance(collection, VerdictMap | RangeMap) else None
