"""The classes of peers in maps: the same traffic has the same chain, unless other rules decide the rest."""

from ringfence.dataplane.compile.tracked_maps import peer_class
from ringfence.dataplane.program import PEER, Dispatch, Rule
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

ON_PORT_80 = ((6 << 16 | 80, 6 << 16 | 80),)
IN = Direction.INGRESS


def looking_up(name: str) -> tuple[Rule, ...]:
    return (Rule((), Dispatch((PEER[IN][Family.IPV4],), name)),)


def test_peers_with_the_same_traffic_have_a_chain_for_each_map_that_decides_the_rest() -> None:
    """Otherwise the subjects of one policy would get the chain, and so the remaining verdicts, of another one."""
    first, second, without = (peer_class(IN, behind, ON_PORT_80) for behind in (looking_up("a"), looking_up("b"), ()))
    assert len({first.name, second.name, without.name}) == 3
    for one, behind in ((first, looking_up("a")), (second, looking_up("b"))):
        assert set(behind) <= set(one.chain.rules)
    assert first == peer_class(IN, looking_up("a"), ON_PORT_80)


def test_peers_with_other_traffic_have_another_chain() -> None:
    on_port_81 = ((6 << 16 | 81, 6 << 16 | 81),)
    assert peer_class(IN, (), ON_PORT_80).name != peer_class(IN, (), on_port_81).name
