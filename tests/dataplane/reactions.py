"""A server, a client, policies that close them, and the reactions to packets that these policies deny."""

from ipaddress import ip_network

from tests.dataplane.network import Network, address
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, pod, policy

from ringfence.dataplane.compile import Compiler, NodeGuard
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Logging, Reaction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family

SERVER, CLIENT = 0, 1
GROUP = 77
EVERYTHING = Addresses.of(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
CLOSED_SERVER = policy("x/p", labelled(app="server"), ingress=[])
CLOSED_CLIENT = policy("x/p", labelled(app="client"), egress=[])
OBSERVING = Reaction(drops=False)
LOGGING = Reaction(logging=Logging(GROUP, 1_000))


def on_node(app: str, place: int) -> Object:
    return pod(f"x/{app}", {"app": app}, addresses=[address(place, family) for family in FAMILIES])


BOTH = (on_node("server", SERVER), on_node("client", CLIENT))


def apply(
    kernel: Kernel,
    reaction: Reaction,
    *objects: Object,
    held: Addresses = NO_ADDRESSES,
    closed: frozenset[str] = frozenset(),
) -> None:
    state = cluster_of(objects).state
    kernel.apply(Compiler(state, lambda member: True, NodeGuard(held, reaction)).program(closed))


def passes(network: Network, family: Family = Family.IPV4) -> bool:
    server = network.udp(SERVER, 80, family)
    network.udp(CLIENT, 0, family).sendto(b"question", (address(SERVER, family), 80))
    return network.delivered(server) is not None
