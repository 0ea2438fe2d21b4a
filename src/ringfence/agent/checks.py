"""Whether the node is one where a packet filter in the forward and input hooks sees what pods say to each other.

Sources: `Documentation/networking/ip-sysctl.rst` and `net/bridge/br_netfilter_hooks.c` of the kernel;
kubernetes.io, "Virtual IPs and Service Proxies".
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def translates_with_ipvs(root: Path = ROOT) -> bool:
    """Whether Services are translated by IPVS: behind it, packets to pods never meet the forward hook."""
    try:
        lines = (root / "proc/net/ip_vs").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")) for line in lines)


def bridges_past_filters(root: Path = ROOT) -> list[str]:
    """The bridges with ports on them whose frames the kernel does not show to packet filters, by name.

    Pods on such a bridge reach each other whatever any policy says.
    """
    return sorted(_bridges(root)) if not _bridged_packets_are_filtered(root) else []


def _bridges(root: Path) -> Iterator[str]:
    for ports in (root / "sys/class/net").glob("*/brif"):
        if sum(1 for _ in ports.iterdir()) > 1:
            yield ports.parent.name


def _bridged_packets_are_filtered(root: Path) -> bool:
    settings = (root / "proc/sys/net/bridge" / f"bridge-nf-call-{tables}" for tables in ("iptables", "ip6tables"))
    try:
        return all(setting.read_text().strip() == "1" for setting in settings)
    except OSError:  # the module br_netfilter is not loaded
        return False
