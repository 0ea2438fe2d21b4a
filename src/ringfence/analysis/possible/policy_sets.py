"""A set of policies, apart from the cluster that it was read with: what questions about any cluster are about."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import Meaning, compile_in_any_cluster
from ringfence.engine.state import State
from ringfence.model.unread_policies import Doubt


class PolicySet(msgspec.Struct, frozen=True):
    """Some policies, under the name by which answers call them, such as the folder that they were read from.

    `unread` names the policies of kinds that are not read: whatever they do is not part of the meaning.
    """

    name: str
    policies: tuple[CompiledPolicy[Any], ...]
    unread: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What the policies mean in any cluster."""
        return Meaning(self.policies)


def policy_set(name: str, state: State) -> PolicySet:
    """The policies of a state. Pods, namespaces, nodes and all else in it are left out."""
    unread = (one for one in state.doubts if one.doubt is not Doubt.INERT)
    return set_of_policies(name, state.tiers.policies(), [f"{one} ({one.place})" for one in unread])


def set_of_policies(name: str, policies: Iterable[CompiledPolicy[Any]], unread: Sequence[str] = ()) -> PolicySet:
    """Some policies of any state, and the names of those that are not read."""
    compiled = tuple(
        # Without blocks, a policy means the same whatever nodes there are.
        one if one.namespace and not one.blocks else compile_in_any_cluster(one.policy, one.origin)
        for one in policies
    )
    return PolicySet(name, compiled, tuple(unread))
