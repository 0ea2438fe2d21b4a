"""Addresses of pods on their links: hardware addresses, and the lengths of their prefixes."""

from hashlib import blake2b
from typing import Final

from ringfence.lab.network.topology import IPAddress, LabNode

_LOCALLY_ADMINISTERED: Final = b"\x02"


def hardware_address(*owner: str) -> bytes:
    """The hardware address of an interface: always the same for the same owner, and of no other one."""
    # `repr` keeps ("a", "bc") and ("ab", "c") apart.
    return _LOCALLY_ADMINISTERED + blake2b(repr(owner).encode(), digest_size=5).digest()


def prefix_length(node: LabNode, ip: IPAddress) -> int:
    """The length of a pod's address: that of its node's range, or the full length if it is in none."""
    return next((network.prefixlen for network in node.pod_ranges if ip in network), ip.max_prefixlen)
