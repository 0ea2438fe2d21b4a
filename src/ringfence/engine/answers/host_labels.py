"""HostNetwork pods behind the address of a node: plugins that can tell them from their node may match their labels.

Upstream permits two behaviours. The engine takes the more common one, in which the traffic of such a pod is its node's,
so a question about the address of a node is not answered by a rule that selects pods. With the other it may be.

Source: Kubernetes documentation, "NetworkPolicy and hostNetwork pods".
"""

from collections.abc import Iterator

import msgspec

from ringfence.engine.answers.rule_reasons import explain_profile
from ringfence.engine.answers.sides import Side
from ringfence.engine.population import Member
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic


def host_label_assumptions(side: Side) -> Iterator[tuple[Traffic, str]]:
    """The hostNetwork pods at the addresses of the peer that rules would select by labels, with the rules' traffic."""
    if side.subject.host_network or not isinstance(side.peer, Addresses):
        return
    for host in _different_hosts(side, side.peer):
        as_pod = msgspec.structs.replace(side, peer=host)
        for profile in side.state.tiers.stack(side.identity, side.direction):
            for policy in explain_profile(as_pod, profile):
                for rule in policy.rules:
                    yield from ((rule.traffic, peer.assumption) for peer in rule.peers if peer.assumption)


def _different_hosts(side: Side, addresses: Addresses) -> list[Member]:
    """The hostNetwork pods that have some of the addresses, one of those with the same labels, as of a DaemonSet."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], Member] = {}
    for host in side.state.host_network_members():
        if any(addresses.contains(family, number) for family, number in host.addresses):
            found.setdefault((host.namespace, frozenset(host.labels.items())), host)
    return list(found.values())
