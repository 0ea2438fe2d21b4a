"""The kernel settings (sysctl) of the namespaces of a laboratory.

Source: `Documentation/networking/ip-sysctl.rst` of the kernel.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from ringfence.errors import LaboratoryError
from ringfence.lab.network.pod_network import NodeNetwork, ReversePathFilter

Settings = Mapping[str, str]
"""Values by name, which is a path below /proc/sys."""

_HOST: Final = {
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    # By default the kernel sends a host at most one ICMP error a second; programs in pods should see every one.
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv4/icmp_ratelimit": "0",
}
_NO_LINK_LOCAL_ADDRESSES: Final = {"net/ipv6/conf/default/addr_gen_mode": "1"}
_LINK_LOCAL_ADDRESSES: Final = {
    "net/ipv6/conf/default/addr_gen_mode": "0",
    # Use the address at once: by default the kernel first checks for one or two seconds whether it is unique.
    "net/ipv6/conf/default/accept_dad": "0",
    # Announce new addresses to neighbours, as the network plugins do (gratuitous ARP).
    "net/ipv4/conf/default/arp_notify": "1",
    "net/ipv6/conf/default/ndisc_notify": "1",
}
_ROUTER: Final = {
    # First, because changing it resets most other settings to the defaults of hosts or of routers.
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    **_HOST,
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
_REVERSE_PATH_FILTER: Final = {
    ReversePathFilter.OFF: "0",
    ReversePathFilter.STRICT: "1",
    ReversePathFilter.LOOSE: "2",
}


def pod_settings(network: NodeNetwork) -> Settings:
    """The settings of a pod."""
    return {**_HOST, **_link_local(network)}


def node_settings(network: NodeNetwork) -> Settings:
    """The settings of a node. Raises LaboratoryError if the kernel does not have one of them."""
    return {**_ROUTER, **_link_local(network), **_filtering(network.rp_filter), **_bridging(network)}


def outside_settings() -> Settings:
    """The settings of the hosts outside the cluster."""
    return {**_HOST, **_NO_LINK_LOCAL_ADDRESSES}


def fabric_settings() -> Settings:
    """The settings of the network between the nodes."""
    return {**_ROUTER, **_NO_LINK_LOCAL_ADDRESSES, **_filtering(ReversePathFilter.OFF)}


@cache
def is_supported(version: int) -> bool:
    """Whether the kernel runs IPv4 or IPv6 at all: a machine may have been started with `ipv6.disable=1`."""
    return Path(f"/proc/sys/net/ipv{version}").is_dir()


def write_settings(settings: Settings) -> None:
    """Write kernel settings of the calling thread's network namespace. Raises LaboratoryError with the remedy."""
    for name, value in settings.items():
        if "ipv6" in name and not is_supported(6):
            continue
        try:
            Path("/proc/sys", name).write_text(value)
        except OSError as error:
            raise LaboratoryError(
                f"the kernel setting {name} cannot be written: {error.strerror}: in a container, allow it "
                "(docker run --security-opt systempaths=unconfined)"
            ) from error


def _link_local(network: NodeNetwork) -> Settings:
    return _LINK_LOCAL_ADDRESSES if network.kind.has_link_local_addresses else _NO_LINK_LOCAL_ADDRESSES


def _filtering(rp_filter: ReversePathFilter) -> Settings:
    """Written explicitly, because new namespaces inherit the machine's IPv4 settings, in which distributions differ.

    Source: net.core.devconf_inherit_init_net in `Documentation/admin-guide/sysctl/net.rst`.
    """
    value = _REVERSE_PATH_FILTER[rp_filter]
    return {"net/ipv4/conf/all/rp_filter": value, "net/ipv4/conf/default/rp_filter": value}


def _bridging(network: NodeNetwork) -> Settings:
    """Since Linux 5.3 each network namespace has these settings of its own, user namespaces included."""
    if not network.kind.has_bridges:
        return {}
    exists = Path("/proc/sys/net/bridge").is_dir()
    if not exists and network.br_netfilter:
        raise LaboratoryError(
            f"the pod network {network.kind} needs the kernel module br_netfilter (Linux 5.3 or newer), without "
            "which packets between pods on one bridge bypass the policies: load it (sudo modprobe br_netfilter), or "
            "build the laboratory without it (--br-netfilter off)"
        )
    value = "1" if network.br_netfilter else "0"
    return {f"net/bridge/bridge-nf-call-{tables}": value for tables in ("iptables", "ip6tables")} if exists else {}
