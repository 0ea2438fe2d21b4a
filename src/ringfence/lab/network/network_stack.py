"""One network namespace of the laboratory, held open by a file descriptor and nothing else."""

import errno
import os
import time
from collections.abc import Iterable
from typing import Final

from ringfence.lab.network.kernel_settings import Settings, write_settings
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
        deadline = time.monotonic() + _LINK_TIMEOUT
        with in_network_namespace(self.descriptor):
            while numbers - operational_links():
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "links do not come up")
                time.sleep(_LINK_POLL_INTERVAL)

    def close(self) -> None:
        """Release the namespace; the kernel removes it once the sockets in it are closed, too."""
        os.close(self.descriptor)


def create_stacks(names: Iterable[str], settings: Settings) -> dict[str, NetworkStack]:
    """New namespaces by name; the calling thread stays in its own."""
    with returning_to_network_namespace():
        return {name: NetworkStack(settings) for name in names}
