"""Programs of which the kernel refuses a part: for tests inside a sandbox, in which the change stays."""

from collections.abc import Callable

from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.program import ADDRESS, Field, Lookup, Program, RangeSet, Rule, RuleVerdict, profile_chain
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

_KEY = ADDRESS[Family.IPV4]


def have_the_kernel_refuse(direction: Direction) -> Callable[[], None]:
    """From now on every compiled profile of one direction looks up a set with overlapping ranges, which nft refuses.

    The returned function ends that.
    """
    compile_program = Compiler.program

    def with_wrong_set(compiler: Compiler) -> Program:
        program = compile_program(compiler)
        rule = Rule((Lookup((Field.SOURCE_4,), "wrong"),), RuleVerdict.RETURN)
        chains = {
            name: profile_chain(direction, (rule,)) for name in program.chains if name.startswith(f"{direction.field}_")
        }
        return program.changed({"wrong": _overlapping()}, chains) if chains else program

    def repair() -> None:
        setattr(Compiler, "program", compile_program)  # noqa: B010  (mypy forbids assigning to a method)

    setattr(Compiler, "program", with_wrong_set)  # noqa: B010
    return repair


def _overlapping() -> RangeSet:
    ranges = [(0, 10), (5, 20)]
    return RangeSet(_KEY, frozenset((low.to_bytes(4, "big"), high.to_bytes(4, "big")) for low, high in ranges))
