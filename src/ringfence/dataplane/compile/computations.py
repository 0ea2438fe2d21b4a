"""Computations: large chains are built step by step, with others' changes in between.

What a chain says follows from the rules alone, which never change: a policy that changes is another one. So other
programs can be made before it is built. Until then, pods are denied everything.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.engine.policies import OwnPorts, Stack
from ringfence.steps import Steps

ChainKey = tuple[Stack, OwnPorts]

InSteps = Callable[[str, int], bool]
"""Asked whether something is computed step by step for pods of a namespace; the effort is in units of 1.5 us."""


def never(namespace: str, effort: int) -> bool:
    """Everything is computed at once."""
    return False


_Built = ProfileChain | None


class _UnderWay(NamedTuple):
    namespace: str
    steps: Steps[_Built]


class Computations:
    """Those of chains that are to be built, as long as they are wanted."""

    def __init__(self, in_steps: InSteps = never) -> None:
        self._in_steps = in_steps
        self._under_way: dict[ChainKey, _UnderWay] = {}
        self._ended: dict[ChainKey, _Built | TooComplex] = {}

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces whose pods wait for one."""
        return frozenset(one.namespace for one in self._under_way.values())

    def begin(self, namespace: str, key: ChainKey, steps: Steps[_Built], effort: Callable[[], int]) -> bool | None:
        """Begin to build a chain by these steps, if that has not begun; whether it is done.

        None if it is to be built at once, because its effort is so small.
        """
        if key not in self._under_way and key not in self._ended:
            if not self._in_steps(namespace, effort()):
                return None
            self._under_way[key] = _UnderWay(namespace, steps)
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

    def _end(self, key: ChainKey, result: _Built | TooComplex) -> None:
        del self._under_way[key]
        self._ended[key] = result

    def has_built(self, key: ChainKey) -> bool:
        """Whether a chain was built step by step, and is still to be taken."""
        return key in self._ended

    def take(self, key: ChainKey) -> _Built:
        """A chain that was built step by step. Raises TooComplex."""
        result = self._ended.pop(key)
        if isinstance(result, TooComplex):
            raise result
        return result

    def keep(self, keys: Iterable[ChainKey]) -> None:
        """Drop those of other chains than these."""
        if self._under_way or self._ended:
            kept = frozenset(keys)
            self._under_way = {key: one for key, one in self._under_way.items() if key in kept}
            self._ended = {key: one for key, one in self._ended.items() if key in kept}
