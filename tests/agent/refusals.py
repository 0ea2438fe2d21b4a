"""Programs that the kernel refuses in part or as a whole, and defects of the compiler."""

from collections.abc import Iterator
from contextlib import contextmanager

from ringfence.agent.enforcement import Enforcement
from ringfence.dataplane.program import (
    ADDRESS,
    Chain,
    Field,
    Lookup,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    address_key,
    base_program,
)
from ringfence.sets.addresses import Family


def with_refused_chains(program: Program) -> Program:
    """The program in which every profile's chain looks up a set that the kernel refuses, because its ranges overlap."""
    first, second, third, last = (address_key(Family.IPV4, number) for number in (0, 10, 20, (1 << 32) - 1))
    overlapping = RangeSet(ADDRESS[Family.IPV4], frozenset({(first, third), (second, last)}))
    looking = Rule((Lookup((Field.SOURCE_4,), "wrong"),), RuleVerdict.RETURN)
    chains = {
        name: Chain((looking, *chain.rules), chain.hook)
        for name, chain in program.chains.items()
        if name not in base_program().chains
    }
    return program.changed({"wrong": overlapping} if chains else {}, chains)


@contextmanager
def refused_chains(enforcement: Enforcement) -> Iterator[None]:
    """While the context is open, the kernel refuses the chain of every profile."""
    compiler = enforcement._compiler
    assert compiler is not None
    sound = compiler.program
    compiler.program = lambda *asked: with_refused_chains(sound(*asked))  # type: ignore[method-assign]
    yield
    compiler.program = sound  # type: ignore[method-assign]


def break_compiler(enforcement: Enforcement) -> None:
    """From now on, the present compiler has a defect. The next compiler has none."""

    def broken(*asked: object) -> Program:
        raise ZeroDivisionError("a defect")

    compiler = enforcement._compiler
    assert compiler is not None
    compiler.program = broken  # type: ignore[assignment, method-assign]
