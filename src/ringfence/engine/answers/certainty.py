"""Finds pairs about which an answer certainly assumes nothing, because no fact is missing for any assumption.

To find what an answer assumes, its reasons are computed, which takes a hundred times as long as the answer. This module
checks the conditions under which each kind of assumption is possible (`answers.assumptions`). A pair that meets none of
them needs no reasons; a pair that meets one may still assume nothing.
"""

from collections import Counter
from weakref import WeakKeyDictionary

from ringfence.engine.answers.host_selections import unapplied_policies, would_select
from ringfence.engine.answers.unknown_labels import values_named
from ringfence.engine.answers.verdicts import node_addresses
from ringfence.engine.policies import NETWORK_POLICY_TIER, End, Profile, Stack
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import LOOPBACK, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Certainty:
    """Decides about pairs in one state, and caches its results about pods and policies."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._revision = state.revision
        self._known: dict[Member, bool] = {}
        self._different_hosts: list[Member] | None = None
        self._without_hosts: WeakKeyDictionary[Profile, dict[Traffic, bool]] = WeakKeyDictionary()
        self._without_blocks: WeakKeyDictionary[Profile, bool] = WeakKeyDictionary()

    def assumes_nothing(self, source: End, destination: End, asked: Traffic = ALL_TRAFFIC) -> bool:
        """Whether an answer about some traffic, by default any, between two ends surely assumes nothing.

        The connection is to the destination's own port: how it is translated is not looked at.
        """
        self._forget_what_changed()
        # Unread policies and traits of plugins can be about any pair, so nothing is certain and no further check is
        # needed.
        if self._state.doubts or self._state.enforced_by is not None:
            return False
        egress, ingress = Direction.EGRESS, Direction.INGRESS
        return self._side(source, egress, destination, asked) and self._side(destination, ingress, source, asked)

    def is_known(self, pod: Member) -> bool:
        """Whether everything that an assumption could need is known about a pod, except its address."""
        self._forget_what_changed()
        found = self._known.get(pod)
        if found is None:
            found = self._known[pod] = self._is_known(pod)
        # Not cached with the pod, because it depends on what policies read, and only few pods have such labels.
        return found and not any(values_named(self._state, label) for label in pod.unknown_labels)

    def _forget_what_changed(self) -> None:
        if self._revision != self._state.revision:
            self._revision = self._state.revision
            self._known.clear()
            self._different_hosts = None
            self._without_hosts.clear()

    def _is_known(self, pod: Member) -> bool:
        return not pod.host_network and self._has_known_fields(pod)

    def _has_known_fields(self, pod: Member) -> bool:
        if pod.is_possible or not self._state.namespaces.is_defined(pod.namespace):
            return False
        names = Counter((port.name, port.protocol) for port in pod.named_ports)
        # A name that two containers give to different ports is ambiguous (`ambiguous_ports`).
        return max(names.values(), default=0) < 2

    def _side(self, subject: End, direction: Direction, peer: End, asked: Traffic) -> bool:
        if isinstance(subject, Addresses):
            return True
        if subject.host_network:
            is_unapplied = any(True for _ in unapplied_policies(self._state, subject, direction))
            return isinstance(peer, Member) and self._is_known_host(subject) and not is_unapplied
        if not self.is_known(subject):
            return False
        stack = self._state.tiers.stack(self._state.identity(subject), direction)
        if any(profile.tier != NETWORK_POLICY_TIER for profile in stack):
            return False  # the order of policies, nodes and domain names
        if isinstance(peer, Addresses):
            return self._is_known_outside(subject, peer, stack, asked)
        if peer.host_network:
            # A pod and its own node are a case apart, and the two may be that as long as one of the nodes is not known.
            are_apart = "" != subject.node != peer.node != ""
            return are_apart and self._is_known_host(peer) and self._selects_no_host(stack, asked)
        # A missing address matters only if some rule has a block that could contain it.
        return self.is_known(peer) and (bool(peer.addresses) or all(map(self._has_no_blocks, stack)))

    def _is_known_host(self, host: Member) -> bool:
        unknown = any(values_named(self._state, label) for label in host.unknown_labels)
        return bool(host.addresses) and not unknown and self._has_known_fields(host)

    def _is_known_outside(self, subject: Member, peer: Addresses, stack: Stack, asked: Traffic) -> bool:
        """Whether nothing can be assumed about a pod and addresses: they are no node's of which that would matter."""
        state = self._state
        if state.only_namespace or node_addresses(state, subject) & peer or (state.nodes and not subject.node):
            return False
        if self._selects_no_host(stack, asked):
            return True
        outside = peer - LOOPBACK
        return not any(
            outside.contains(*address) for host in state.host_network_members() for address in host.addresses
        )

    def _selects_no_host(self, stack: Stack, asked: Traffic) -> bool:
        """Whether no rule that may be about the traffic would select a hostNetwork pod by its labels.

        Plugins may match such pods by their labels.
        """
        for profile in stack:
            known = self._without_hosts.setdefault(profile, {})
            if asked not in known:
                rules = (rule for rule in profile.rules if rule.port_names or rule.traffic & asked)
                selections = [one for rule in rules for one in rule.peers.selections]
                hosts = self._hosts() if selections else ()
                known[asked] = not any(would_select(self._state, one, host) for one in selections for host in hosts)
            if not known[asked]:
                return False
        return True

    def _hosts(self) -> list[Member]:
        """The hostNetwork pods, one of those with the same labels, as of a DaemonSet."""
        if self._different_hosts is None:
            # What would select a hostNetwork pod depends on namespace and labels only: a DaemonSet of 5,000 pods is one
            # of them.
            by_labels = {
                (one.namespace, frozenset(one.labels.items())): one for one in self._state.host_network_members()
            }
            self._different_hosts = list(by_labels.values())
        return self._different_hosts

    def _has_no_blocks(self, profile: Profile) -> bool:
        found = self._without_blocks.get(profile)
        if found is None:
            found = not any(rule.peers.block for rule in profile.rules)
            self._without_blocks[profile] = found
        return found
