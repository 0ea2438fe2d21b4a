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

Groups do not lead to chains at once: whenever an element comes that leads to a chain, the kernel goes all ways that
packets can take, once for each pod of the node, each element of a map that these look into, and each rule behind that
(nft_chain_validate() of the kernel). With 100 pods and 500 groups, that took 8 ms in each transaction.
"""

from functools import cached_property
from weakref import WeakKeyDictionary

import msgspec

from ringfence.dataplane.program import Dispatch, Rule, digest
from ringfence.engine.policies import Action, CompiledRule, OwnPorts, Profile
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family


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


class RulesOfProfiles:
    """The rules of profiles as `PeerRules`: the same object each time, for as long as the profile exists."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Profile, dict[tuple[Family, OwnPorts], PeerRules]] = WeakKeyDictionary()

    def of(self, profile: Profile, family: Family, own: OwnPorts) -> PeerRules:
        """The rules of a profile for subjects with these ports of their own, of which it may name some."""
        named = frozenset(port for port in own if port[:2] in profile.port_names)
        known = self._known.setdefault(profile, {})
        if (family, named) not in known:
            rules = PeerRules(family, profile.direction, tuple(profile.rules), profile.otherwise, named)
            known[family, named] = rules
        return known[family, named]


class PeerMap(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Rules whose peers in one address family are in a map: those of the profiles of a subject, in order.

    With rules `behind`, these decide about what the map does not allow; else it is denied. A map that `is_last` in its
    chain says nothing of peers with which nothing is allowed: what comes to the end of the chain is denied.
    """

    profiles: tuple[PeerRules, ...]
    behind: tuple[Rule, ...] = ()
    is_last: bool = False

    @property
    def family(self) -> Family:
        """The address family of the peers."""
        return self.profiles[0].family

    @property
    def direction(self) -> Direction:
        """The direction that the rules are about."""
        return self.profiles[0].direction

    @cached_property
    def name(self) -> str:
        """The map's name in the kernel: made from what the rules say, so that other rules have another map."""
        behind = tuple(rule.action.map for rule in self.behind if isinstance(rule.action, Dispatch))
        parts = (tuple(rules.digest for rules in self.profiles), behind, int(self.is_last))
        return f"peers{self.family:d}_{digest(parts)}"

    @property
    def chains_name(self) -> str:
        """The name of the map from classes to chains that goes with it."""
        return f"led_{self.name}"
