"""The allowed traffic with one pod, or with some addresses, against the allowed traffic with all of them."""

from hypothesis import given
from tests import strategies
from tests.engine.policies.artificial_tier import tiered_cluster_of, tiered_clusters
from tests.semantics.objects import Object

from ringfence.engine.policies import own_ports
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, parse_address


@given(tiered_clusters())
def test_one_peer_is_allowed_what_its_cell_is(objects: list[Object]) -> None:
    state = tiered_cluster_of(objects).state
    for subject in state.population.identities():
        for direction in Direction:
            for family in FAMILIES:
                cells = state.tiers.allowed_peers(subject, direction, family)
                for peer in state.population.members():
                    bit = state.identity(peer).bit
                    (expected,) = (traffic for peers, traffic in cells if peers >> bit & 1)
                    assert state.tiers.allowed_with(subject, direction, peer, family) == expected


ASKED = Addresses.of_ranges(
    (family, (number, number)) for family, number in map(parse_address, (*strategies.OUTSIDE, "10.0.0.1", "fd00::1"))
)


@given(tiered_clusters())
def test_some_addresses_are_allowed_what_their_cells_are(objects: list[Object]) -> None:
    state = tiered_cluster_of(objects).state
    for subject in state.population.identities():
        for direction in Direction:
            stack = state.tiers.stack(subject, direction)
            own = own_ports(stack, subject)
            whole = {traffic: addresses for addresses, traffic in state.tiers.addresses_of(stack, own)}
            cells = state.tiers.addresses_of(stack, own, ASKED)
            assert Addresses.union_of(within for within, _ in cells) == ASKED
            assert all(within == whole[traffic] & ASKED for within, traffic in cells)
            assert state.tiers.addresses_of(stack, own, NO_ADDRESSES) == []
