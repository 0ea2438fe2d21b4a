"""Service translation: cluster addresses rewritten to pods on every node, as kube-proxy does.

A table of its own, apart from the policies' table: their rules see connections after translation, as in a real cluster.
A verdict map finds the chain of a Service port, and the chain picks one backend at random. A pod that reaches itself
through its own Service is masqueraded: otherwise it would answer itself directly, not from the Service's address.

Source: kube-proxy's nftables mode (KEP-3866).
"""

from collections.abc import Iterator
from typing import Final

from ringfence.lab.network.nft import load_ruleset
from ringfence.lab.network.topology import IPAddress, LabBackend, LabServicePort, Topology

TABLE: Final = "inet ringfence-services"


class NodeServices:
    """The Services in the kernel of one node."""

    def __init__(self, namespace: int) -> None:
        """`namespace` is the node's network namespace."""
        self._namespace = namespace
        self._loaded = ""

    def apply(self, wanted: str) -> None:
        """Have the kernel translate Services by a ruleset.

        What is loaded already is not loaded again: starting nft takes longer than the rest of most changes to a
        laboratory. Raises LaboratoryError if nft is missing or refuses.
        """
        if wanted != self._loaded:
            load_ruleset(wanted, self._namespace, "Services")
            self._loaded = wanted


def service_ruleset(topology: Topology) -> str:
    """The table for all Services, as commands for nft that replace it in one transaction."""
    return "\n".join(_commands(topology)) + "\n"


def _commands(topology: Topology) -> Iterator[str]:
    # nft refuses to delete a table that does not exist, so it is added first.
    yield f"add table {TABLE}"
    yield f"delete table {TABLE}"
    yield f"add table {TABLE}"
    for version, family in _NFT_FAMILY.items():
        yield f"add map {TABLE} services{version} {{ type {family}_addr . inet_proto . inet_service : verdict; }}"
        yield f"add set {TABLE} hairpin{version} {{ type {family}_addr . {family}_addr; }}"
    # No name of an object gets into the ruleset: chains have numbers, so that a hostile name cannot add commands.
    for number, (port, address, backends) in enumerate(_translated(topology)):
        yield f"add chain {TABLE} service{number}"
        yield f"add rule {TABLE} service{number} {_translation(port, backends)}"
        key = f"{address} . {port.port.protocol.lower()} . {port.port.number}"
        yield f"add element {TABLE} services{address.version} {{ {key} : goto service{number} }}"
    for pod in topology.networked_pods():
        for ip in pod.addresses:
            yield f"add element {TABLE} hairpin{ip.version} {{ {ip} . {ip} }}"
    yield from _hooks()


def _translated(topology: Topology) -> Iterator[tuple[LabServicePort, IPAddress, list[LabBackend]]]:
    """Every port of every cluster address, with its backends of that family, if there are any."""
    for service in topology.services:
        for address in service.addresses:
            for port in service.ports:
                backends = [backend for backend in port.backends if backend.address.version == address.version]
                if backends:
                    yield port, address, backends


def _translation(port: LabServicePort, backends: list[LabBackend]) -> str:
    family = "ip" if backends[0].address.version == 4 else "ip6"
    choices = ", ".join(f"{i} : {backend.address} . {backend.port}" for i, backend in enumerate(backends))
    # At random, as kube-proxy picks a backend.
    pick = f"numgen random mod {len(backends)} map {{ {choices} }}"
    # The map has matched the protocol already, but nft translates ports only in a rule that names one.
    return f"meta l4proto {port.port.protocol.lower()} dnat {family} to {pick}"


def _hooks() -> Iterator[str]:
    # Connections of programs on the node itself, such as those of hostNetwork pods, pass the output hook. The
    # priorities are those of all NAT (NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC), so policies see translated destinations.
    for hook in ("prerouting", "output"):
        yield f"add chain {TABLE} {hook} {{ type nat hook {hook} priority -100; }}"
        for version, family in _NFT_HEADER.items():
            yield f"add rule {TABLE} {hook} {family} daddr . meta l4proto . th dport vmap @services{version}"
    yield f"add chain {TABLE} postrouting {{ type nat hook postrouting priority 100; }}"
    for version, family in _NFT_HEADER.items():
        yield f"add rule {TABLE} postrouting {family} saddr . {family} daddr @hairpin{version} masquerade"


_NFT_FAMILY: Final = {4: "ipv4", 6: "ipv6"}
_NFT_HEADER: Final = {4: "ip", 6: "ip6"}
