"""The packet log: denied packets, and which side's policies denied them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import failure
from ringfence.dataplane.packet_headers import read_packet
from ringfence.dataplane.program import DENIED_PREFIX, HELD_PREFIX, Packet
from ringfence.model.policies import Direction
from ringfence.netlink.packet_log import LogGroup, PacketCopy
from ringfence.netlink.socket import NetlinkError

_SIDES: Final = {
    prefix: (direction, held)
    for prefixes, held in ((DENIED_PREFIX, False), (HELD_PREFIX, True))
    for direction, prefix in prefixes.items()
}


class LoggedPacket(NamedTuple):
    """A packet that nothing allowed, and whose policies it was; if `held`, the pod on that side was not known yet."""

    packet: Packet
    direction: Direction
    held: bool


class PacketLog:
    """Listens to a log group, in the network namespace in which the calling thread is when this is made."""

    def __init__(self, group: int) -> None:
        """Raises KernelError where the kernel has no such log, or another process listens to the group."""
        try:
            self._group = LogGroup(group)
        except NetlinkError as error:
            raise failure(
                f"the packet log of group {group} cannot be used: choose another --log-group", error.code, str(error)
            ) from error
        except OSError as error:
            raise failure("the packet log cannot be used", error.errno or 0, error.strerror or "") from error

    def packets(self) -> Iterator[LoggedPacket]:
        """The denied packets, as they come, until the log is closed.

        Raises KernelError when the log cannot be read any longer.
        """
        while (some := self.wait()) is not None:
            yield from some

    def wait(self, seconds: float | None = None) -> list[LoggedPacket] | None:
        """The packets that come next; None when the log was closed.

        The list is empty if none arrive for `seconds`, or if so many arrive at once that some are lost: the counters of
        dropped packets include those. Raises KernelError when the log cannot be read any longer.
        """
        try:
            copies = self._group.wait(seconds)
        except OSError as error:
            raise failure("the packet log cannot be read", error.errno or 0, error.strerror or str(error)) from error
        if copies is None:
            return None
        return [logged for copy in copies if (logged := read_logged(copy))]

    def close(self) -> None:
        """Stop listening; a thread that waits for packets wakes up."""
        self._group.close()


def read_logged(copy: PacketCopy) -> LoggedPacket | None:
    """What a copy says; None if a rule of another program made it, or its packet cannot be read."""
    side = _SIDES.get(copy.prefix)
    packet = read_packet(copy.content)
    return LoggedPacket(packet, *side) if packet and side else None
