"""One network namespace of the laboratory, held open by a file descriptor and nothing else."""

import errno
import os
import time
from collections.abc import Callable, Iterable
from typing import Final

from ringfence.lab.network.kernel_settings import Settings, is_supported, write_settings
from ringfence.lab.network.linux import (
    NamespaceKind,
    in_network_namespace,
    open_network_namespace,
    returning_to_network_namespace,
    unshare,
)
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import operational_links
from ringfence.netlink.requests import IPAddress, NetworkRequest, send_requests
from ringfence.netlink.routes import delivers_here
from ringfence.netlink.socket import NetlinkSocket

# Links get numbers that the kernel does not give to interfaces of its own, which count from 1.
_FIRST_LINK: Final = 1000
_TIMEOUT: Final = 10.0
_POLL_INTERVAL: Final = 0.001


class NetworkStack:
    """A network namespace, and the numbers of the links below it that are in use."""

    def __init__(self, settings: Settings) -> None:
        """Create the namespace; the calling thread is in it afterwards."""
        unshare(NamespaceKind.NETWORK)
        self.descriptor = open_network_namespace()
        write_settings(settings)
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
        with in_network_namespace(self.descriptor):
            _wait(lambda: numbers <= operational_links(), "links do not come up")

    def wait_for_addresses(self, addresses: Iterable[IPAddress]) -> None:
        """Wait until packets to addresses of this namespace are delivered. Raises TimeoutError if not within 10 s."""
        # The kernel has IPv4 addresses in use when it answers the request to add them.
        if waiting := [ip for ip in addresses if ip.version == 6 and is_supported(6)]:
            with in_network_namespace(self.descriptor), NetlinkSocket(NETLINK_ROUTE) as netlink:
                _wait(lambda: all(delivers_here(netlink, ip) for ip in waiting), "addresses do not come into use")

    def close(self) -> None:
        """Release the namespace; the kernel removes it once the sockets in it are closed, too."""
        os.close(self.descriptor)


def _wait(holds: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, failure)
        time.sleep(_POLL_INTERVAL)


def create_stacks(names: Iterable[str], settings: Settings) -> dict[str, NetworkStack]:
    """New namespaces by name; the calling thread stays in its own."""
    with returning_to_network_namespace():
        return {name: NetworkStack(settings) for name in names}
