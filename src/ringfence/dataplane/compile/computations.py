"""Computations: builds large chains step by step, so that changes of other namespaces do not wait for them.

A chain depends only on its policies, and compiled policies are immutable: a changed policy is a new object. So the
compiler can make other programs before the chain is complete. Until then, the pods of the chain are denied everything.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.engine.policies import OwnPorts, Stack
from ringfence.steps import Steps

ChainKey = tuple[Stack, OwnPorts]

InSteps = Callable[[str, int], bool]
"""Decides whether to compute step by step for a namespace, from the effort in units of 1.5 us."""


def never(namespace: str, effort: int) -> bool:
    """Compute nothing step by step."""
    return False


_Built = ProfileChain | None


class _UnderWay(NamedTuple):
    namespace: str
    steps: Steps[_Built]


class Computations:
    """The step-by-step computations of chains: those that run, and those that have ended but are not taken yet."""

    def __init__(self, in_steps: InSteps = never) -> None:
        self._in_steps = in_steps
        self._under_way: dict[ChainKey, _UnderWay] = {}
        self._ended: dict[ChainKey, _Built | TooComplex] = {}

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces whose pods wait for a computation."""
        return frozenset(one.namespace for one in self._under_way.values())

    def begin(self, namespace: str, key: ChainKey, steps: Steps[_Built], effort: Callable[[], int]) -> bool | None:
        """Start a computation unless it exists; returns whether it has ended.

        Returns None without starting it if `in_steps` decides that the chain can be built at once.
        """
        if key not in self._under_way and key not in self._ended:
            if not self._in_steps(namespace, effort()):
                return None
            self._under_way[key] = _UnderWay(namespace, steps)
        return key in self._ended

    def advance(self, rank: Callable[[str], float]) -> str | None:
        """Do one step for the namespace with the lowest rank, and return the namespace; None if nothing runs."""
        if not self._under_way:
            return None
        # Asked again for each step: the steps themselves change the ranks.
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
        """Whether the computation of a chain has ended and its result is not taken yet."""
        return key in self._ended

    def take(self, key: ChainKey) -> _Built:
        """Remove and return the result of a computation that has ended. Raises TooComplex."""
        result = self._ended.pop(key)
        if isinstance(result, TooComplex):
            raise result
        return result

    def keep(self, keys: Iterable[ChainKey]) -> None:
        """Drop the computations of all other chains."""
        if self._under_way or self._ended:
            kept = frozenset(keys)
            self._under_way = {key: one for key, one in self._under_way.items() if key in kept}
            self._ended = {key: one for key, one in self._ended.items() if key in kept}
