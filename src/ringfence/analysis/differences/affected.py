"""What each trait of a network plugin changes for the policies of a cluster, and which rules it affects.

The engine computes the answers twice, with the policies as upstream defines them and with one trait as the plugin
implements it, and the two are compared. A trait that changes nothing for these policies is not among the results.
"""

from collections.abc import Iterator
from copy import deepcopy

import msgspec

from ringfence.analysis.differences.changed_plugin import with_plugin_causes
from ringfence.analysis.differences.cluster_differences import difference
from ringfence.analysis.differences.service_ports import changed_by_service_ports
from ringfence.analysis.differences.what_changed import ChangedConnections, ChangedIsolation
from ringfence.analysis.lists import NamedPolicy
from ringfence.engine.state import State
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.plugins import NOT_IN_POLICIES, UPSTREAM, ChosenTrait, PluginTraits


class AffectedRule(msgspec.Struct, frozen=True):
    """A rule whose meaning a trait changes; without an index, it changes the policy as a whole."""

    policy: NamedPolicy
    direction: Direction
    index: int | None
    place: Place | None

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        return f"{self.policy} {self.direction.field}{'' if self.index is None else f'[{self.index}]'}{where}"


class AffectingTrait(msgspec.Struct, frozen=True):
    """A trait of a plugin that changes something: the rules that it affects, and what it opens and closes.

    A rule may mean something else without any change of connections.
    """

    chosen: ChosenTrait
    rules: tuple[AffectedRule, ...]
    connections: tuple[ChangedConnections, ...]
    isolation: tuple[ChangedIsolation, ...]

    @property
    def changes_answers(self) -> bool:
        """Whether a connection is opened or closed, or a workload's isolation changes."""
        return bool(self.connections or self.isolation)


def affecting_traits(state: State, plugin: PluginTraits) -> tuple[AffectingTrait, ...]:
    """The traits of a plugin that change what the policies of a state mean, in the order of the topics.

    In `state`, policies must have upstream's meaning. It is not changed.
    """
    return tuple(_affecting(state, plugin))


def _affecting(state: State, plugin: PluginTraits) -> Iterator[AffectingTrait]:
    other: State | None = None
    for chosen in plugin.modelled():
        field = chosen.topic.field
        if chosen.engine == getattr(UPSTREAM, field):
            continue
        # Which port egress rules match cannot be seen by pairs of pods, which is what `difference` compares.
        if field == "service_ports":
            if rows := tuple(changed_by_service_ports(state)):
                yield AffectingTrait(chosen, (), rows, ())
            continue
        traits = msgspec.structs.replace(UPSTREAM, **{field: chosen.engine})
        rules = tuple(_rules(state, chosen))
        if not rules and (field not in NOT_IN_POLICIES or state.policies.means_the_same(traits)):
            continue
        # One copy serves all traits, because `enforce` replaces what was in force.
        other = other or deepcopy(state)
        other.enforce(msgspec.structs.replace(plugin, chosen={chosen.topic.name: chosen}))
        found = with_plugin_causes(state, other, difference(state, other))
        if rules or found.connections or found.isolation:
            yield AffectingTrait(chosen, rules, found.connections, found.isolation)


def _rules(state: State, chosen: ChosenTrait) -> Iterator[AffectedRule]:
    traits = msgspec.structs.replace(UPSTREAM, **{chosen.topic.field: chosen.engine})
    for policy, direction, index in state.policies.changed_rules(traits):
        path = "" if index is None else f"spec.{direction.field}[{index}]"
        place = policy.origin.at(path) if policy.origin else None
        place = place.without_columns if place else None
        yield AffectedRule(NamedPolicy(policy.namespace, policy.name, None, policy.kind_name), direction, index, place)
