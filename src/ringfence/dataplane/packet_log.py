"""The packet log: denied packets, and on which side they were denied."""

import errno
from enum import Enum
from typing import Final, NamedTuple

from ringfence.dataplane.packet_headers import read_packet
from ringfence.dataplane.program import CLOSED_PREFIX, DENIED_PREFIX, HELD_PREFIX, SPOOFED_PREFIX, Packet
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.netlink.packet_log import LogGroup, PacketCopy

_REMEDIES: Final = {
    errno.EPERM: "another program listens to it: choose another --log-group",
    errno.EINVAL: "this kernel has no packet log: load the module nfnetlink_log",
}
"""The meaning of the kernel's refusals. EPERM is not a missing right: the process was able to set up the rules."""


class DenialCause(Enum):
    """Why a packet was denied."""

    POLICY = "policy"
    """The policies of the pod on that side do not allow it."""
    UNKNOWN_POD = "unknown pod"
    """The pod on that side was not known yet."""
    CLOSED = "closed"
    """The pod on that side is closed because its policies are not in force at present."""
    SOURCE = "source"
    """Its source address does not belong to the link over which it came from a pod."""


_SIDES: Final = {
    # A wrong source address is the doing of the pod that sends.
    SPOOFED_PREFIX: (Direction.EGRESS, DenialCause.SOURCE),
    **{prefix: (direction, DenialCause.POLICY) for direction, prefix in DENIED_PREFIX.items()},
    **{prefix: (direction, DenialCause.CLOSED) for direction, prefix in CLOSED_PREFIX.items()},
    **{prefix: (direction, DenialCause.UNKNOWN_POD) for direction, prefix in HELD_PREFIX.items()},
}


class LoggedPacket(NamedTuple):
    """A denied packet, the direction in which it was denied, and the cause."""

    packet: Packet
    direction: Direction
    cause: DenialCause = DenialCause.POLICY


class PacketLog:
    """Listens to a log group in the network namespace of the thread that creates it."""

    def __init__(self, group: int) -> None:
        """Raises KernelError if the kernel has no packet log, or if another process listens to the group."""
        try:
            self._group = LogGroup(group)
        except OSError as error:
            code = error.errno or 0
            what = f"the log group {group} of the kernel cannot be used"
            raise KernelError(f"{what}: {_REMEDIES.get(code, error.strerror or str(error))}", code) from error

    @property
    def lost(self) -> int:
        """How many packets were lost because too many arrived at once."""
        return self._group.lost

    def wait(self, seconds: float | None = None) -> list[LoggedPacket] | None:
        """Wait for packets. Returns None when the log was closed.

        The list is empty if none arrive within `seconds`, or if so many arrive at once that some are lost. Raises
        KernelError if the log can no longer be read.
        """
        try:
            copies = self._group.wait(seconds)
        except OSError as error:
            code = error.errno or 0
            raise KernelError(f"the packet log cannot be read: {error.strerror or error}", code) from error
        if copies is None:
            return None
        return [logged for copy in copies if (logged := read_logged(copy))]

    def close(self) -> None:
        """Stop listening, and wake a thread that waits for packets."""
        self._group.close()


def read_logged(copy: PacketCopy) -> LoggedPacket | None:
    """Decode a copy; None if a rule of another program made it, or if its packet cannot be read."""
    side = _SIDES.get(copy.prefix)
    packet = read_packet(copy.content)
    return LoggedPacket(packet, *side) if packet and side else None
