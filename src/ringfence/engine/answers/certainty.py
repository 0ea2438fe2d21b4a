"""Pairs about which an answer surely assumes nothing: no fact is missing that any assumption could be about.

To find what an answer assumes, its reasons are computed, which takes a hundred times as long as the answer. Here the
conditions are looked at under which there can be an assumption of each kind (`answers.assumptions`). What is certain by
them needs no reasons; what is not may still assume nothing.
"""

from collections import Counter
from weakref import WeakKeyDictionary

from ringfence.engine.answers.unknown_labels import values_named
from ringfence.engine.answers.verdicts import node_addresses
from ringfence.engine.policies import NETWORK_POLICY_TIER, End, Profile
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import LOOPBACK, Addresses


class Certainty:
    """Decides about pairs in one state, and remembers what it has found about pods and policies."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._revision = state.revision
        self._known: dict[Member, bool] = {}
        self._without_blocks: WeakKeyDictionary[Profile, bool] = WeakKeyDictionary()

    def assumes_nothing(self, source: End, destination: End) -> bool:
        """Whether an answer about any traffic between two ends surely assumes nothing.

        The connection is to the destination's own port: how it is translated is not looked at.
        """
        self._forget_what_changed()
        if self._state.doubts or self._state.enforced_by is not None:
            return False
        return self._side(source, Direction.EGRESS, destination) and self._side(destination, Direction.INGRESS, source)

    def is_known(self, pod: Member) -> bool:
        """Whether all is known about a pod that an assumption could be about, its address excepted."""
        self._forget_what_changed()
        found = self._known.get(pod)
        if found is None:
            found = self._known[pod] = self._is_known(pod)
        return found and not any(values_named(self._state, label) for label in pod.unknown_labels)

    def _forget_what_changed(self) -> None:
        if self._revision != self._state.revision:
            self._revision = self._state.revision
            self._known.clear()

    def _is_known(self, pod: Member) -> bool:
        if pod.host_network or pod.is_possible or not self._state.namespaces.is_defined(pod.namespace):
            return False
        names = Counter((port.name, port.protocol) for port in pod.named_ports)
        return max(names.values(), default=0) < 2

    def _side(self, subject: End, direction: Direction, peer: End) -> bool:
        if isinstance(subject, Addresses):
            return True
        if not self.is_known(subject):
            return False
        stack = self._state.tiers.stack(self._state.identity(subject), direction)
        if any(profile.tier != NETWORK_POLICY_TIER for profile in stack):
            return False  # the order of policies, nodes and domain names
        if isinstance(peer, Addresses):
            return self._is_known_outside(subject, peer)
        return self.is_known(peer) and (bool(peer.addresses) or all(map(self._has_no_blocks, stack)))

    def _is_known_outside(self, subject: Member, peer: Addresses) -> bool:
        """Whether nothing can be assumed about a pod and addresses: they are no node's of which that would matter."""
        state = self._state
        if state.only_namespace or node_addresses(state, subject) & peer or (state.nodes and not subject.node):
            return False
        outside = peer - LOOPBACK
        return not any(
            outside.contains(*address) for host in state.host_network_members() for address in host.addresses
        )

    def _has_no_blocks(self, profile: Profile) -> bool:
        found = self._without_blocks.get(profile)
        if found is None:
            found = not any(rule.peers.block for rule in profile.rules)
            self._without_blocks[profile] = found
        return found
