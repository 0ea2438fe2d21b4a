"""Peer maps: maps from groups of peer pods to the traffic that a subject is allowed to exchange with them.

If a profile has few rules about pods, and all of them allow, its chain looks up one set for each rule (`pod_rules`).
If it has many rules, or if some rules deny or pass, so that the first match decides, the compiler computes in advance
what is allowed with each peer. A packet then passes three maps. The first contains the group of the peer's address
(`peer_groups`). The second belongs to the subject's policies and contains the class of the group. The third contains
the chain of the class, which allows exactly what the policies allow. This has two advantages:

- The kernel does not evaluate precedence, and a packet needs four lookups for any number of policies and rules.
- A change of a peer changes one element, so no packet sees a part of the change.

The map contains a peer if a selector or a port name of some rule matches it. Rules about addresses decide for all
other peers (`address_rules`).

A profile decides the same for all its subjects. So the rules of a profile are evaluated once (`tracked_rules`), and a
map combines the decisions of several profiles. The chains of classes are named after their contents, so they never
change, and all maps share them.

Subjects have most policies of the administrators in common, but have different NetworkPolicies, which select few
peers. So the subjects share a *common* map for the peers that their NetworkPolicies do not single out. Each also has a
small map of exceptions, which its chain looks up first. Complete maps for each subject would have 500,000 elements for
10,000 pods with 100 cluster policies, and each new kind of pod would be added to all of them.

Groups do not lead to chains directly. When an element that leads to a chain is added, the kernel validates all paths
that packets can take (nft_chain_validate()): once for each pod of the node, each element of a map on its path, and
each rule after that. With 100 pods and 500 groups, this took 8 ms in each transaction.
"""

from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec

from ringfence.dataplane.program import Dispatch, Rule, digest
from ringfence.engine.policies import EVERYONE, Action, CompiledRule, OwnPorts, Profile, own_traffic
from ringfence.engine.population import Block, PortName
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.sets.traffic import Traffic

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
"""Writes equal values equally, in a tenth of the time of `digest`. Unlike that, it cannot write IPv6 addresses."""


class _Meaning(msgspec.Struct, frozen=True):
    """What a rule says. Unlike a rule, it is compared by value, so `digest` writes it once for many profiles."""

    action: str
    everyone: bool
    selections: bytes
    block: Block | None
    traffic: Traffic
    port_names: tuple[PortName, ...]


def _meaning(rule: CompiledRule) -> _Meaning:
    peers = rule.peers
    selections = _ENCODER.encode(peers.selections)
    return _Meaning(rule.action.value, peers.everyone, selections, peers.block, rule.traffic, rule.port_names)


class PeerRules(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The rules of one profile for peers of one address family, for subjects with these ports of their own.

    Traffic that no rule matches gets the action `otherwise`.
    """

    family: Family
    direction: Direction
    rules: tuple[CompiledRule, ...]
    otherwise: Action
    own: OwnPorts = frozenset()

    @cached_property
    def digest(self) -> str:
        """A digest of the contents of the rules: different rules have different digests."""
        rules = tuple(map(_meaning, self.rules))
        return digest((self.family, self.direction, rules, self.otherwise, self.own))

    @cached_property
    def about_everyone(self) -> "PeerRules":
        """The rules that match peers that no rule singles out. All rules must allow."""
        traffic = Traffic.union_of([own_traffic(rule, self.own) for rule in self.rules if rule.peers.everyone])
        rules = (CompiledRule(0, EVERYONE, traffic),) if traffic else ()
        return PeerRules(self.family, self.direction, rules, self.otherwise)

    @cached_property
    def names_pods(self) -> bool:
        """Whether some rule matches pods by labels or port names."""
        return any(rule.peers.selections or rule.port_names for rule in self.rules)


class RulesOfProfiles:
    """The `PeerRules` of profiles, and common maps. Returns the same object each time while it is in use."""

    def __init__(self) -> None:
        # An entry goes with its profile, which is replaced when one of its policies changes.
        self._known: WeakKeyDictionary[Profile, dict[tuple[Family, OwnPorts], PeerRules]] = WeakKeyDictionary()
        # A common map stays as long as the map of some subject refers to it.
        self._common: WeakValueDictionary[str, PeerMap] = WeakValueDictionary()

    def of(self, profile: Profile, family: Family, own: OwnPorts) -> PeerRules:
        """Return the rules of a profile for subjects with these ports. Ignores ports that the rules never name."""
        named = frozenset(port for port in own if port[:2] in profile.port_names)
        known = self._known.setdefault(profile, {})
        if (family, named) not in known:
            rules = PeerRules(family, profile.direction, tuple(profile.rules), profile.otherwise, named)
            known[family, named] = rules
        return known[family, named]

    def common(self, peers: "PeerMap") -> "PeerMap":
        """Return the common map of this name that other subjects use already; if there is none, `peers`."""
        return self._common.setdefault(peers.name, peers)


class PeerMap(msgspec.Struct, frozen=True, eq=False, dict=True, weakref=True):
    """The rules of a subject's profiles, in order, whose peers in one address family are in a map.

    The rules `behind` decide about traffic that the map does not allow. Without such rules, it is denied.

    A map that `is_last` in its chain has no elements for peers with which nothing is allowed, because the end of the
    chain denies all packets. A map with a `common` map has no elements for peers for which the common map gives the
    same result. The chain looks up the common map second.
    """

    profiles: tuple[PeerRules, ...]
    behind: tuple[Rule, ...] = ()
    is_last: bool = False
    common: "PeerMap | None" = None

    @property
    def family(self) -> Family:
        """The address family of the peers."""
        return self.profiles[0].family

    @property
    def direction(self) -> Direction:
        """The direction of the rules."""
        return self.profiles[0].direction

    @cached_property
    def all_profiles(self) -> frozenset[PeerRules]:
        """The rules of the map's own profiles and of its common map's profiles."""
        return frozenset((*self.profiles, *(self.common.profiles if self.common else ())))

    @cached_property
    def name(self) -> str:
        """The map's name in the kernel. It is a digest of the rules, so different rules have different maps."""
        behind = tuple(rule.action.map for rule in self.behind if isinstance(rule.action, Dispatch))
        common = self.common.name if self.common else ""
        parts = (tuple(rules.digest for rules in self.profiles), behind, int(self.is_last), common)
        return f"peers{self.family:d}_{digest(parts)}"

    @property
    def chains_name(self) -> str:
        """The name of the map from this map's classes to chains."""
        return f"led_{self.name}"
