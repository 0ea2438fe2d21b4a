"""A fast check that peers and ports of a policy are valid.

A policy can have 40,000 peers or ports, and other objects wait while an agent validates it. Nearly always all of them
are valid, and this check takes a fraction of the time in which `network_policies` finds errors with their paths. An
entry that fails the check may still be valid.
"""

from collections.abc import Callable

from ringfence.model.cidrs import AddressRange, cidr_ranges, plain_cidr_range
from ringfence.model.names import port_name_errors
from ringfence.model.objects import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from ringfence.model.policies import cidrs_of
from ringfence.model.validation.labels import is_plain_selector
from ringfence.sets.addresses import Family
from ringfence.sets.traffic import PROTOCOLS


def is_plain_port(port: NetworkPolicyPort) -> bool:
    """Whether a port is a number, or a name, and valid."""
    number = port.port
    if number is None or port.end_port is not None or port.protocol not in PROTOCOLS:
        return False
    return 0 < number < 65536 if isinstance(number, int) else not port_name_errors(number)


def is_plain_port_or_range(port: NetworkPolicyPort) -> bool:
    """The same, or a range that is valid."""
    number, end = port.port, port.end_port
    if end is None:
        return is_plain_port(port)
    return isinstance(number, int) and 0 < number <= end < 65536 and port.protocol in PROTOCOLS


def plain_peers(policy: NetworkPolicy, *, strict_cidrs: bool) -> Callable[[NetworkPolicyPeer], bool]:
    """The check for a peer of the policy: whether it has valid selectors, or a block with exceptions inside it.

    With `strict_cidrs`, CIDRs must have their usual spelling.
    """
    ranges = {} if strict_cidrs else cidr_ranges(cidrs_of(policy))
    read = plain_cidr_range if strict_cidrs else ranges.get

    def is_plain(peer: NetworkPolicyPeer) -> bool:
        block, pods, namespaces = peer.ip_block, peer.pod_selector, peer.namespace_selector
        if block is not None:
            return pods is None and namespaces is None and _is_plain_block(block, read)
        if pods is None and namespaces is None:
            return False
        return (pods is None or is_plain_selector(pods)) and (namespaces is None or is_plain_selector(namespaces))

    return is_plain


def _is_plain_block(block: IPBlock, read: Callable[[str], AddressRange | None]) -> bool:
    whole = read(block.cidr)
    if whole is None or not block.excepts:
        return whole is not None
    family, (low, high) = whole
    if family is Family.IPV4 and ":" in block.cidr:
        return False  # upstream compares the prefix length of an IPv4-mapped CIDR with others as it is written
    for part in map(read, block.excepts):
        if part is None or part == whole or part[0] is not family or part[1][0] < low or part[1][1] > high:
            return False
    return True
