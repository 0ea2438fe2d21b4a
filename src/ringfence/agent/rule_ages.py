"""Since when the rules of an address are in force, as an operator wants to know who asks what has changed.

The rules of an address are those of its chain: they change when another chain becomes responsible for the address, and
when the chain itself changes. Which pods a peer's selector matches is not a rule: such sets change with every pod.
"""

import time
from collections.abc import Callable

from ringfence.dataplane.compile import Address
from ringfence.dataplane.program import ISOLATED, Chain, Collection, Program, VerdictMap, address_key, moves_between
from ringfence.model.policies import Direction

Side = tuple[Direction, bytes]


class RuleAges:
    """When rules have changed since the start. `now` returns seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._moved: dict[Side, float] = {}
        self._changed: dict[str, float] = {}

    def note(self, before: Program, after: Program) -> None:
        """Note that one program has become another."""
        now = self._now()
        for (direction, _), name in ISOLATED.items():
            old, new = before.collections.get(name), after.collections.get(name)
            if new is old:
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
        """Since when the address has had the chain as it is; None if both were there at the start."""
        times = (self._moved.get((direction, address_key(*address))), self._changed.get(chain))
        return max((at for at in times if at is not None), default=None)


def _verdicts(collection: Collection | None) -> VerdictMap | None:
    return collection if isinstance(collection, VerdictMap) else None


def _differs(before: Chain | None, after: Chain) -> bool:
    return before is not after and before != after  # nearly all are the same object
