"""While programs follow one another, the kernel loses no allowed packet and passes no forbidden one.

One pod may always reach the server and another pod may never reach it. The reasons change all the time: the rule, the
set, the chain and the side that decide. A packet that the programs before and after a change both allow or both forbid
must be treated so throughout the change.
"""

import random
from collections.abc import Callable, Iterable
from itertools import cycle, product

import pytest
from tests.dataplane.network import Network, in_own_network, nft
from tests.dataplane.programs import RETURN, UDP, flows, key, program
from tests.dataplane.simulation import carried_out
from tests.dataplane.traffic import PORT, Traffic, rounds_under_traffic, traffic

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import (
    ADDRESS,
    EXEMPT_LINKS,
    FROM_CLOSED,
    FROM_PORT,
    LINK,
    LINK_ADDRESS,
    OWNED,
    PORT_ADDRESSES,
    SPOOFED,
    Chain,
    Collection,
    Field,
    Goto,
    HashSet,
    Jump,
    Lookup,
    Program,
    ProtocolIs,
    RangeSet,
    Rule,
    VerdictMap,
    base_program,
    is_fixed,
    link_key,
    port_key,
    profile_chain,
)
from ringfence.dataplane.program import PORT as PORT_KEY
from ringfence.dataplane.update import RenameChain
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
V4 = Family.IPV4
SERVER, FRIEND, STRANGER = range(3)
NOBODY = (7, 8, 9)

WAYS = ("flows", "pods", "pods and ports", "two sets", "no isolation")


def barring(way: str, *, at_server: bool, at_stranger: bool, peers: Iterable[int] = ()) -> Program:
    """A program that lets the friend reach the server in some way, and stops the stranger on one side or on both.

    It always allows `peers`, whatever the friend is.
    """
    admitted = [FRIEND, *peers, *([] if at_server else [STRANGER])]
    isolated = {
        (IN, SERVER): [(pod, UDP, PORT) for pod in admitted],
        (OUT, FRIEND): [(SERVER, UDP, PORT)],
        (OUT, STRANGER): [(pod, UDP, PORT) for pod in peers],
    }
    if way == "no isolation":
        del isolated[IN, SERVER], isolated[OUT, FRIEND]
    if not at_stranger:
        del isolated[OUT, STRANGER]
    sets, rules = server_rules(way, admitted)
    chains = {"ingress_0": profile_chain(IN, rules)} if rules else {}
    return program(isolated).changed(sets, chains)


def server_rules(way: str, admitted: list[int]) -> tuple[dict[str, Collection], tuple[Rule, ...]]:
    """The sets that the server's chain looks up. Their names do not depend on the way."""
    pods = frozenset(key(pod, V4) for pod in admitted)
    sets: dict[str, Collection] = {
        "flows": flows(V4, [(pod, UDP, PORT) for pod in admitted]),
        "pods": HashSet(ADDRESS[V4], pods),
        "even": HashSet(ADDRESS[V4], frozenset(key(pod, V4) for pod in admitted if pod % 2 == 0)),
        "odd": HashSet(ADDRESS[V4], frozenset(key(pod, V4) for pod in admitted if pod % 2)),
        "ports": RangeSet(PORT_KEY, frozenset({(port_key(PORT), port_key(PORT + len(admitted)))})),
    }
    source = (Field.SOURCE_4,)
    match way:
        case "flows":
            return sets, (Rule((Lookup((*source, Field.PROTOCOL, Field.PORT), "flows"),), RETURN),)
        case "pods":
            return sets, (Rule((Lookup(source, "pods"),), RETURN),)
        case "pods and ports":
            both = Lookup(source, "pods"), ProtocolIs(UDP), Lookup((Field.PORT,), "ports")
            return sets, (Rule(both, RETURN),)
        case "two sets":
            return sets, tuple(Rule((Lookup(source, name),), RETURN) for name in ("even", "odd"))
        case _:
            return sets, ()


def programs_of_all_kinds() -> list[Program]:
    return [
        barring(way, at_server=at_server, at_stranger=at_stranger, peers=peers)
        for way, (at_server, at_stranger), peers in product(
            WAYS, ((True, False), (False, True), (True, True)), ((), NOBODY)
        )
        if at_stranger or way != "no isolation"
    ]


def alternating(*programs: Program) -> Callable[[Kernel], None]:
    """Applies one program after another, repeatedly."""

    def run(kernel: Kernel) -> None:
        for _, one in zip(rounds_under_traffic(), cycle(programs), strict=False):
            kernel.apply(one)

    return run


