"""Rule ages: when the rules of an address last changed. `ringfence agent status` shows it.

The rules of an address are those of its chain. They change when the address gets another chain, and when its chain
changes. The sets of the pods that peers select are not included, because they change with every pod.
"""

import time
from collections.abc import Callable

from ringfence.dataplane.compile import Address
from ringfence.dataplane.program import ISOLATED, Chain, Collection, Program, VerdictMap, address_key, moves_between
from ringfence.model.policies import Direction

Side = tuple[Direction, bytes]


class RuleAges:
    """When rules changed since the start of the agent. `now` returns seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._moved: dict[Side, float] = {}
        self._changed: dict[str, float] = {}

    def note(self, before: Program, after: Program) -> None:
        """Note that the program `after` has replaced `before` in the kernel."""
        now = self._now()
        for (direction, _), name in ISOLATED.items():
            old, new = before.collections.get(name), after.collections.get(name)
            if new is old:  # programs share the collections that did not change
                continue
            for move in moves_between(_verdicts(old), _verdicts(new)):
                if move.new is None:
                    self._moved.pop((direction, move.key), None)
                else:
                    self._moved[direction, move.key] = now
        changed = {name for name, chain in after.chains.items() if _differs(before.chains.get(name), chain)}
        self._changed = {name: at for name, at in self._changed.items() if name in after.chains}
        self._changed |= dict.fromkeys(changed, now)

    def since(self, direction: Direction, address: Address, chain: str) -> float | None:
        """When the rules of an address last changed; None if they have not changed since the start of the agent."""
        times = (self._moved.get((direction, address_key(*address))), self._changed.get(chain))
        return max((at for at in times if at is not None), default=None)


def _verdicts(collection: Collection | None) -> VerdictMap | None:
    return collection if isinstance(collection, VerdictMap) else None


def _differs(before: Chain | None, after: Chain) -> bool:
    return before is not after and before != after  # comparing identity first is fast: most are the same object
