"""Detects rules of other programs that exempt packets from connection tracking.

Source: nft(8), "NOTRACK STATEMENT"; iptables-extensions(8), "CT", which iptables-nft writes as a target.
"""

from typing import Final

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.requests import message_type
from ringfence.netlink.codec import string
from ringfence.netlink.constants import NFGENMSG_SIZE
from ringfence.netlink.socket import NetlinkSocket

NFTA_TARGET_NAME: Final = 1
"""Source: `<linux/netfilter/nf_tables_compat.h>`."""

_EVERY_FAMILY: Final = bytes(NFGENMSG_SIZE)
_SIGNS: Final = (string(nf.NFTA_EXPR_NAME, "notrack"), string(NFTA_TARGET_NAME, "CT"))


def exempts_from_tracking(netlink: NetlinkSocket) -> bool:
    """Whether an nftables rule may exempt packets from tracking. Rules of iptables-legacy are not found.

    Raises OSError if the kernel refuses.
    """
    rules = netlink.dump(message_type(nf.NFT_MSG_GETRULE), _EVERY_FAMILY)
    # Searched as bytes, because rules of other programs may have any form. A match in a comment only has the effect
    # that connections are adopted without need.
    return any(sign in rule for rule in rules for sign in _SIGNS)
