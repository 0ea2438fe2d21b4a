"""Changes of the links of this network namespace, as the kernel reports them.

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
    """Listens to changes of links and addresses in the network namespace of the thread that creates it."""

    def __init__(self) -> None:
        """Raises OSError if the kernel has no netlink."""
        self._netlink = NetlinkSocket(NETLINK_ROUTE)
        for group in (_RTNLGRP_LINK, _RTNLGRP_IPV4_IFADDR, _RTNLGRP_IPV6_IFADDR):
            self._netlink.join(group)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def fileno(self) -> int:
        """A file descriptor that is readable when something has changed. Then call `take_removed`."""
        return self._netlink.fileno()

    def take_removed(self) -> frozenset[int] | None:
        """Read all waiting reports. Returns the numbers of the removed interfaces, which new ones may have by now.

        Returns None if the kernel has dropped reports because the buffer was full: any interface may be another one.
        """
        removed: set[int] = set()
        is_complete = True
        while True:
            try:
                received = self._netlink.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                is_complete = False
                continue
            if received is None:
                return frozenset(removed) if is_complete else None
            for message in decode_messages(received):
                if message.type == RTM_DELLINK:
                    removed.add(IFINFOMSG.unpack_from(message.body)[2])
