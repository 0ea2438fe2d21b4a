"""Computations: what takes long of large chains is computed step by step, with others' changes in between.

What rules say of addresses follows from the rules alone, which never change: a policy that changes is another one. So
other programs can be made before it is found. Until then, pods are denied everything.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.large_policies import ByFamily, LargePolicies
from ringfence.engine.policies import OwnPorts, Stack
from ringfence.sets.addresses import Family
from ringfence.steps import Steps

ChainKey = tuple[Stack, OwnPorts]

InSteps = Callable[[str, int], bool]
"""Asked whether something is computed step by step for pods of a namespace; the effort is in units of 1.5 us."""


def never(namespace: str, effort: int) -> bool:
    """Everything is computed at once."""
    return False


class _UnderWay(NamedTuple):
    namespace: str
    steps: Steps[ByFamily]


class Computations:
    """Those for chains that are to be built, as long as they are wanted."""

    def __init__(self, large: LargePolicies, in_steps: InSteps = never) -> None:
        self._large = large
        self._in_steps = in_steps
        self._under_way: dict[ChainKey, _UnderWay] = {}
        self._ended: dict[ChainKey, ByFamily | TooComplex] = {}

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces whose pods wait for one."""
        return frozenset(one.namespace for one in self._under_way.values())

    def begin(self, namespace: str, key: ChainKey, families: tuple[Family, ...]) -> bool | None:
        """Begin to compute what a chain needs, if that has not begun; whether it is done.

        None if it is to be computed at once.
        """
        if key not in self._under_way and key not in self._ended:
            stack, ports = key
            if not self._in_steps(namespace, self._large.effort(stack)):
                return None
            self._under_way[key] = _UnderWay(namespace, self._large.compute(stack, ports, families))
        return key in self._ended

    def go_on(self, rank: Callable[[str], float]) -> str | None:
        """Do one step for the namespace with the lowest rank, and return that; None if there is nothing to do."""
        if not self._under_way:
            return None
        key = min(self._under_way, key=lambda one: rank(self._under_way[one].namespace))
        namespace, steps = self._under_way[key]
        try:
            next(steps)
        except StopIteration as end:
            self._end(key, end.value)
        except TooComplex as error:
            self._end(key, error)
        return namespace

    def _end(self, key: ChainKey, result: ByFamily | TooComplex) -> None:
        del self._under_way[key]
        self._ended[key] = result

    def take(self, key: ChainKey) -> ByFamily | None:
        """The result for a chain; None if it is to be computed at once. Raises TooComplex."""
        result = self._ended.pop(key, None)
        if isinstance(result, TooComplex):
            raise result
        return result

    def keep(self, keys: Iterable[ChainKey]) -> None:
        """Drop those for other chains than these."""
        if self._under_way or self._ended:
            kept = frozenset(keys)
            self._under_way = {key: one for key, one in self._under_way.items() if key in kept}
            self._ended = {key: one for key, one in self._ended.items() if key in kept}
