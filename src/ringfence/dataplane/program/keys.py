"""Keys of elements as the kernel stores them: in network byte order, each part of a concatenation padded to four bytes.

So programs can be compared, sent and read back without translation.

Source: nft(8), "DATA TYPES" and "CONCATENATIONS"; include/datatype.h of nftables, for the numbers of data types.
"""

import socket
import sys
from enum import Enum
from typing import Final

from ringfence.sets.addresses import FAMILIES, Family


class KeyPart(Enum):
    """One part of a key: its length in bytes, and the number that nft gives to its data type."""

    ADDRESS_4 = (4, 7)
    """`ipv4_addr`"""
    ADDRESS_6 = (16, 8)
    """`ipv6_addr`"""
    PROTOCOL = (1, 12)
    """`inet_proto`"""
    PORT = (2, 13)
    """`inet_service`"""
    CONNECTION = (4, 4)
    """`ct id`: any number in the machine's byte order"""
    FAMILY = (1, 2)
    """`nf_proto`: the address family of the packet"""
    LINK = (4, 20)
    """`iface_index`: the number of a network interface, in the machine's byte order"""
    CLASS = (16, 9)
    """The identifier of a class of addresses or of ports. nft has no type for it: it is listed byte by byte."""
    GROUP = (4, 19)
    """The number of a group of addresses, which nft lists like a packet mark."""
    PEER_CLASS = (4, 9)
    """The number of a class of groups. nft has no type for it: it is listed byte by byte."""
    HARDWARE = (6, 9)
    """`ether_addr`"""
    FRAME_TYPE = (2, 10)
    """`ether_type`"""
    ICMPV6_TYPE = (1, 29)
    """`icmpv6_type`"""

    def __init__(self, length: int, code: int) -> None:
        self.length = length
        self.code = code


_FAMILY_NUMBERS: Final = {Family.IPV4: int(socket.AF_INET), Family.IPV6: int(socket.AF_INET6)}

Key = tuple[KeyPart, ...]
"""The parts of an element's key."""

ADDRESS: Final[dict[Family, Key]] = {Family.IPV4: (KeyPart.ADDRESS_4,), Family.IPV6: (KeyPart.ADDRESS_6,)}
ADDRESS_PAIR: Final[dict[Family, Key]] = {family: ADDRESS[family] * 2 for family in FAMILIES}
FLOW: Final[dict[Family, Key]] = {family: (*ADDRESS[family], KeyPart.PROTOCOL, KeyPart.PORT) for family in FAMILIES}
PORT: Final[Key] = (KeyPart.PORT,)
TRAFFIC: Final[Key] = (KeyPart.PROTOCOL, KeyPart.PORT)
CLASS_TRAFFIC: Final[Key] = (KeyPart.CLASS, *TRAFFIC)
CLASS_ADDRESS: Final[dict[Family, Key]] = {family: (KeyPart.CLASS, *ADDRESS[family]) for family in FAMILIES}
PEER_GROUP: Final[Key] = (KeyPart.GROUP,)
PEER_CLASS: Final[Key] = (KeyPart.PEER_CLASS,)
CONNECTION: Final[Key] = (KeyPart.CONNECTION,)
PACKET_FAMILY: Final[Key] = (KeyPart.FAMILY,)
LINK: Final[Key] = (KeyPart.LINK,)
HARDWARE: Final[Key] = (KeyPart.HARDWARE,)
LINK_ADDRESS: Final[dict[Family, Key]] = {family: LINK + ADDRESS[family] for family in FAMILIES}
LINK_HARDWARE: Final[Key] = LINK + HARDWARE
LINK_SENDER: Final[Key] = LINK_HARDWARE + ADDRESS[Family.IPV4]
FRAME_TYPE: Final[Key] = (KeyPart.FRAME_TYPE,)
ICMPV6_TYPE: Final[Key] = (KeyPart.ICMPV6_TYPE,)


def address_key(family: Family, number: int) -> bytes:
    """The key of an address."""
    return number.to_bytes(4 if family is Family.IPV4 else 16, "big")


def port_key(port: int) -> bytes:
    """The key of a port."""
    return port.to_bytes(2, "big")


def traffic_key(protocol: int, port: int) -> bytes:
    """The key of a protocol number and a port together."""
    return b"%c\0\0\0%b\0\0" % (protocol, port.to_bytes(2, "big"))


def flow_key(address: bytes, protocol: int, port: int) -> bytes:
    """The key of an address, a protocol number and a port together."""
    return address + traffic_key(protocol, port)


def family_key(family: Family) -> bytes:
    """The key of the address family of packets: AF_INET or AF_INET6."""
    return bytes([_FAMILY_NUMBERS[family]])


def link_key(index: int) -> bytes:
    """The key of a network interface."""
    return index.to_bytes(4, sys.byteorder)


def read_link_address(key: bytes) -> tuple[int, int]:
    """The number of the network interface and that of the address in a key of both."""
    return int.from_bytes(key[:4], sys.byteorder), int.from_bytes(key[4:], "big")


def link_hardware_key(index: int, hardware_address: bytes) -> bytes:
    """The key of a network interface and a hardware address together."""
    return link_key(index) + hardware_address + bytes(2)  # 6 bytes are padded to 8


def link_sender_key(index: int, hardware_address: bytes, address: int) -> bytes:
    """The key of a network interface, a hardware address and an IPv4 address together."""
    return link_hardware_key(index, hardware_address) + address_key(Family.IPV4, address)


def read_link_hardware(key: bytes) -> tuple[int, bytes]:
    """The number of the network interface and the hardware address in a key of both."""
    return int.from_bytes(key[:4], sys.byteorder), key[4:10]


FIRST_INTERIM_GROUP: Final = 1 << 31
"""The first number of interim groups, for addresses that move from one group to another."""


def group_name(number: int) -> str:
    """The name of the group of addresses with a number."""
    return f"{number:08x}"


def group_key(name: str) -> bytes:
    """The key of a group of addresses, whose name is its number in hexadecimal digits."""
    return bytes.fromhex(name)


def read_group(key: bytes) -> str:
    """The name of the group of addresses with a key."""
    return key.hex()


def peer_class_key(name: str) -> bytes:
    """The key of a class of groups, whose name is its number in hexadecimal digits."""
    return bytes.fromhex(name)


def read_peer_class(key: bytes) -> str:
    """The name of the class of groups with a key."""
    return key.hex()


MEMBER_VALUE: Final = 8
"""The length in bytes of the values of maps that give groups or classes (`nftables.rule_encoding.encode_action`)."""


def member_value(name: str) -> bytes:
    """A group of addresses, or a class of groups, as the value of a map: four zeros, and its number."""
    return bytes(4) + bytes.fromhex(name)


def read_member_value(value: bytes) -> str:
    """The name of the group or the class in the value of a map."""
    return value[4:].hex()


def connection_key(identifier: int) -> bytes:
    """The key of the identifier of a tracked connection."""
    # These are the bytes of CTA_ID, as `ct id` loads them into a register.
    return identifier.to_bytes(4, "big")
