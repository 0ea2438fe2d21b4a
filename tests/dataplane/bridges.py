"""Programs for pods on one bridge, whose ports the node knows."""

import socket
from collections.abc import Collection as SomeOf
from collections.abc import Iterable, Mapping

import pytest
from tests.dataplane.network import (
    BridgedNetwork,
    number,
)
from tests.dataplane.programs import Peer, program
from tests.dataplane.test_own_traffic import all_held
from tests.dataplane.test_sources import link_local

from ringfence.dataplane.compile import PodPort, Ports
from ringfence.dataplane.compile.ports import PortSets
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import (
    ADDRESS,
    BRIDGE_HELD,
    DROPS,
    HELD,
    ISOLATED,
    KNOWN,
    Collection,
    HashSet,
    Program,
    Reaction,
    VerdictMap,
    address_key,
    base_program,
)
from ringfence.model.policies import Direction
from ringfence.netlink.veth import VethReader
from ringfence.sets.addresses import FAMILIES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
OPEN, ISOLATED_POD, OTHER = 0, 1, 2
BOTH_WAYS: Mapping[tuple[Direction, int], Iterable[Peer]] = {(IN, ISOLATED_POD): [], (OUT, ISOLATED_POD): []}
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
MANY = {
    "everybody": "255.255.255.255",
    "everybody in the subnet": "10.0.255.255",
    "a group of IPv4": "239.1.2.3",
    "all nodes": "ff02::1",
    "a group of IPv6": "ff15::1",
}


def ports_of(pods: SomeOf[int], others: Iterable[int] = ()) -> Ports:
    """What the node knows about the ports of some pods before they send a packet."""
    reader = VethReader()
    links = reader.links()
    veths = {veth.number: veth for veth in links.veths}
    found = {}
    for pod in pods:
        number_of_port = socket.if_nametoindex(f"pod{pod}")
        end = reader.far_end(veths[number_of_port])
        assert end is not None
        known = frozenset((family, number(pod, family)) for family in FAMILIES)
        found[number_of_port] = PodPort(known, end.addresses - known, end.hardware_address)
    return Ports(
        found,
        frozenset(socket.if_nametoindex(f"pod{pod}") for pod in others),
        frozenset(address for _, address in links.addresses),
        frozenset(links.bridges.values()),
    )


ENFORCING = Reaction()


def guarding(
    isolated: Mapping[tuple[Direction, int], Iterable[Peer]],
    known: SomeOf[int] = (OPEN, ISOLATED_POD, OTHER),
    *,
    placed: SomeOf[int] | None = None,
    others: Iterable[int] = (),
    holds: bool = False,
    reaction: Reaction = ENFORCING,
) -> Program:
    """The program that isolates pods. It knows the ports of the pods in `placed`, or of all pods if none is given."""
    policies = program(isolated)
    addresses = [(family, number(pod, family)) for pod in known for family in FAMILIES]

    def is_isolated(one: tuple[Family, int], direction: Direction) -> bool:
        verdicts = policies.collections[ISOLATED[direction, one[0]]]
        assert isinstance(verdicts, VerdictMap)
        return verdicts.chain_of(address_key(*one)) is not None

    ports = ports_of(known if placed is None else placed, others)
    base = base_program(holds=holds, reaction=reaction, with_bridges=True)
    return base.changed(
        {
            **{name: one for name, one in policies.collections.items() if name not in base_program().collections},
            **{name: policies.collections[name] for name in (*ISOLATED.values(), *DROPS.values())},
            **(held_and_known(addresses) if holds else {}),
            **PortSets(lambda _: ports).update({one: frozenset({one}) for one in addresses}, is_isolated),
        },
        {name: one for name, one in policies.chains.items() if name not in base.chains},
    )


def held_and_known(known: Iterable[tuple[Family, int]]) -> dict[str, Collection]:
    """Every address that pods may have is held, except the known ones."""
    held = all_held().collections
    keys = {family: frozenset(address_key(*one) for one in known if one[0] is family) for family in FAMILIES}
    return {
        **{HELD[family]: held[HELD[family]] for family in FAMILIES},
        **{BRIDGE_HELD[family]: held[HELD[family]] for family in FAMILIES},
        **{KNOWN[family]: HashSet(ADDRESS[family], keys[family]) for family in FAMILIES},
    }


def enforce(wanted: Program) -> Kernel:
    kernel = Kernel()
    kernel.apply(wanted)
    return kernel


def link_local_of(network: BridgedNetwork, pod: int) -> str:
    with network.inside(pod):
        return link_local("eth0")
