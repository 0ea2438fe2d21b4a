"""Populations of a few pods, the facts that policies read of them, and which pods share an identity."""

from ipaddress import ip_network

import msgspec
from tests import strategies
from tests.engine.members import member_from

from ringfence.engine.population.facts import Block, HasLabel, LabelIn, ReadableFact
from ringfence.engine.population.pods import Member
from ringfence.engine.population.population import Population
from ringfence.sets.addresses import Addresses


def label_is(key: str, *values: str) -> LabelIn:
    return LabelIn(key, frozenset(values))


READABLE: list[ReadableFact] = [
    HasLabel("app"),
    HasLabel("tier"),
    label_is("app", "1"),
    label_is("app", "2"),
    label_is("app", ""),
    label_is("app", "1", "2", "3"),
    label_is("tier", "1"),
    *((name, protocol) for name in strategies.PORT_NAMES for protocol in ("TCP", "UDP")),
]


def block(*cidrs: str, less: tuple[str, ...] = ()) -> Block:
    networks = [ip_network(cidr) for cidr in cidrs]
    addresses = Addresses.of(*networks) - Addresses.of(*map(ip_network, less))
    return Block(addresses, covers_family=any(network.prefixlen == 0 for network in networks))


_shared: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}


def with_shared_labels(one: Member) -> Member:
    """The pod, with the object that all pods with its labels share, as pods of a workload that are read in turn do."""
    labels = _shared.setdefault(tuple(sorted(one.labels.items())), one.labels)
    return msgspec.structs.replace(one, labels=labels)


members = strategies.pods().map(member_from).map(with_shared_labels)


def groups(population: Population) -> set[frozenset[Member]]:
    return {frozenset(identity.pods()) for identity in population.identities()}


def population_of(*pods: Member) -> Population:
    population = Population()
    for one in pods:
        population.add(one)
    return population


def together(population: Population, a: Member, b: Member) -> bool:
    return population.identity_of(a) is population.identity_of(b)
