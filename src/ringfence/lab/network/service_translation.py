"""Service translation: cluster addresses rewritten to pods on every node, as kube-proxy does.

A table of its own, apart from the policies: their programs see connections after translation, as in a real cluster. One
lookup finds the chain of a Service port, which picks one backend at random; a pod that reaches itself through its own
Service is masqueraded, because it would otherwise answer itself directly.

Source: kube-proxy's nftables mode (KEP-3866).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

from ringfence.errors import LaboratoryError
from ringfence.lab.network.topology import IPAddress, LabBackend, LabServicePort, Topology

TABLE: Final = "inet ringfence-services"


def translate(topology: Topology) -> None:
    """Have the kernel translate all Services, in the calling thread's network namespace.

    Raises LaboratoryError if nft is missing or refuses.
    """
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft is None:
        raise LaboratoryError(
            "the program nft is missing: install the package nftables "
            "(apt install nftables, dnf install nftables, apk add nftables)"
        )
    done = subprocess.run([nft, "-f", "-"], input=ruleset(topology), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaboratoryError(f"Services cannot be translated: nft says: {done.stderr.strip()}")


def ruleset(topology: Topology) -> str:
    """The table for all Services, as commands for nft that replace it in one transaction."""
    return "\n".join(_commands(topology)) + "\n"


def _commands(topology: Topology) -> Iterator[str]:
    yield f"add table {TABLE}"
    yield f"delete table {TABLE}"
    yield f"add table {TABLE}"
    for version, family in _NFT_FAMILY.items():
        yield f"add map {TABLE} services{version} {{ type {family}_addr . inet_proto . inet_service : verdict; }}"
        yield f"add set {TABLE} themselves{version} {{ type {family}_addr . {family}_addr; }}"
    for number, (port, address) in enumerate(_translated(topology)):
        backends = [backend for backend in port.backends if backend.address.version == address.version]
        yield f"add chain {TABLE} service{number}"
        yield f"add rule {TABLE} service{number} {_translation(port, backends)}"
        key = f"{address} . {port.port.protocol.lower()} . {port.port.number}"
        yield f"add element {TABLE} services{address.version} {{ {key} : goto service{number} }}"
    for pod in topology.networked_pods():
        for ip in pod.addresses:
            yield f"add element {TABLE} themselves{ip.version} {{ {ip} . {ip} }}"
    yield from _hooks()


def _translated(topology: Topology) -> Iterator[tuple[LabServicePort, IPAddress]]:
    """Every port of every cluster address that has something behind it in its family."""
    for service in topology.services:
        for address in service.addresses:
            for port in service.ports:
                if any(backend.address.version == address.version for backend in port.backends):
                    yield port, address


def _translation(port: LabServicePort, backends: list[LabBackend]) -> str:
    family = "ip" if backends[0].address.version == 4 else "ip6"
    choices = ", ".join(f"{i} : {backend.address} . {backend.port}" for i, backend in enumerate(backends))
    pick = f"numgen random mod {len(backends)} map {{ {choices} }}"
    return f"meta l4proto {port.port.protocol.lower()} dnat {family} to {pick}"


def _hooks() -> Iterator[str]:
    for hook in ("prerouting", "output"):
        yield f"add chain {TABLE} {hook} {{ type nat hook {hook} priority -100; }}"
        for version, family in _NFT_HEADER.items():
            yield f"add rule {TABLE} {hook} {family} daddr . meta l4proto . th dport vmap @services{version}"
    yield f"add chain {TABLE} postrouting {{ type nat hook postrouting priority 100; }}"
    for version, family in _NFT_HEADER.items():
        yield f"add rule {TABLE} postrouting {family} saddr . {family} daddr @themselves{version} masquerade"


_NFT_FAMILY: Final = {4: "ipv4", 6: "ipv6"}
_NFT_HEADER: Final = {4: "ip", 6: "ip6"}
