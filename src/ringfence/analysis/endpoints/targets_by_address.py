"""The targets of a question about addresses: the pods that have them, the targets of translated ports, and the rest.

A pod is asked about only over the family of its address. A port that a node rewrites leads to the rewritten
destination; the other ports of a node's address belong to the node. At an address of a Service that is not a node's,
only the ports of the Service answer.
"""

from collections import defaultdict

from ringfence.analysis.endpoints.destination_targets import Target, Targets, one_port, plain_targets
from ringfence.analysis.endpoints.endpoints import Endpoint
from ringfence.analysis.endpoints.ports import AskedPorts
from ringfence.analysis.endpoints.translations import Translation, translations_at, virtual_addresses
from ringfence.engine.answers import End
from ringfence.engine.population import Member, addresses_of
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def address_targets(state: State, destination: Endpoint, addresses: Addresses, ports: AskedPorts) -> Targets:
    """The targets of a question about `ports` of some addresses.

    Raises EndpointError if no connection to them is possible.
    """
    found: list[Target] = []
    rewritten: defaultdict[Addresses, Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for one in translations_at(state, addresses):
        traffic = Traffic.of(one.protocol, ((one.port, one.port),))
        if not traffic & rewritten[one.addresses]:  # if several translate one port, the first one applies
            rewritten[one.addresses] |= traffic
            if ports.ask_about(one.name, one.protocol, one.port):
                found += _behind(one)
    others = _others(state, destination, rewritten)
    for address in rewritten:
        # The other ports of the same address: what is rewritten is taken out, because it never arrives at the node
        # itself.
        left = address & others
        others = others - address
        if left and (asked := _asked(ports) - rewritten[address]):
            found.append(Target(left, asked, over=destination.families))
    # The ends of a Service are behind its ports, and were found above as targets of these.
    pods = [end for end in destination.ends if isinstance(end, Member)] if destination.service is None else []
    plain: list[End] = [*pods, *([others] if others else [])]
    targets = plain_targets(destination.text, plain, ports, destination.families) if plain else Targets(())
    if not found and not targets.found:
        raise EndpointError(_why_nothing(state, destination, addresses, ports))
    return Targets((*dict.fromkeys(found), *targets.found), targets.unnamed)


def _behind(via: Translation) -> list[Target]:
    return [
        Target(one.end, one_port(one.protocol, one.port), via.port, via.addresses.families, via) for one in via.backends
    ]


def _others(state: State, destination: Endpoint, rewritten: dict[Addresses, Traffic]) -> Addresses:
    """The addresses of a destination that belong neither to a pod nor only to Services."""
    others = next((end for end in destination.ends if isinstance(end, Addresses)), NO_ADDRESSES)
    if destination.service is not None:
        return NO_ADDRESSES
    of_services = NO_ADDRESSES
    for service in state.services.values():
        of_services |= virtual_addresses(service) & others
    if of_services:
        for node in state.nodes.values():  # a load balancer may use the addresses of nodes
            of_services -= addresses_of(node)
    return others - of_services


def _asked(ports: AskedPorts) -> Traffic:
    return ALL_TRAFFIC if ports.is_everything else ports.numbers


def _why_nothing(state: State, destination: Endpoint, addresses: Addresses, ports: AskedPorts) -> str:
    known = [one for one in translations_at(state, addresses) if not one.is_at_node]
    empty = [one for one in known if ports.ask_about(one.name, one.protocol, one.port)]
    if empty:
        return f"{destination.text} is {empty[0]}, which has no endpoints"
    owners = " and ".join(dict.fromkeys(map(str, known)))
    listed = ", ".join(dict.fromkeys(f"{one.port}/{one.protocol}" for one in known)) or "none"
    return (
        f"{destination.text} is {owners or 'the address of a Service'}, which has no port {ports}; its ports: {listed}"
    )
