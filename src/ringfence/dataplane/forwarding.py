"""Whether packets between this node's pods pass the forward and input hooks as they are, where the agent filters them.

Sources: `Documentation/networking/ip-sysctl.rst` and `net/bridge/br_netfilter_hooks.c` of the kernel;
kubernetes.io, "Virtual IPs and Service Proxies".
"""

from pathlib import Path

from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import list_bridges
from ringfence.netlink.socket import NetlinkSocket

ROOT = Path("/")


def translates_with_ipvs(root: Path = ROOT) -> bool:
    """Whether IPVS translates Services: packets to a Service's pods then bypass the forward hook."""
    try:
        lines = (root / "proc/net/ip_vs").read_text().splitlines()
    except OSError:  # the module ip_vs is not loaded
        return False
    return any(line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")) for line in lines)


def unfiltered_bridges(root: Path = ROOT) -> list[str]:
    """The names of bridges whose frames the kernel does not pass to packet filters, over IPv4 or over IPv6.

    Pods on such a bridge reach each other whatever any policy says. A bridge with one port connects nothing. Raises
    OSError where the kernel does not list its interfaces.
    """
    ipv4, ipv6 = (_is_on(root, f"bridge-nf-call-{tables}") for tables in ("iptables", "ip6tables"))
    # Asked by netlink, because /sys may be that of another network namespace than the agent's.
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        bridges = list_bridges(netlink)
    return sorted(
        bridge.name
        for bridge in bridges
        if bridge.ports > 1 and not ((ipv4 or bridge.filters_ipv4) and (ipv6 or bridge.filters_ipv6))
    )


def follows_source_routes(root: Path = ROOT) -> bool:
    """Whether the sender of an IPv4 packet may say by which nodes it goes.

    The forward hook then sees such a packet with the node as its destination, and the kernel replaces that by the pod
    to which it goes on afterwards (ip_forward_options()), so that no ingress policy of the pod is asked.
    """
    try:
        return (root / "proc/sys/net/ipv4/conf/all/accept_source_route").read_text().strip() == "1"
    except OSError:  # the kernel has no IPv4
        return False


def _is_on(root: Path, setting: str) -> bool:
    try:
        return (root / "proc/sys/net/bridge" / setting).read_text().strip() == "1"
    except OSError:  # the module br_netfilter is not loaded
        return False
