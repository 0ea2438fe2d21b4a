"""Peer maps: what a pod is allowed with each other pod, by one lookup of the peer's address.

A chain can look into one set after another where there are few rules about pods that only allow (`pod_rules`). Where
there are many, or where some deny or pass, so that the first that matches decides, what is allowed with each peer is
settled here, when the program is compiled. A map leads from the peer's address to a chain that allows exactly that. So

- precedence cannot get lost in the kernel, and a packet costs two lookups, however many policies and rules there are;
- a change of a peer is the change of one element: no packet finds it half done.

A peer is in the map if a selector of some rule, or a port name, is about it. All others are decided by their address
alone (`address_rules`). The chains are those of classes: their contents are in one set for each map, and a class is
named after what it contains, so that it never changes.
"""

from functools import cached_property

import msgspec

from ringfence.dataplane.program import Dispatch, Rule, digest
from ringfence.engine.policies import Action, CompiledRule, OwnPorts
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family


class PeerMap(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Rules whose peers in one address family are in a map, for subjects with these ports of their own.

    Each rule comes with the place of its profile in the stack; `otherwise` are the actions of the profiles. With rules
    `behind`, these decide about what the map does not allow; else it is denied.
    """

    family: Family
    direction: Direction
    rules: tuple[tuple[int, CompiledRule], ...]
    otherwise: tuple[Action, ...]
    own: OwnPorts
    behind: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """The map's name in the kernel: made from what the rules say, so that other rules have another map."""
        return f"peers{self.family:d}_{self._digest}"

    @property
    def contents_name(self) -> str:
        """The name of the set with the contents of its classes."""
        return f"contents_{self._digest}"

    @cached_property
    def _digest(self) -> str:
        rules = tuple((profile, rule.action, rule.peers, rule.traffic, rule.port_names) for profile, rule in self.rules)
        behind = tuple(rule.action.map for rule in self.behind if isinstance(rule.action, Dispatch))
        return digest((self.family, self.direction, rules, self.otherwise, self.own, behind))
