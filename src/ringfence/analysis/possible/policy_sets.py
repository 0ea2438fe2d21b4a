"""A set of policies without the cluster that it was read with, for questions about any cluster."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import Meaning, compile_in_any_cluster
from ringfence.engine.state import State
from ringfence.model.unread_policies import Doubt
from ringfence.sets.traffic import PROTOCOLS

_RANGES_OF_A_STEP: Final = 8
"""Port ranges with which a step takes twice as long as with one."""


class PolicySet(msgspec.Struct, frozen=True):
    """Some policies with a name for answers, such as the folder from which they were read.

    `unread` names the policies of unsupported kinds: their effect is not part of the meaning.
    """

    name: str
    policies: tuple[CompiledPolicy[Any], ...]
    unread: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What the policies mean in any cluster."""
        return Meaning(self.policies)

    @property
    def weight(self) -> int:
        """How many times as long a step takes as with rules of a few ports: it compares two sets of port ranges."""
        rules = [rule for policy in self.policies for some in policy.rules.values() for rule in some]
        ranges = sum(len(rule.traffic.ports(protocol)) for rule in rules for protocol in PROTOCOLS)
        return 1 + ranges // (len(rules) * _RANGES_OF_A_STEP) if rules else 1


def policy_set(name: str, state: State) -> PolicySet:
    """The policies of a state, without its pods, namespaces, nodes and other objects."""
    unread = (one for one in state.doubts if one.doubt is not Doubt.INERT)
    return set_of_policies(name, state.tiers.policies(), [f"{one} ({one.place})" for one in unread])


def set_of_policies(name: str, policies: Iterable[CompiledPolicy[Any]], unread: Sequence[str] = ()) -> PolicySet:
    """Some policies of any state, and the names of those of unsupported kinds."""
    compiled = tuple(
        # Nodes matter only to policies with blocks: these are compiled again without the nodes of their cluster.
        one if one.namespace and not one.blocks else compile_in_any_cluster(one.policy, one.origin)
        for one in policies
    )
    return PolicySet(name, compiled, tuple(unread))
