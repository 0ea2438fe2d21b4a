"""Whatever another program changes in the table, it is noticed, and the table is afterwards as it was.

How the table is afterwards is read by the nft program: what `read_back` cannot see, it cannot compare.
"""

import re

import pytest
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.dataplane.kernel import Kernel

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
        "flush chain inet ringfence input; flush chain inet ringfence forward; delete set inet ringfence own4;"
        "add set inet ringfence own4 { type ipv4_addr . ipv4_addr; timeout 1h; }"
    ),
    "a counted set that limits instead": (
        "flush chain inet ringfence denied_ingress; delete set inet ringfence denied_ingress4;"
        "add set inet ringfence denied_ingress4 { type ipv4_addr; quota 10 bytes; }"
    ),
    "revoked connections flow again": "flush set inet ringfence revoked",
    "another connection is revoked": "add element inet ringfence revoked { 9 }",
}


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


@pytest.mark.parametrize("damage", DAMAGES)
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
    """The words of the table's listing, in an order of their own: the kernel keeps elements and chains in any order."""
    return sorted(re.split(r"[\s,]+", nft("-s", "list", "table", "inet", "ringfence")))
