"""Replacement of a table that cannot be updated in steps: no allowed packet is lost, and no forbidden one passes.

A replacement is necessary after an upgrade to a version that keeps the same data in sets of another kind, and where
another program has added an object of its own to the table.
"""

from itertools import cycle

import pytest
from tests.dataplane.network import Network, in_own_network, nft
from tests.dataplane.programs import IN, OUT, RETURN, UDP, V4, key, program
from tests.dataplane.test_updates import FRIEND, SERVER, STRANGER, assert_nothing_happened
from tests.dataplane.traffic import PORT, rounds_under_traffic, traffic

from ringfence.dataplane import table
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import (
    ADDRESS,
    Collection,
    Field,
    HashSet,
    Lookup,
    Program,
    RangeSet,
    Rule,
    profile_chain,
)
from ringfence.dataplane.update import is_compatible

ADMITTED = frozenset({key(FRIEND, V4)})

VERSIONS: dict[str, Collection] = {
    "hashed": HashSet(ADDRESS[V4], ADMITTED),
    "ranges": RangeSet(ADDRESS[V4], frozenset({(one, one) for one in ADMITTED})),
}


def written_by(version: str) -> Program:
    """The friend reaches the server and the stranger does not.

    The set that decides has the same name and another kind.
    """
    admitted = Lookup((Field.SOURCE_4,), "admitted")
    isolated = program({(IN, SERVER): [(FRIEND, UDP, PORT)], (OUT, STRANGER): []})
    return isolated.changed(
        {"admitted": VERSIONS[version]}, {"ingress_0": profile_chain(IN, (Rule((admitted,), RETURN),))}
    )


@pytest.mark.more_in_ci
@in_own_network
def test_an_upgrade_that_changes_the_kind_of_a_set_loses_and_passes_no_packet() -> None:
    assert not is_compatible(*map(written_by, VERSIONS))
    network = Network(3)
    kernel = Kernel()
    kernel.apply(written_by("hashed"))
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        for _, version in zip(rounds_under_traffic(), cycle(["ranges", "hashed"]), strict=False):
            kernel.apply(written_by(version))
    assert_nothing_happened(result)
    assert nft("list", "tables") == "table inet ringfence\n"


@pytest.mark.more_in_ci
@in_own_network
def test_objects_of_another_program_are_removed_without_harm() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(written_by("hashed"))
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        for _ in rounds_under_traffic():
            nft("add", "counter", "inet", "ringfence", "more")
            assert kernel.repair()
    assert_nothing_happened(result)
    assert Kernel().present == written_by("hashed")


@in_own_network
def test_revoked_connections_stay_revoked() -> None:
    kernel = Kernel()
    kernel.apply(written_by("hashed"))
    kernel.revoke([1, 2])
    kernel.apply(written_by("ranges"))
    assert Kernel().revoked == kernel.revoked == {1, 2}


@in_own_network
def test_a_second_table_that_was_left_behind_is_removed() -> None:
    """The process ended while both tables existed. The second table enforces until the first one is correct again."""
    Kernel().apply(written_by("hashed"))
    nft("add", "table", "inet", table.BESIDE)
    kernel = Kernel()
    kernel.apply(written_by("hashed"))
    assert nft("list", "tables") == "table inet ringfence\n"


@in_own_network
def test_a_second_table_is_removed_with_the_first() -> None:
    Kernel().apply(written_by("hashed"))
    nft("add", "table", "inet", table.BESIDE)
    Kernel().remove()
    assert nft("list", "tables") == ""
