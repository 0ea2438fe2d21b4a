"""Whether packets between this node's pods pass the forward and input hooks, where the agent filters them.

Sources: `Documentation/networking/ip-sysctl.rst` and `net/bridge/br_netfilter_hooks.c` of the kernel;
kubernetes.io, "Virtual IPs and Service Proxies".
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def translates_with_ipvs(root: Path = ROOT) -> bool:
    """Whether IPVS translates Services: packets to a Service's pods then bypass the forward hook."""
    try:
        lines = (root / "proc/net/ip_vs").read_text().splitlines()
    except OSError:  # the module ip_vs is not loaded
        return False
    return any(line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")) for line in lines)


def unfiltered_bridges(root: Path = ROOT) -> list[str]:
    """The names of bridges whose frames the kernel does not pass to packet filters.

    Pods on such a bridge reach each other whatever any policy says.
    """
    return sorted(_bridges(root)) if not _bridged_packets_are_filtered(root) else []


def _bridges(root: Path) -> Iterator[str]:
    """The bridges with several ports: a bridge with one port connects nothing."""
    for ports in (root / "sys/class/net").glob("*/brif"):
        try:
            count = sum(1 for _ in ports.iterdir())
        except OSError:  # the bridge was deleted meanwhile
            continue
        if count > 1:
            yield ports.parent.name


def _bridged_packets_are_filtered(root: Path) -> bool:
    settings = (root / "proc/sys/net/bridge" / f"bridge-nf-call-{tables}" for tables in ("iptables", "ip6tables"))
    try:
        return all(setting.read_text().strip() == "1" for setting in settings)
    except OSError:  # the module br_netfilter is not loaded
        return False
