"""Peer maps: what a pod is allowed with each other pod, by the group of pods that the peer is in.

A chain can look into one set after another where there are few rules about pods that only allow (`pod_rules`). Where
there are many, or where some deny or pass, so that the first that matches decides, what is allowed with each peer is
settled here, when the program is compiled. One map gives the group of the peer's address (`peer_groups`), another one,
of the subject's policies, the class of the group, and a third one leads from the class to a chain that allows exactly
that. So

- precedence cannot get lost in the kernel, and a packet costs four lookups, however many policies and rules there are;
- a change of a peer is the change of one element: no packet finds it half done.

A peer is in the map if a selector of some rule, or a port name, is about it. All others are decided by their address
alone (`address_rules`).

What a profile decides is the same for all subjects that have it, so the rules of a profile are settled once
(`tracked_rules`), and a map combines the decisions of the profiles of its subjects. The chains are those of classes,
named after what they contain, so that they never change, and shared by all maps.

Subjects have most of the administrators' policies in common, but NetworkPolicies of their own, which name few peers.
So they share a *common* map, of what holds for peers that their NetworkPolicies do not single out, and each has a small
map of exceptions, which is asked first. Whole maps for each subject would have 500,000 elements for 10,000 pods with
100 cluster policies, and each new kind of pods would come into all of them.

Groups do not lead to chains at once: whenever an element comes that leads to a chain, the kernel goes all ways that
packets can take, once for each pod of the node, each element of a map that these look into, and each rule behind that
(nft_chain_validate() of the kernel). With 100 pods and 500 groups, that took 8 ms in each transaction.
"""

from functools import cached_property
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec

from ringfence.dataplane.program import Dispatch, Rule, digest
from ringfence.engine.policies import EVERYONE, Action, CompiledRule, OwnPorts, Profile, own_traffic
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.sets.traffic import Traffic


class PeerRules(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The rules of one profile about peers of one address family, for subjects with these ports of their own.

    What no rule matches gets the action `otherwise`.
    """

    family: Family
    direction: Direction
    rules: tuple[CompiledRule, ...]
    otherwise: Action
    own: OwnPorts = frozenset()

    @cached_property
    def digest(self) -> str:
        """Made from what the rules say: other rules have another one."""
        rules = tuple((rule.action, rule.peers, rule.traffic, rule.port_names) for rule in self.rules)
        return digest((self.family, self.direction, rules, self.otherwise, self.own))

    @cached_property
    def about_everyone(self) -> "PeerRules":
        """The rules as they are about peers that none of them singles out. Only for rules that all allow."""
        traffic = Traffic.union_of([own_traffic(rule, self.own) for rule in self.rules if rule.peers.everyone])
        rules = (CompiledRule(0, EVERYONE, traffic),) if traffic else ()
        return PeerRules(self.family, self.direction, rules, self.otherwise)

    @cached_property
    def names_pods(self) -> bool:
        """Whether some rule is about pods by their labels or port names."""
        return any(rule.peers.selections or rule.port_names for rule in self.rules)


class RulesOfProfiles:
    """The rules of profiles as `PeerRules`, and common maps: the same object each time, as long as it is in use."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Profile, dict[tuple[Family, OwnPorts], PeerRules]] = WeakKeyDictionary()
        self._common: WeakValueDictionary[str, PeerMap] = WeakValueDictionary()

    def of(self, profile: Profile, family: Family, own: OwnPorts) -> PeerRules:
        """The rules of a profile for subjects with these ports of their own, of which it may name some."""
        named = frozenset(port for port in own if port[:2] in profile.port_names)
        known = self._known.setdefault(profile, {})
        if (family, named) not in known:
            rules = PeerRules(family, profile.direction, tuple(profile.rules), profile.otherwise, named)
            known[family, named] = rules
        return known[family, named]

    def common(self, peers: "PeerMap") -> "PeerMap":
        """A common map: the one of this name that other subjects have already, or else `peers`."""
        return self._common.setdefault(peers.name, peers)


class PeerMap(msgspec.Struct, frozen=True, eq=False, dict=True, weakref=True):
    """Rules whose peers in one address family are in a map: those of the profiles of a subject, in order.

    With rules `behind`, these decide about what the map does not allow; else it is denied. A map that `is_last` in its
    chain says nothing of peers with which nothing is allowed: what comes to the end of the chain is denied. One with a
    `common` map, which comes behind it in the chain, says nothing of peers of which that one says the same.
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
        """The direction that the rules are about."""
        return self.profiles[0].direction

    @cached_property
    def all_profiles(self) -> frozenset[PeerRules]:
        """The rules of its profiles, and of those of its common map."""
        return frozenset((*self.profiles, *(self.common.profiles if self.common else ())))

    @cached_property
    def name(self) -> str:
        """The map's name in the kernel: made from what the rules say, so that other rules have another map."""
        behind = tuple(rule.action.map for rule in self.behind if isinstance(rule.action, Dispatch))
        common = self.common.name if self.common else ""
        parts = (tuple(rules.digest for rules in self.profiles), behind, int(self.is_last), common)
        return f"peers{self.family:d}_{digest(parts)}"

    @property
    def chains_name(self) -> str:
        """The name of the map from classes to chains that goes with it."""
        return f"led_{self.name}"
