"""Tables of other programs: neither side can undo the drops of the other, and ringfence changes no foreign object."""

import pytest
from tests.dataplane.network import Network, address, in_own_network, nft
from tests.dataplane.programs import UDP, program, varied

from ringfence.dataplane.kernel import Kernel
from ringfence.model.policies import Direction

IN = Direction.INGRESS
BEFORE_AND_AFTER = (-300, -5, 0, 300)
"""Priorities in front of, beside and behind that of the chains of ringfence."""

CROWD = """
table inet other {
    counter traffic { packets 7 bytes 700 }
    quota allowance { over 1 mbytes }
    limit often { rate 10/second }
    set seen { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m; }
    set networks { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8 }; }
    set both { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 }; }
    map counters { type ipv4_addr : counter; elements = { 10.0.0.1 : "traffic" }; }
    map marks { type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 0x00000001 }; }
    chain forward {
        type filter hook forward priority filter - 5; policy accept;
        meta mark set ip daddr map @marks
        ct mark set numgen inc mod 2
        update @seen { ip saddr . tcp dport limit rate 10/second burst 5 packets }
        quota name "allowance" counter name "traffic" log prefix "ringfence" level debug
    }
}
table ip ringfence {
    set ingress4 { type mark; }
    chain forward { type filter hook forward priority 10; policy accept; }
}
table bridge other {
    chain forward { type filter hook forward priority 0; policy accept; }
}
table arp other {
    chain input { type filter hook input priority 0; policy accept; }
}
"""
"""What other programs have in their tables: objects, expressions and kinds of sets of which ringfence knows nothing."""


@in_own_network
def test_other_tables_are_left_alone() -> None:
    nft(CROWD)
    before = nft("list ruleset")
    kernel = Kernel()
    for wanted in (varied(), program({(IN, 1): []})):
        kernel.apply(wanted)
        assert not kernel.repair()
        assert Kernel().present == wanted
    nft("flush table inet ringfence")
    assert kernel.repair()
    kernel.remove()
    assert nft("list ruleset") == before


@pytest.mark.parametrize("priority", BEFORE_AND_AFTER)
@in_own_network
def test_what_another_program_accepts_stays_denied_and_what_it_drops_stays_dropped(priority: int) -> None:
    network = Network(2)
    kernel = Kernel()
    kernel.apply(program({(IN, 0): [(1, UDP, 80), (1, UDP, 81)]}))
    nft(f"add table inet other; add chain inet other forward {{ type filter hook forward priority {priority}; }}")
    for rule in ("80 drop", "82 accept"):
        nft(f"add rule inet other forward udp dport {rule}")
    servers = {port: network.udp(0, port) for port in (80, 81, 82)}
    client = network.udp(1)

    def arriving() -> list[int]:
        for port in servers:
            client.sendto(b"x", (address(0), port))
        return [port for port, server in servers.items() if network.delivered(server) is not None]

    assert arriving() == [81]
    assert not kernel.repair(), "nobody has changed the rules of ringfence"
    nft("delete table inet other")
    assert arriving() == [80, 81]
