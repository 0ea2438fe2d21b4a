"""One network namespace of the laboratory, held open by a file descriptor and nothing else."""

import errno
import os
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import (
    NamespaceKind,
    in_network_namespace,
    open_network_namespace,
    returning_to_network_namespace,
    unshare,
)
from ringfence.netlink.links import operational_links
from ringfence.netlink.requests import NetworkRequest, send_requests

# Links get numbers that the kernel does not give to interfaces of its own, which count from 1.
_FIRST_LINK: Final = 1000
_LINK_TIMEOUT: Final = 10.0
_LINK_POLL_INTERVAL: Final = 0.001

HOST_SETTINGS: Final[Mapping[str, str]] = {
    # No link-local address: the kernel would check for seconds whether it is unique, and announce it.
    "net/ipv6/conf/default/addr_gen_mode": "1",
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    # By default the kernel sends a host at most one ICMP error a second; programs in pods should see every one.
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv4/icmp_ratelimit": "0",
}
"""The kernel settings of pods and of the hosts outside the cluster."""

ROUTER_SETTINGS: Final[Mapping[str, str]] = {
    # First, because changing it resets most other settings to the defaults of hosts or of routers
    # (Documentation/networking/ip-sysctl.rst).
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    **HOST_SETTINGS,
    # New namespaces inherit the machine's IPv4 settings (net.core.devconf_inherit_init_net): distributions differ.
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
"""The kernel settings of nodes and of the fabric between them."""


class NetworkStack:
    """A network namespace, and the numbers of the links below it that are in use."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Create the namespace; the calling thread is in it afterwards."""
        unshare(NamespaceKind.NETWORK)
        self.descriptor = open_network_namespace()
        _write_settings(settings)
        self._last_link = _FIRST_LINK

    def new_link_number(self) -> int:
        """A number for another link below."""
        self._last_link += 1
        return self._last_link

    def send(self, requests: Iterable[NetworkRequest]) -> None:
        """Have the kernel carry out requests in this namespace. Raises OSError for the first one that is refused."""
        with in_network_namespace(self.descriptor):
            send_requests(requests)

    def wait_for_links(self, numbers: set[int]) -> None:
        """Wait until links carry packets. Raises TimeoutError if they do not within 10 s.

        The kernel sets links up in a deferred work item (net/core/link_watch.c); until then they drop packets.
        """
        deadline = time.monotonic() + _LINK_TIMEOUT
        with in_network_namespace(self.descriptor):
            while numbers - operational_links():
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "links do not come up")
                time.sleep(_LINK_POLL_INTERVAL)

    def close(self) -> None:
        """Release the namespace; the kernel removes it once the sockets in it are closed, too."""
        os.close(self.descriptor)


def create_stacks(names: Iterable[str], settings: Mapping[str, str]) -> dict[str, NetworkStack]:
    """New namespaces by name; the calling thread stays in its own."""
    with returning_to_network_namespace():
        return {name: NetworkStack(settings) for name in names}


@cache
def is_supported(version: int) -> bool:
    """Whether the kernel runs IPv4 or IPv6 at all: a machine may have been started with `ipv6.disable=1`."""
    return Path(f"/proc/sys/net/ipv{version}").is_dir()


def _write_settings(settings: Mapping[str, str]) -> None:
    """Write kernel settings of the calling thread's network namespace."""
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
