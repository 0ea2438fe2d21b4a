"""Why a connection is allowed only before or only after a change: the deciding policies and rules, or changed labels.

A connection was opened by rules that allow it after the change, or by the removal of a policy that isolated before. The
causes of a closed connection are found in the same way with both clusters exchanged. A policy that is the same in both
cannot be the only cause: then labels of a namespace or a workload have changed, or its ports, addresses or network.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial, reduce
from operator import or_
from typing import Any

import msgspec

from ringfence.analysis.differences.matched_workloads import ClusterView
from ringfence.analysis.differences.relabelling import Relabelling
from ringfence.analysis.differences.sides import SideClass
from ringfence.analysis.lists import NamedPolicy
from ringfence.engine.policies import Action, CompiledPolicy, CompiledRule, OwnPorts, Profile, Stack, own_ports
from ringfence.model.origin import Origin, Place
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

PolicyKey = tuple[str, str, str]
"""The kind, the namespace and the name of a policy."""


Origins = Callable[[PolicyKey], Origin | None]
"""Gives the place where a policy was read; None if it is not known."""


class Change(StrEnum):
    """What has changed: the value is the word in the documents."""

    POLICIES = "policies"
    WORKLOADS = "workloads"
    NAMESPACES = "namespaces"
    PLUGIN = "plugin"
    """The network plugin that enforces the policies (`changed_plugin`)."""


class ConnectionChange(StrEnum):
    """Whether connections were opened or closed: the value is the word in the documents."""

    OPENED = "opened"
    CLOSED = "closed"


class When(StrEnum):
    """In which of the two clusters something holds."""

    BEFORE = "before"
    AFTER = "after"


class Effect(StrEnum):
    """The effect of a policy, or of one of its rules, on the connection."""

    ALLOWS = "allows"
    DENIES = "denies"
    ISOLATES = "isolates"


class Cause(msgspec.Struct, frozen=True, order=True):
    """A policy or a rule that decides in one of the clusters, or a change of labels.

    `what` is the kind of object that has changed. It is None for a policy that is the same in both clusters: it
    decides, but something else has changed. `rule` is the index of the rule among those of the direction; None is the
    policy as a whole. A cause without a policy has its `text`.
    """

    when: When
    what: Change | None
    policy: NamedPolicy | None = None
    effect: Effect | None = None
    direction: Direction | None = None
    rule: int | None = None
    place: Place | None = None
    text: str = ""

    @property
    def order(self) -> tuple[str, ...]:
        """The sort key of causes."""
        return (self.text, self.when, str(self.place), str(self.policy), str(self.direction), f"{self.rule}")


def attributed_to(causes: Iterable[Cause]) -> tuple[Change, ...]:
    """What has changed, of policies, workloads, namespaces and the network plugin, in alphabetical order."""
    return tuple(sorted({cause.what for cause in causes if cause.what}))


Peers = Bitset | Addresses
"""The other ends of connections: workloads, or addresses outside the cluster."""


class Causes:
    """Finds the causes of changes between two clusters."""

    def __init__(
        self, before: ClusterView, after: ClusterView, relabelling: Relabelling, origins: Origins | None = None
    ) -> None:
        """`origins` are where the policies of the second cluster were read, if these do not say so themselves."""
        self._views = {When.BEFORE: before, When.AFTER: after}
        self._origins = origins
        self._relabelling = relabelling
        self._other_plugin = before.state.traits != after.state.traits
        specs = {when: _specs(view) for when, view in self._views.items()}
        old, new = specs[When.BEFORE], specs[When.AFTER]
        self.unchanged = {key for key in old.keys() & new.keys() if old[key] == new[key]}

    def of(
        self, sides: Iterable[tuple[SideClass, Peers, Traffic]], subjects: Bitset, peers: Bitset, *, opened: bool
    ) -> tuple[Cause, ...]:
        """The causes of a change between workloads.

        `sides` are the sides that decide, each with its peers and the traffic that it decides. `subjects` and `peers`
        are all workloads of both ends: their labels may have changed.
        """
        policies = {cause for side in sides for cause in self._of_side(*side, opened=opened)}
        # A policy that is the same in both clusters is named only if nothing else explains the change.
        changed = {cause for cause in policies if cause.what}
        if not changed:
            changed = policies | set(self._relabelled(subjects | peers))
        # Policies and labels are the same, so only what selectors do not read is left.
        if not any(cause.what for cause in changed) and not self._other_plugin:
            text = "the ports, the addresses or the network of the workloads changed"
            changed.add(Cause(When.AFTER, Change.WORKLOADS, text=text))
        return tuple(sorted(changed, key=lambda cause: cause.order))

    def of_isolation(
        self,
        old: Iterable[CompiledPolicy[Any]],
        new: Iterable[CompiledPolicy[Any]],
        direction: Direction,
        workloads: Bitset,
    ) -> tuple[Cause, ...]:
        """The causes of a change of isolation: the policies that isolated, or do now."""
        found = {
            self._cause(when, policy, Effect.ISOLATES, direction)
            for when, policies in ((When.BEFORE, old), (When.AFTER, new))
            for policy in policies
        }
        if not any(cause.what for cause in found):
            found |= set(self._relabelled(workloads))
        return tuple(sorted(found, key=lambda cause: cause.order))

    def _of_side(self, side: SideClass, peers: Peers, traffic: Traffic, *, opened: bool) -> Iterator[Cause]:
        allowing, denying = (When.AFTER, When.BEFORE) if opened else (When.BEFORE, When.AFTER)
        allowing_stack, denying_stack = self._stack(allowing, side), self._stack(denying, side)
        # If policies isolate on both sides, it is the missing or added rule that decides, not the isolation.
        if any(map(_isolates, denying_stack)) and not any(map(_isolates, allowing_stack)):
            for profile in filter(_isolates, denying_stack):
                for policy in profile.policies:
                    yield self._cause(denying, policy, Effect.ISOLATES, side.direction)
        for policy, rule in self._matching(allowing, side, allowing_stack, peers, traffic):
            if rule.action is Action.ALLOW:
                yield self._cause(allowing, policy, Effect.ALLOWS, side.direction, rule)
        for policy, rule in self._matching(denying, side, denying_stack, peers, traffic):
            if rule.action is Action.DENY:
                yield self._cause(denying, policy, Effect.DENIES, side.direction, rule)

    def _stack(self, when: When, side: SideClass) -> Stack:
        return self._views[when].stack(side.example, side.direction)

    def _matching(
        self, when: When, side: SideClass, stack: Stack, peers: Peers, traffic: Traffic
    ) -> Iterator[tuple[CompiledPolicy[Any], CompiledRule]]:
        """The rules that match some of the traffic with some of the peers, in the order of evaluation."""
        view = self._views[when]
        own = own_ports(stack, view.identity(side.example))
        cells: Callable[[CompiledRule], Iterable[tuple[Any, Traffic]]]
        within: Any
        if isinstance(peers, Addresses):
            cells, within = partial(view.state.tiers.address_traffic, own=own), peers
        else:
            cells, within = partial(_cells_of_pods, view, own, side.direction), view.identities(peers)
        for profile in stack:
            for policy in profile.policies:
                for rule in policy.rules[side.direction]:
                    if any(extent & within and matched & traffic for extent, matched in cells(rule)):
                        yield policy, rule

    def _cause(
        self,
        when: When,
        policy: CompiledPolicy[Any],
        effect: Effect,
        direction: Direction,
        rule: CompiledRule | None = None,
    ) -> Cause:
        path = f"spec.{direction.field}[{rule.index}]" if rule else ""
        origin = self._origins(key_of(policy)) if self._origins and when is When.AFTER else policy.origin
        place = origin.at(path) if origin else None
        if place:
            place = place.without_columns
        what = None if key_of(policy) in self.unchanged else Change.POLICIES
        named = NamedPolicy(policy.namespace, policy.name, None, policy.kind_name)
        return Cause(when, what, named, effect, direction, rule.index if rule else None, place)

    def _relabelled(self, workloads: Bitset) -> Iterator[Cause]:
        for text in self._relabelling.of_namespaces(workloads):
            yield Cause(When.AFTER, Change.NAMESPACES, text=text)
        for text in self._relabelling.of_workloads(workloads):
            yield Cause(When.AFTER, Change.WORKLOADS, text=text)


def _cells_of_pods(
    view: ClusterView, own: OwnPorts, direction: Direction, rule: CompiledRule
) -> Iterable[tuple[Bitset, Traffic]]:
    """The identities that a rule selects, by the traffic that it matches with them."""
    tiers = view.state.tiers
    families = view.state.population.decisive_families()
    selected = reduce(or_, (tiers.peers(rule.peers, family) for family in families), 0)
    return tiers.rule_traffic(rule, direction, selected, own)


def key_of(policy: CompiledPolicy[Any]) -> PolicyKey:
    """The key by which a policy is found in the other cluster."""
    return policy.kind, policy.namespace, policy.name


def _specs(view: ClusterView) -> dict[PolicyKey, Any]:
    return {key_of(policy): policy.policy.spec for policy in view.policies}


def _isolates(profile: Profile) -> bool:
    return profile.otherwise is Action.DENY
