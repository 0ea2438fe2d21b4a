"""Which traits of a network plugin decide an answer, and on which uncertain traits it depends.

A trait decides if the answer changes when this trait alone is set to that of upstream. Each is tried in the engine:
policies are enforced with the other value of the trait, and the question is asked again.
"""

from collections.abc import Callable, Hashable

import msgspec

from ringfence.engine.state import State
from ringfence.plugins import UPSTREAM, ChosenTrait, Traits


class TraitEffects(msgspec.Struct, frozen=True):
    """The traits that decide about an answer, and what is assumed of traits that are not certain."""

    deciding: tuple[ChosenTrait, ...] = ()
    assumptions: tuple[str, ...] = ()


def trait_effects(state: State, answer: Callable[[], Hashable]) -> TraitEffects:
    """What the traits of the plugin that enforces the policies do to an answer, which is asked for several times."""
    plugin = state.enforced_by
    if plugin is None:
        return TraitEffects()
    return _Effects(state, tuple(plugin.modelled()), answer).found()


class _Effects:
    def __init__(self, state: State, chosen: tuple[ChosenTrait, ...], answer: Callable[[], Hashable]) -> None:
        self._state = state
        self._chosen = chosen
        self._ask = answer
        self._present = answer()
        # A trial puts all policies in force again; eight take 0.3 s for 1,000 policies (docs/performance.md), so none
        # is repeated.
        self._tried: dict[Traits, Hashable] = {state.traits: self._present}

    def found(self) -> TraitEffects:
        return TraitEffects(self._deciding(), tuple(self._assumptions()))

    def _deciding(self) -> tuple[ChosenTrait, ...]:
        traits = self._state.traits
        # Traits that are as upstream's cannot be what makes the answer differ from upstream's.
        differing = [one for one in self._chosen if one.engine != one.counterpart]
        deciding = [one for one in differing if self._answer(_with(traits, one, one.counterpart)) != self._present]
        if deciding or self._answer(UPSTREAM) == self._present:
            return tuple(deciding)
        # Several traits have the same effect: each alone would be enough.
        plain = self._answer(UPSTREAM)
        enough = [one for one in differing if self._answer(_with(UPSTREAM, one, one.engine)) != plain]
        return tuple(enough or differing)

    def _assumptions(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for one in self._chosen:
            for other in one.alternatives:
                if self._answer(_with(self._state.traits, one, other.engine)) != self._present:
                    found[other.because] = None
        return found

    def _answer(self, traits: Traits) -> Hashable:
        """The answer with other traits; the present one where these change nothing that is in force."""
        if traits not in self._tried:
            if self._state.policies.means_the_same(traits):
                self._tried[traits] = self._present
            else:
                with self._state.policies.enforcing(traits):
                    self._tried[traits] = self._ask()
        return self._tried[traits]


def _with(traits: Traits, one: ChosenTrait, engine: object) -> Traits:
    return msgspec.structs.replace(traits, **{one.topic.field: engine})
