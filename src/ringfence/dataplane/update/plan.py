"""The plan of an update: steps that change one program into another.

No step drops a packet that both programs allow, or passes a packet that both programs forbid.

A packet meets the rules of the generation in which it entered, but each lookup finds the current elements of its set.
So a transaction is atomic for all rules and for one lookup, but not for two lookups. Several transactions are not
atomic at all. A plan therefore consists of steps, each of which leads to a program. The steps are chosen so that every
intermediate state, and every mixture of two consecutive states, allows what both the old and the new program allow, and
forbids what both forbid:

1. *create* adds everything new to which nothing refers yet, and *regroup* moves addresses to groups with equal results.
2. *close* and *narrow* restrict each changed side (a pod's egress or ingress) to what both its old and its new rules
   allow. For any state of the other side, this drops nothing that both programs allow, and passes nothing that both
   forbid.
3. *pass* moves addresses that become exceptions to interim groups (`interim_groups`). *fill* and *thin* add elements to
   sets that unchanged chains look up, and then remove elements from them.
4. *widen* and *open* let each changed side allow what its new rules allow.
5. *clean* deletes everything to which nothing refers any more.

If only one direction changes, closing is not needed: a connection has one side in this direction, and this side changes
at once.

If a chain takes the place of another one for the same subjects, the old chain is renamed first, and then only gets
other rules (`renaming`), provided that no side has to close for it.

Editing sets in place is safe if only one address is added or removed, or if only one direction is affected. Otherwise,
the update uses copies of the edited sets (`copies`).

All of this applies to programs that enforce. A program that only observes passes the packets that its profiles deny. So
if an update changes between enforcing and observing, everything else changes while the kernel observes: after the
switch to observing, or before the switch to enforcing.
"""

from typing import NamedTuple

from ringfence.dataplane.program import Chain, Program, fixed_chains, is_whole, observes
from ringfence.dataplane.update.comparison import FitsAtOnce, can_edit_in_place, compare, fits_always, needs_closing
from ringfence.dataplane.update.copies import steps_by_copies
from ringfence.dataplane.update.renaming import renamed_chains, with_renamed_chains
from ringfence.dataplane.update.steps import StepKind, UpdateStep, steps_in_place


class UpdatePlan(NamedTuple):
    """The steps of an update. Each takes one or more transactions. The last step leads to the requested program."""

    steps: tuple[UpdateStep, ...]

    @property
    def programs(self) -> list[Program]:
        """The programs to which the steps lead."""
        return [step.program for step in self.steps]


def plan_update(old: Program | None, new: Program, fits_at_once: FitsAtOnce = fits_always) -> UpdatePlan:
    """Return the plan that changes `old` into `new`. `old` is None if there is no table yet."""
    if old is None:
        # One step is safe: base chains are created last, so packets reach a new table only when it is complete.
        return UpdatePlan((UpdateStep(StepKind.CREATE, new),))
    return UpdatePlan(tuple(_steps(old, new, fits_at_once)))


def _steps(old: Program, new: Program, fits_at_once: FitsAtOnce) -> list[UpdateStep]:
    if is_whole(old) and observes(old) is not observes(new):
        return _steps_with_switch(old, new, fits_at_once)
    if names := renamed_chains(old, new):
        renamed = with_renamed_chains(old, names)
        difference = compare(renamed, new)
        if can_edit_in_place(renamed, new, difference) and not needs_closing(new, difference, fits_at_once):
            return [
                UpdateStep(StepKind.RENAME, renamed, names),
                *steps_in_place(renamed, new, difference, closing=False),
            ]
    difference = compare(old, new)
    if not can_edit_in_place(old, new, difference):
        return steps_by_copies(old, new, difference, fits_at_once)
    return steps_in_place(old, new, difference, closing=needs_closing(new, difference, fits_at_once))


def _steps_with_switch(old: Program, new: Program, fits_at_once: FitsAtOnce) -> list[UpdateStep]:
    if observes(new):
        observing = old.changed(chains=_fixed_chains_of_both(new, old))
        return [UpdateStep(StepKind.SWITCH, observing), *_steps(observing, new, fits_at_once)]
    observing = new.changed(chains=_fixed_chains_of_both(old, new))
    return [*_steps(old, observing, fits_at_once), UpdateStep(StepKind.SWITCH, new)]


def _fixed_chains_of_both(program: Program, other: Program) -> dict[str, Chain]:
    """Return the fixed chains of `program` that `other` has, too. Chains for bridges can be in only one of them."""
    return {name: chain for name, chain in fixed_chains(program).items() if name in other.chains}
