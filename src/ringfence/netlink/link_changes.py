"""Changes of the links of this network namespace, as the kernel reports them when they happen.

Source: rtnetlink(7); `<linux/rtnetlink.h>`.
"""

import errno
from typing import Final

from ringfence.netlink.codec import decode_messages
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import IFINFOMSG, RTM_DELLINK
from ringfence.netlink.socket import NetlinkSocket

_RTNLGRP_LINK: Final = 1
_RTNLGRP_IPV4_IFADDR: Final = 5
_RTNLGRP_IPV6_IFADDR: Final = 9


class LinkChanges:
    """Listens in the network namespace in which the calling thread is when this is made: to links and addresses."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has no netlink."""
        self._netlink = NetlinkSocket(NETLINK_ROUTE)
        for group in (_RTNLGRP_LINK, _RTNLGRP_IPV4_IFADDR, _RTNLGRP_IPV6_IFADDR):
            self._netlink.join(group)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def fileno(self) -> int:
        """The file descriptor that can be read when something has changed: time for `take_removed`."""
        return self._netlink.fileno()

    def take_removed(self) -> frozenset[int]:
        """Forget what was reported so far, except for the numbers of the interfaces that were removed.

        Their numbers can belong to others by now. If so much was reported that some of it was lost, some are missing.
        """
        removed: set[int] = set()
        while True:
            try:
                received = self._netlink.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue
            if received is None:
                return frozenset(removed)
            for message in decode_messages(received):
                if message.type == RTM_DELLINK:
                    removed.add(IFINFOMSG.unpack_from(message.body)[2])
