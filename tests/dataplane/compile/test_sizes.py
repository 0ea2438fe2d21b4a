"""The size of a program is linear in policies and pods of any shape, and the cost of a packet does not depend on it.

The tests count elements, chains and rules. `python -m benchmarks large-policies` measures the time.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent.work import work_of
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of
from tests.example_counts import examples
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import Goto, Program, RangeMap, Rule, VerdictMap, base_program
from ringfence.model.policies import Direction

pytestmark = pytest.mark.repeats_lines

SUBJECT = labelled(app="server")
SERVER = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
SOME = 60

SLACK = 1_000
"""So many lines of work are never too many: where rules cover one another, a few more make no difference."""


class Size(NamedTuple):
    """The size of the program for one pod, without the part that every program has."""

    elements: int
    chains: int
    rules: int
    sets: int
    rules_of_profile: int


def size_of(objects: list[Object]) -> Size:
    compiler = Compiler(tiered_cluster_of([SERVER, *objects]).state, lambda member: member.name == "server")
    program = compiler.program()
    assert compiler.refusals() == []
    chains = {name: chain for name, chain in program.chains.items() if name not in base_program().chains}
    return Size(
        sum(one.size for one in program.collections.values()),
        len(chains),
        sum(len(chain.rules) for chain in chains.values()),
        len(program.collections),
        max(len(chain.rules) for chain in chains.values()),
    )


def cidr(number: int) -> str:
    return f"10.{number >> 8}.{number & 255}.0/24"


def peers(count: int, **written: list[Object]) -> list[Object]:
    """Pods of different identities."""
    return [
        pod(f"x/p{i}", {"number": f"{i}"}, addresses=[f"10.200.{i >> 8}.{i & 255}"], ports=written.get("ports", []))
        for i in range(count)
    ]


def one_policy(rules: list[Object], direction: Direction = Direction.INGRESS) -> Object:
    return policy("x/p", SUBJECT, **{direction.field: rules})


def ports(count: int) -> list[Object]:
    return [port(2 * i + 1) for i in range(count)]


SHAPES: dict[str, Callable[[int], list[Object]]] = {
    "a rule with blocks and ports": lambda n: [
        one_policy([admits(*(block(cidr(2 * i)) for i in range(n)), ports=ports(n))])
    ],
    "rules with a block and a port each": lambda n: [
        one_policy([admits(block(cidr(2 * i)), ports=[port(2 * i + 1)]) for i in range(n)])
    ],
    "rules with a block and a range of ports each": lambda n: [
        one_policy([admits(block(cidr(2 * i)), ports=[port(1, to=1000 + i)]) for i in range(n)])
    ],
    "rules with an exception and a port each": lambda n: [
        one_policy([admits(block("10.0.0.0/8", cidr(2 * i)), ports=[port(2 * i + 1)]) for i in range(n)])
    ],
    "policies with five blocks and a port each": lambda n: [
        policy(
            f"x/p{i}", SUBJECT, ingress=[admits(*(block(cidr(5 * i + j)) for j in range(5)), ports=[port(2 * i + 1)])]
        )
        for i in range(n)
    ],
    "rules with a pod and a port each": lambda n: [
        *peers(n),
        one_policy([admits(pods(labelled(number=f"{i}")), ports=[port(2 * i + 1)]) for i in range(n)]),
    ],
    "rules with a pod and a range of ports each": lambda n: [
        *peers(n),
        one_policy([admits(pods(labelled(number=f"{i}")), ports=[port(1, to=9_000 + i)]) for i in range(n)]),
    ],
    "selectors that select nobody, with a range of ports each": lambda n: [
        one_policy([admits(pods(labelled(number=f"{i}")), ports=[port(1, to=9_000 + i)]) for i in range(n)]),
    ],
    "a rule with a port name for many pods": lambda n: [
        *peers(n, ports=[container_port("http", 80)]),
        one_policy([sends(ports=[port("http")])], Direction.EGRESS),
    ],
    "rules with a pod and a port name each": lambda n: [
        *peers(n, ports=[container_port("http", 80)]),
        one_policy(
            [sends(pods(labelled(number=f"{i}")), ports=[port("http"), port(f"n{i}")]) for i in range(n)],
            Direction.EGRESS,
        ),
    ],
    "a tier whose rules allow and deny a block each": lambda n: [
        tier_policy(
            FRONT,
            "a",
            ingress=[
                acting("deny" if i % 2 else "allow", block(cidr(2 * i)), ports=[port(1, to=1000 + i)]) for i in range(n)
            ],
        )
    ],
    "a tier whose rules allow and deny a port each": lambda n: [
        tier_policy(
            FRONT,
            "a",
            ingress=[
                acting("deny" if i % 2 else "allow", block("10.0.0.0/8", cidr(i)), ports=[port(2 * i + 1)])
                for i in range(n)
            ],
        )
    ],
    "a tier whose rules allow and deny a pod each": lambda n: [
        *peers(n),
        tier_policy(
            FRONT,
            "a",
            ingress=[
                acting(
                    "deny" if i % 2 else "allow",
                    {"namespaceSelector": {}, "podSelector": labelled(number=f"{i}")},
                    ports=[port(1, to=1000 + i)],
                )
                for i in range(n)
            ],
        ),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_program_is_linear_in_the_policies(shape: str) -> None:
    few, many = (size_of(SHAPES[shape](count)) for count in (SOME, 4 * SOME))
    for one, other in zip(few[:3], many[:3], strict=True):
        assert other <= 5 * one + 20
    assert few.elements <= 20 * SOME


@pytest.mark.parametrize("shape", SHAPES)
def test_a_packet_meets_as_many_rules_however_many_policies_there_are(shape: str) -> None:
    """The number of sets is the same as well: the kernel finds each set by its name in a list of all."""
    few, many = (size_of(SHAPES[shape](count)) for count in (SOME, 4 * SOME))
    assert many.rules_of_profile <= few.rules_of_profile
    assert many.sets <= few.sets


def overlapping_rules(count: int, blocks: int, ranges: int, length: int, chance: Random) -> list[Object]:
    """Rules of one tier about blocks up to a length and about ranges of ports. They overlap at random."""

    def some_ports() -> Object:
        low, high = sorted(chance.sample(range(1, 65_536), 2))
        return port(low, to=high)

    def some_block() -> Object:
        bits = chance.randint(1, length)
        return block(f"{chance.getrandbits(bits) << 8 - bits & 255}.0.0.0/{bits}")

    rules = [
        acting(
            chance.choice(["allow", "deny", "pass"]),
            *(some_block() for _ in range(blocks)),
            ports=[some_ports() for _ in range(ranges)],
        )
        for _ in range(count)
    ]
    return [tier_policy(FRONT, "a", ingress=rules)]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 8), st.integers())
@settings(max_examples=examples(10))
def test_rules_that_overlap_cost_no_more_than_the_square_of_their_number(
    blocks: int, ranges: int, length: int, seed: int
) -> None:
    """Some inputs require that size: every second rule of crossing stripes can decide otherwise."""

    def work(count: int) -> int:
        rules = overlapping_rules(count, blocks, ranges, length, Random(seed))
        return work_of(Compiler(tiered_cluster_of([SERVER, *rules]).state, lambda member: True).program)

    fixed, once, twice = (work(count) for count in (1, 20, 40))
    assert twice - fixed <= 5 * max(once - fixed, SLACK)


def test_packets_go_through_few_chains() -> None:
    """The kernel allows 16 nested chains (NFT_JUMP_STACK_SIZE), and updates need two of them."""
    for shape in SHAPES.values():
        program = Compiler(tiered_cluster_of([SERVER, *shape(SOME)]).state, lambda member: True).program()
        assert max(depth(program, name) for name in program.chains) <= 10


def depth(program: Program, name: str) -> int:
    """The length of the longest sequence of chains that begins with this one."""
    chain = program.chains[name]
    behind = {rule.action.chain for rule in chain.rules if isinstance(rule, Rule) and isinstance(rule.action, Goto)}
    for map_name in chain.sets:
        collection = program.collections[map_name]
        behind |= set(collection.elements) if isinstance(collection, VerdictMap | RangeMap) else set()
    return 1 + max((depth(program, one) for one in behind), default=0)
