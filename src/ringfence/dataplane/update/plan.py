"""The plan of an update: how one program becomes another without losing an allowed packet or passing a forbidden one.

A packet meets rules of the generation in which it entered, but finds in each set what is there when it looks. So a
transaction is atomic for one lookup and for all rules, but not for two lookups, and even less are several transactions.
A plan therefore goes by steps, programs themselves, chosen such that every state on the way, and every mixture of two
neighbouring ones, allows what both ends allow and forbids what both ends forbid:

1. *create* everything new that nothing refers to yet;
2. *close* and *narrow*: each changed side (a pod's egress or ingress) allows only what both its old and its new rules
   allow. Whatever the other side does meanwhile, nothing is lost that both programs allow, and nothing passes that both
   forbid;
3. *pass*, *fill* and *thin*: elements are added to, and then removed from, sets that unchanged chains look into;
   addresses that become exceptions pass by interim groups (`interim_groups`);
4. *widen* and *open*: each changed side allows what its new rules allow;
5. *clean*: what nothing refers to any more goes.

Where only one direction changes, closing is not needed: a connection has one side there, which changes at once.

To edit sets in place is safe as long as one address at a time comes and goes, or one direction is affected; else the
update goes by copies of the edited sets (`copies`).

All of this is about programs that enforce. One that only observes lets pass what its profiles deny, so everything else
changes while the kernel observes: after the switch to it, or before the switch back.
"""

from typing import NamedTuple

from ringfence.dataplane.program import Chain, Program, fixed_chains, is_whole, observes
from ringfence.dataplane.update.comparison import can_edit_in_place, compare, needs_closing
from ringfence.dataplane.update.copies import steps_by_copies
from ringfence.dataplane.update.steps import StepKind, UpdateStep, steps_in_place


class UpdatePlan(NamedTuple):
    """The steps to go through, one transaction or more for each; the last one's program is the one that was wanted."""

    steps: tuple[UpdateStep, ...]

    @property
    def programs(self) -> list[Program]:
        """The programs that the steps lead to."""
        return [step.program for step in self.steps]


def plan_update(old: Program | None, new: Program) -> UpdatePlan:
    """How `old`, None if there is no table yet, becomes `new`."""
    if old is None:
        # Packets reach a new table only when everything is in place: its base chains are created last.
        return UpdatePlan((UpdateStep(StepKind.CREATE, new),))
    return UpdatePlan(tuple(_steps(old, new)))


def _steps(old: Program, new: Program) -> list[UpdateStep]:
    if is_whole(old) and observes(old) is not observes(new):
        return _steps_with_switch(old, new)
    difference = compare(old, new)
    if not can_edit_in_place(old, new, difference):
        return steps_by_copies(old, new, difference)
    return steps_in_place(old, new, difference, closing=needs_closing(new, difference))


def _steps_with_switch(old: Program, new: Program) -> list[UpdateStep]:
    if observes(new):
        observing = old.changed(chains=_fixed_chains_of_both(new, old))
        return [UpdateStep(StepKind.SWITCH, observing), *_steps(observing, new)]
    observing = new.changed(chains=_fixed_chains_of_both(old, new))
    return [*_steps(old, observing), UpdateStep(StepKind.SWITCH, new)]


def _fixed_chains_of_both(program: Program, other: Program) -> dict[str, Chain]:
    """The fixed chains of a program that the other one has as well; chains for bridges may be in one of them only."""
    return {name: chain for name, chain in fixed_chains(program).items() if name in other.chains}
