"""Constants of all netlink protocols, with the names that the kernel uses.

Source: `<linux/netlink.h>`, and `<linux/netfilter/nfnetlink.h>` for the subsystems of netfilter.
"""

from typing import Final

NETLINK_ROUTE: Final = 0
NETLINK_NETFILTER: Final = 12

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
"""A flag of answers: the listed objects changed during the dump, so entries may be missing or repeated."""

NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLM_F_DUMP: Final = 0x300

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3

NLMSGERR_ATTR_MSG: Final = 1
"""The attribute of an error message with the kernel's explanation as text."""

NLA_F_NESTED: Final = 0x8000
NLA_TYPE_MASK: Final = 0x3FFF

SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NETLINK_DROP_MEMBERSHIP: Final = 2
NETLINK_CAP_ACK: Final = 10
NETLINK_EXT_ACK: Final = 11
NETLINK_GET_STRICT_CHK: Final = 12

NFNL_SUBSYS_CTNETLINK: Final = 1
NFNL_SUBSYS_ULOG: Final = 4
NFNL_SUBSYS_NFTABLES: Final = 10

NFGENMSG_SIZE: Final = 4
"""Bytes of `struct nfgenmsg`, the first part of each netfilter message: family, version, resource id."""
