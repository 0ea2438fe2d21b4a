"""The fast engine gives the same answers as the obvious naive evaluator, on random clusters."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import product
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from tests.semantics import naive, naive_world
from tests.semantics.claims import OTHER
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object
from tests.strategies import NODE_ADDRESSES, OUTSIDE, clusters

from ringfence import Cluster
from ringfence.analysis.lists.connections import Connection
from ringfence.engine.population.pods import Reference
from ringfence.sets.addresses import Addresses, parse_address
from ringfence.sets.traffic import NO_TRAFFIC, PROTOCOLS, Traffic

PORTS = (1, 2, 53, 54, 79, 80, 81, 82, 85, 90, 91, 65535)
"""The bounds of the ports in random policies and pods, and the ports next to them."""
ADDRESSES = (*OUTSIDE, *(address for both in NODE_ADDRESSES.values() for address in both))

LOOPBACK = ("127.0.0.1", "127.255.255.255", "::1")

ports = st.tuples(st.sampled_from(PROTOCOLS), st.sampled_from(PORTS))


@given(clusters())
def test_the_traffic_of_every_pair(objects: list[Object]) -> None:
    assert_traffic(cluster_of(objects), objects)


@given(clusters(), ports)
def test_the_verdict_on_one_port(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_verdicts(cluster_of(objects), objects, asked)


@given(clusters(), ports)
def test_the_verdict_between_addresses(objects: list[Object], asked: tuple[str, int]) -> None:
    """... of pods among them: an address is that address, over its own family."""
    cluster = cluster_of(objects)
    protocol, port = asked
    known = pod_addresses(objects)
    for source, destination in product(known, (*known, *ADDRESSES)):
        if ip_address(source).version == ip_address(destination).version:
            verdict = cluster.can(source, destination, port=port, protocol=protocol)
            assert bool(verdict) is naive.allowed(objects, source, destination, protocol, port), (source, destination)


@given(clusters(), ports, st.sampled_from(["10.0.0.0/29", "10.0.0.0/31", "192.168.0.0/30", "fd00::/125", "fd09::/126"]))
def test_the_verdict_on_a_block(objects: list[Object], asked: tuple[str, int], block: str) -> None:
    """... is that on each of its addresses."""
    cluster = cluster_of(objects)
    protocol, port = asked
    for name in pod_names(objects):
        # The pod itself is left out, as in all questions about other pods.
        others = [str(one) for one in ip_network(block) if name not in pods_at(objects, one)]
        outwards = [naive.allowed(objects, name, one, protocol, port) for one in others]
        verdict = cluster.can(name, block, port=port, protocol=protocol)
        assert (verdict.all, verdict.any) == (all(outwards), any(outwards)), name
        inwards = [naive.allowed(objects, one, name, protocol, port) for one in others]
        verdict = cluster.can(block, name, port=port, protocol=protocol)
        assert (verdict.all, verdict.any) == (all(inwards), any(inwards)), name


@given(clusters(), ports)
def test_who_reaches_a_pod_and_whom_it_reaches(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_reach(cluster_of(objects), objects, asked)


@given(clusters())
def test_the_list_of_connections_by_pod(objects: list[Object]) -> None:
    listing = Listing.of(cluster_of(objects).connections(pods=True), lambda reference: [short(reference)])
    names = pod_names(objects)
    for one, other in product(names, names):
        if one != other or naive_world.is_several(objects, one):
            assert_right(objects, one, other, listing.among_pods.get((one, other), NO_TRAFFIC))
        else:
            assert (one, other) not in listing.among_pods, "a pod's way to itself is not listed"
    for name, address in product(names, ADDRESSES):
        assert_right(objects, name, address, passing(address, listing.outwards[name]))
        assert_right(objects, address, name, passing(address, listing.inwards[name]))


@given(clusters())
def test_the_list_of_connections_by_workload_agrees(objects: list[Object]) -> None:
    """... except that a node always reaches the pods on it: pods that are listed as one may be on several nodes."""
    owned = defaultdict(list)
    for pod in naive_world.pods(objects):
        for owner in pod["metadata"].get("ownerReferences", ()):
            owned[f"{naive_world.namespace_of(pod)}/{owner['name']}"].append(naive_world.name_of(pod))
    cluster = cluster_of(objects)
    by_pod = Listing.of(cluster.connections(pods=True), lambda reference: [short(reference)])
    by_workload = Listing.of(cluster.connections(), lambda reference: owned.get(short(reference)) or [short(reference)])
    names = pod_names(objects)
    for source, destination in product(names, names):
        if not is_on_node(objects, source, destination):
            pair = source, destination
            assert by_workload.among_pods.get(pair) == by_pod.among_pods.get(pair), pair
    for name, address in product(names, ADDRESSES):
        assert passing(address, by_workload.outwards[name]) == passing(address, by_pod.outwards[name])
        if not is_on_node(objects, address, name):
            assert passing(address, by_workload.inwards[name]) == passing(address, by_pod.inwards[name])


def is_on_node(objects: Sequence[naive_world.Object], source: str, destination: str) -> bool:
    """Whether the source is the node of the destination, which is a pod."""
    world = list(objects)
    pod = naive_world.party(world, destination).pod
    return pod is not None and naive.is_on_node(world, pod, naive_world.party(world, source))


Outside = defaultdict[str, set[tuple[Addresses, Traffic]]]


class Listing(NamedTuple):
    """All connections that are listed: those between pods, and those of each pod to and from outside."""

    among_pods: dict[tuple[str, str], Traffic]
    outwards: Outside
    inwards: Outside

    @classmethod
    def of(cls, connections: Iterable[Connection], pods_of: Callable[[Reference], list[str]]) -> "Listing":
        """The listed connections by pod; `pods_of` has the pods of each name. Nothing may be listed twice."""
        listing = cls({}, defaultdict(set), defaultdict(set))
        for one in connections:
            match one.source, one.destination:
                case Addresses() as addresses, Reference() as destination:
                    for name in pods_of(destination):
                        listing.inwards[name].add((addresses, one.traffic))
                case Reference() as source, Addresses() as addresses:
                    for name in pods_of(source):
                        listing.outwards[name].add((addresses, one.traffic))
                case Reference() as source, Reference() as destination:
                    for pair in product(pods_of(source), pods_of(destination)):
                        assert pair not in listing.among_pods, f"{pair} is listed twice"
                        # A workload that is listed with itself: each of its pods with each other, or its template.
                        if len(set(pair)) == 2 or len(pods_of(source)) == 1:
                            listing.among_pods[pair] = one.traffic
        return listing


def assert_traffic(cluster: Cluster, objects: list[Object]) -> None:
    """The engine allows every pair the traffic that it should."""
    for source, destination in pairs(objects):
        assert_right(objects, source, destination, cluster.can(source, destination).traffic)


def assert_verdicts(cluster: Cluster, objects: list[Object], asked: tuple[str, int]) -> None:
    """The engine gives every pair the right verdict on one port."""
    protocol, port = asked
    for source, destination in pairs(objects):
        verdict = cluster.can(source, destination, port=port, protocol=protocol)
        assert bool(verdict) is naive.allowed(objects, source, destination, protocol, port), (source, destination)


def assert_reach(cluster: Cluster, objects: list[Object], asked: tuple[str, int]) -> None:
    """The engine knows who reaches each pod on one port, and whom it reaches."""
    names = pod_names(objects)
    protocol, port = asked
    for one in names:
        others = [name for name in names if name != one or naive_world.is_several(objects, one)]
        assert {short(pod.reference) for pod in cluster.sources(one, port, protocol)} == {
            other for other in others if naive.allowed(objects, other, one, protocol, port)
        }
        assert {short(pod.reference) for pod in cluster.destinations(one, port, protocol)} == {
            other for other in others if naive.allowed(objects, one, other, protocol, port)
        }


def assert_right(objects: list[Object], source: str, destination: str, traffic: Traffic) -> None:
    """Check that `traffic` contains exactly the allowed traffic."""
    pair = naive.pair_of(objects, source, destination)
    for protocol, port in product(PROTOCOLS, PORTS):
        assert traffic.contains(protocol, port) is naive.allowed_between(pair, protocol, port), (
            f"{source} -> {destination} on {protocol}/{port}"
        )
    assert traffic.other is naive.allowed_between(pair, OTHER, 0), f"{source} -> {destination}, other"


def passing(address: str, listed: Iterable[tuple[Addresses, Traffic]]) -> Traffic:
    """The traffic that is listed for one address, which must be in one entry at most."""
    found = [traffic for addresses, traffic in listed if addresses.contains(*parse_address(address))]
    assert len(found) <= 1, f"{address} is listed twice"
    return found[0] if found else NO_TRAFFIC


def short(reference: Reference) -> str:
    """`NAMESPACE/NAME`, as the naive evaluator calls a pod or the workload it stands for."""
    return f"{reference.namespace}/{reference.name}"


def pod_names(objects: Iterable[Object]) -> list[str]:
    return [naive_world.name_of(pod) for pod in naive_world.pods(objects)]


def pods_at(objects: Iterable[Object], address: naive_world.Address) -> list[str]:
    """The pods that have an address of their own, as it is."""
    pod = naive_world.party(list(objects), str(address)).pod
    return [] if pod is None else [naive_world.name_of(pod)]


def pod_addresses(objects: Iterable[Object]) -> list[str]:
    """The addresses of the pods that have addresses of their own."""
    world: list[naive_world.Object] = list(objects)
    own = (
        naive_world.addresses_of(world, pod)
        for pod in naive_world.pods(world)
        if not naive_world.uses_host_network(pod)
    )
    return sorted(str(address) for addresses in own for address in addresses)


def pairs(objects: list[Object]) -> Iterator[tuple[str, str]]:
    """Each pod with each, itself too, with its loopback addresses, and with addresses outside in both directions."""
    names = pod_names(objects)
    yield from product(names, names)
    yield from product(names, (*ADDRESSES, *LOOPBACK))
    yield from product(ADDRESSES, names)
