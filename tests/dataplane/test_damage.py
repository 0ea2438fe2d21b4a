"""Any change that another program makes in the table is detected, and the table is restored.

The nft program reads the restored table: what `read_back` cannot see, it cannot compare.
"""

import re
from collections.abc import Iterable

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables import read_back
from ringfence.dataplane.nftables.elements import Element
from ringfence.netlink.socket import NetlinkSocket

TABLE = "inet ringfence"

DAMAGES = {
    "the table is dormant": "add table inet ringfence { flags dormant; }",
    "the policy of a base chain": "add chain inet ringfence forward { policy drop; }",
    "a base chain of another priority": (
        "delete chain inet ringfence input;add chain inet ringfence input { type filter hook input priority 7; }"
    ),
    "a base chain of another type": (
        "delete chain inet ringfence input;add chain inet ringfence input { type nat hook input priority -5; }"
    ),
    "another base chain": "add chain inet ringfence more { type filter hook output priority -5; policy drop; }",
    "another chain": "add chain inet ringfence more",
    "another set": "add set inet ringfence more { type ipv4_addr; }",
    "a counter": "add counter inet ringfence more",
    "a quota": "add quota inet ringfence more { over 1 mbytes }",
    "rules in another order": "insert rule inet ringfence forward ct state established accept",
    "a limit on the size of a set": "add set inet ringfence denied_ingress4 { type ipv4_addr; size 2; counter; }",
    "an element that stands for all others": "add element inet ringfence known4 { * }",
    "a verdict for all other addresses": "add element inet ringfence ingress4 { * : accept }",
    "entries that go instead of jump": (
        "flush map inet ringfence egress4;add element inet ringfence egress4 { 10.0.0.2 : goto egress_0 }"
    ),
    "a set whose elements expire": (
        "flush table inet ringfence; delete set inet ringfence own4;"
        "add set inet ringfence own4 { type ipv4_addr . ipv4_addr; timeout 1h; }"
    ),
    "a counted set that limits instead": (
        "flush chain inet ringfence denied_ingress; delete set inet ringfence denied_ingress4;"
        "add set inet ringfence denied_ingress4 { type ipv4_addr; quota 10 bytes; }"
    ),
    "all rules are gone": "flush table inet ringfence",
    "a rule lets everything pass": "insert rule inet ringfence forward accept",
    "a rule of another program": "insert rule inet ringfence input counter accept",
    "a rule is gone": "flush chain inet ringfence denied_ingress",
    "an address is not isolated": "delete element inet ringfence ingress4 { 10.0.0.2 }",
    "an address is isolated in another way": (
        "delete element inet ringfence ingress4 { 10.0.0.2 };"
        "add element inet ringfence ingress4 { 10.0.0.2 : jump denied_ingress }"
    ),
    "other ranges": "flush set inet ringfence blocks4; add element inet ringfence blocks4 { 10.0.0.0/8 }",
    "other ports": "flush set inet ringfence ports",
    "rules and elements": "flush map inet ringfence ingress4; flush chain inet ringfence forward",
    "revoked connections flow again": "flush set inet ringfence revoked",
    "another connection is revoked": "add element inet ringfence revoked { 9 }",
    "the table for bridges is gone": "delete table bridge ringfence",
    "the table for bridges is dormant": "add table bridge ringfence { flags dormant; }",
    "the policy of a base chain for bridges": "add chain bridge ringfence bridge_forward { policy drop; }",
    "all rules for bridges are gone": "flush table bridge ringfence",
    "a rule lets every frame pass": "insert rule bridge ringfence bridge_prerouting accept",
    "a port is that of nobody": "flush map bridge ringfence bridge_from",
    "another address at a port": "flush set bridge ringfence bridge_addresses4",
    "a chain for bridges in the other table": "add chain inet ringfence bridge_more",
    "another set for bridges": "add set bridge ringfence more { type ipv4_addr; }",
}

ONE_OF_EACH_KIND = {
    "the table is dormant",
    "another base chain",
    "another set",
    "a set whose elements expire",
    "a rule lets everything pass",
    "an address is not isolated",
    "revoked connections flow again",
    "a rule lets every frame pass",
}
"""Damage to a table, a chain, a set, its kind, a rule, a map, a set of marks and a rule for bridges.

`make test` tries all damage in one way, and these in the other ways.
"""


def first_of_each_kind(damage: Iterable[str]) -> list[object]:
    """All of the damage; what is not in `ONE_OF_EACH_KIND` is left to longer runs."""
    return [
        pytest.param(one, id=one, marks=() if one in ONE_OF_EACH_KIND else pytest.mark.takes_long) for one in damage
    ]


@pytest.mark.parametrize("damage", DAMAGES)
@in_own_network
def test_damage_is_undone(damage: str) -> None:
    kernel = Kernel()
    kernel.apply(varied())
    kernel.revoke([1, 2])
    before = table()
    nft(DAMAGES[damage])
    assert table() != before
    assert kernel.repair()
    assert table() == before
    assert (Kernel().present, Kernel().revoked) == (varied(), frozenset({1, 2}))
    assert not kernel.repair()


@pytest.mark.parametrize("damage", first_of_each_kind(DAMAGES))
@in_own_network
def test_damage_done_while_no_process_ran_is_undone(damage: str) -> None:
    Kernel().apply(varied())
    before = table()
    nft(DAMAGES[damage])
    after = Kernel()
    after.apply(varied())
    after.revoke([])
    assert table() == before


def table() -> list[str]:
    """The sorted words of nft's listing: the kernel keeps elements and chains in any order."""
    return sorted(re.split(r"[\s,]+", nft("-s", "list", "ruleset")))


PARTS = {
    "insert rule inet ringfence forward accept": 0,
    "flush map inet ringfence ingress4": 1,
    "flush set inet ringfence revoked": 1,
    "flush map inet ringfence ingress4; flush set inet ringfence blocks4; flush chain inet ringfence forward": 2,
}


@pytest.mark.parametrize("damage", PARTS)
@in_own_network
def test_only_objects_that_were_changed_are_read_back(damage: str) -> None:
    kernel = Kernel()
    kernel.apply(varied())
    kernel.revoke([1, 2])
    before = table()
    nft(damage)
    lists: list[str] = []

    def read(netlink: NetlinkSocket, name: str) -> list[Element]:
        lists.append(name)
        return listed_elements(netlink, name)

    listed_elements = read_back._listed_elements
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_back, "_listed_elements", read)
        assert kernel.repair()
    assert len(lists) == PARTS[damage]
    assert table() == before
