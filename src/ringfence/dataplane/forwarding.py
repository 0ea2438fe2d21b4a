"""Settings of the node with which packets of pods bypass the forward and input hooks, where the agent filters them.

Sources: `Documentation/networking/ip-sysctl.rst` and `net/bridge/br_netfilter_hooks.c` of the kernel;
kubernetes.io, "Virtual IPs and Service Proxies".
"""

from pathlib import Path

from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import list_bridges
from ringfence.netlink.socket import NetlinkSocket

ROOT = Path("/")


def translates_with_ipvs(root: Path = ROOT) -> bool:
    """Whether IPVS has virtual services. Packets to the pods behind a Service then bypass the forward hook."""
    try:
        lines = (root / "proc/net/ip_vs").read_text().splitlines()
    except OSError:  # the module ip_vs is not loaded
        return False
    return any(line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")) for line in lines)


def unfiltered_bridges(root: Path = ROOT) -> list[str]:
    """The names of bridges whose IPv4 or IPv6 packets do not pass the packet filters.

    Pods on such a bridge reach each other independently of policies. Bridges with fewer than two ports are left out,
    because they connect no pods to each other. Raises OSError if the kernel refuses to list its interfaces.
    """
    ipv4, ipv6 = (_is_on(root, f"bridge-nf-call-{tables}") for tables in ("iptables", "ip6tables"))
    # By netlink and not from /sys, which may show another network namespace than that of the agent.
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        bridges = list_bridges(netlink)
    return sorted(
        # One of the two settings is enough (br_nf_pre_routing()).
        bridge.name
        for bridge in bridges
        if bridge.ports > 1 and not ((ipv4 or bridge.filters_ipv4) and (ipv6 or bridge.filters_ipv6))
    )


def follows_source_routes(root: Path = ROOT) -> bool:
    """Whether the node follows IPv4 source routes.

    The forward hook then sees such a packet with the node as its destination. The kernel replaces the destination by
    the pod's address only afterwards (ip_forward_options()), so no ingress policy of the pod applies.
    """
    try:
        # An interface follows source routes only if `all` allows it, too: IN_DEV_SOURCE_ROUTE() is an AND of both
        # settings.
        return (root / "proc/sys/net/ipv4/conf/all/accept_source_route").read_text().strip() == "1"
    except OSError:  # the kernel has no IPv4
        return False


def _is_on(root: Path, setting: str) -> bool:
    try:
        return (root / "proc/sys/net/bridge" / setting).read_text().strip() == "1"
    except OSError:  # the module br_netfilter is not loaded
        return False
