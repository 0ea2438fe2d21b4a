"""All pods of a state, grouped by what policies can tell apart, for tests about all other pods.

They are found once for all tests, until an object changes or a policy distinguishes other pods.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from ringfence.engine.answers import Certainty
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset


class OtherPods(msgspec.Struct, frozen=True):
    """The pods with networks of their own by the bit of their identity, and those that use their node's.

    `all` are the identities of the former, in the order of their bits.
    `known` are the identities whose pods all have an address and lack no information that an answer could assume.
    """

    version: tuple[int, object]
    by_identity: Mapping[int, tuple[Member, ...]]
    hosts: tuple[Member, ...]
    all: Bitset
    known: Bitset


def other_pods(state: State, certainty: Certainty) -> OtherPods:
    """All pods of a state as it is now."""
    found: defaultdict[int, list[Member]] = defaultdict(list)
    hosts: list[Member] = []
    unknown = 0
    for pod in state.members():
        if pod.host_network:
            hosts.append(pod)
            continue
        bit = state.identity(pod).bit
        found[bit].append(pod)
        # One pod without information makes the whole identity doubtful, as no pod of it is asked about alone.
        if not (pod.addresses and certainty.is_known(pod)):
            unknown |= 1 << bit
    listed = {bit: tuple(pods) for bit, pods in found.items()}
    everyone = bitsets.of(found)
    return OtherPods(version_of(state), listed, tuple(hosts), everyone, everyone & ~unknown)


def version_of(state: State) -> tuple[int, object]:
    """A value that changes whenever the pods or their identities change."""
    return state.revision, state.population.version