def at_random(kernel: Kernel) -> None:
    chance = random.Random(1)
    programs = programs_of_all_kinds()
    alternating(*(chance.choice(programs) for _ in range(5000)))(kernel)


def of_an_earlier_version(current: Program) -> Program:
    """The program in the form that it had before sources were checked."""
    added = frozenset({"prerouting", "spoofed", "off_route", "neighbours", EXEMPT_LINKS, SPOOFED})
    changed = ("forward", "forward6", "input", "input6")
    chains = {name: _without_references_to(added, current.chains[name]) for name in changed}
    return current.changed(chains=chains, without=added).changed(chains=chains)


def _without_references_to(chains: frozenset[str], chain: Chain) -> Chain:
    rules = (rule for rule in chain.rules if isinstance(rule, Rule))
    kept = (rule for rule in rules if not (isinstance(rule.action, Goto | Jump) and rule.action.chain in chains))
    return Chain(tuple(kept), chain.hook)


def under_other_names(current: Program, number: int) -> Program:
    """The program whose chains of pods have other names, as if their pods had other policies."""
    names = (name for name in current.chains if not is_fixed(name))
    return carried_out(current, [RenameChain(name, f"{name}_{number}") for name in names])


def with_bridges(current: Program, port: int = 0) -> Program:
    """The program that also guards bridges, optionally with a pod at a port."""
    whole = base_program(with_bridges=True)
    added = {name: one for name, one in whole.collections.items() if name not in base_program().collections}
    if port:
        added[FROM_PORT] = VerdictMap(LINK, {FROM_CLOSED: frozenset({link_key(port)})}, goto=True)
        added[PORT_ADDRESSES[V4]] = HashSet(LINK_ADDRESS[V4], frozenset({link_key(port) + key(9, V4)}))
        added[OWNED[V4]] = HashSet(ADDRESS[V4], frozenset({key(9, V4)}))
    return current.changed(added, {name: one for name, one in whole.chains.items() if name not in current.chains})


CHANGES = {
    "a peer comes and goes": alternating(
        barring("pods", at_server=True, at_stranger=False),
        barring("pods", at_server=True, at_stranger=False, peers=NOBODY[:1]),
    ),
    "many peers come and go": alternating(
        barring("flows", at_server=True, at_stranger=True),
        barring("flows", at_server=True, at_stranger=True, peers=range(10, 200)),
    ),
    "other rules": alternating(*(barring(way, at_server=True, at_stranger=False) for way in WAYS[:4])),
    "other policies": alternating(
        *(
            under_other_names(barring(way, at_server=at_server, at_stranger=not at_server), number)
            for number, (way, at_server) in enumerate(product(WAYS[:4], (True, False)))
        )
    ),
    "isolated and not": alternating(
        barring("pods", at_server=True, at_stranger=True), barring("no isolation", at_server=True, at_stranger=True)
    ),
    "stopped here, stopped there": alternating(
        barring("pods", at_server=True, at_stranger=False), barring("pods", at_server=False, at_stranger=True)
    ),
    "the table of an earlier version": alternating(
        of_an_earlier_version(barring("pods", at_server=True, at_stranger=True)),
        barring("pods", at_server=True, at_stranger=True),
        of_an_earlier_version(barring("flows", at_server=True, at_stranger=False)),
        barring("pods", at_server=False, at_stranger=True, peers=NOBODY),
    ),
    "bridges are guarded and not": alternating(
        barring("pods", at_server=True, at_stranger=True),
        with_bridges(barring("pods", at_server=True, at_stranger=True)),
        with_bridges(barring("flows", at_server=False, at_stranger=True), port=7),
        with_bridges(barring("flows", at_server=True, at_stranger=False), port=8),
    ),
    "everything at once": at_random,
}


@pytest.mark.more_in_ci
@pytest.mark.parametrize("change", CHANGES)
@in_own_network
def test_no_change_loses_or_passes_a_packet(change: str) -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(barring("flows", at_server=True, at_stranger=True))
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        CHANGES[change](kernel)
    assert_nothing_happened(result)


def assert_nothing_happened(result: Traffic) -> None:
    assert result.allowed.sent > 100
    assert result.allowed.arrived == result.allowed.sent
    assert result.forbidden.arrived == 0


@in_own_network
def test_the_measurement_of_lost_packets_notices_a_gap() -> None:
    """Otherwise the tests of this file would pass even if updates removed the table for a moment."""
    network = Network(3)
    wanted = barring("flows", at_server=True, at_stranger=True)
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        for _ in range(20):
            kernel = Kernel()
            kernel.apply(wanted)
            nft("delete", "table", "inet", "ringfence")
    assert result.forbidden.arrived > 0
