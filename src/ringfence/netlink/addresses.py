"""The addresses of the node itself, from the kernel.

What the node opens is subject to no policy, and this is how it is told from what it forwards.

Source: rtnetlink(7).
"""

from typing import Final

from ringfence.netlink.messages import NetlinkSocket, attributes
from ringfence.sets import intervals
from ringfence.sets.addresses import Addresses, Family

_GET_ADDRESS: Final = 22
_HEADER_SIZE: Final = 8
_ADDRESS, _LOCAL = 1, 2
_FAMILIES: Final = {2: Family.IPV4, 10: Family.IPV6}


def list_addresses(conversation: NetlinkSocket) -> Addresses:
    """All addresses of all interfaces. Raises OSError where the kernel refuses."""
    found: dict[Family, list[tuple[int, int]]] = {family: [] for family in Family}
    for body in conversation.dump(_GET_ADDRESS, bytes(_HEADER_SIZE)):
        settings = attributes(body[_HEADER_SIZE:])
        address = settings.get(_LOCAL) or settings.get(_ADDRESS)
        if address and body[0] in _FAMILIES:
            number = int.from_bytes(address, "big")
            found[_FAMILIES[body[0]]].append((number, number))
    return Addresses(intervals.normalise(found[Family.IPV4]), intervals.normalise(found[Family.IPV6]))
