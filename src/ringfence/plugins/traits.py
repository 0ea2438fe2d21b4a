"""Traits: how a network plugin enforces policies differently from upstream.

`Traits` has the values that change an answer of the engine. All that is known about each plugin is in `topics` and
`table`.
"""

from enum import Enum
from typing import Final

import msgspec


class OwnNode(Enum):
    """What a pod may send to the node on which it runs."""

    OPEN = "open"
    """Upstream leaves it open: policies are assumed to apply, and an answer that depends on it says so."""
    POLICY = "policy"
    """What its policies allow."""
    ALWAYS = "always"
    """Everything."""


class Excepts(Enum):
    """What the `except` of an ipBlock does."""

    OWN_BLOCK = "own block"
    """It narrows its own block."""
    EVERY_BLOCK = "every block"
    """It narrows every block of the policy in the direction."""
    IGNORED = "ignored"
    """Nothing."""


class Traits(msgspec.Struct, frozen=True):
    """How policies are enforced. The defaults are upstream's meaning."""

    enforced: bool = True
    """Whether policies have any effect."""
    blocks_match_pods: bool = True
    """Whether an ipBlock matches pods by their addresses; those of hostNetwork pods are their nodes'."""
    blocks_match_nodes: bool = True
    """Whether an ipBlock matches the addresses of nodes."""
    node_reaches_own_pods: bool = True
    """Whether a node reaches the pods that run on it, whatever policies say."""
    own_node: OwnNode = OwnNode.OPEN
    sctp: bool = True
    """Whether port entries for SCTP count; otherwise they allow nothing."""
    port_ranges: bool = True
    """Whether `endPort` counts; otherwise an entry means its first port."""
    port_names: bool = True
    """Whether port entries with a name count; otherwise they allow nothing."""
    service_ports: bool = False
    """Whether egress rules are judged with the port of the Service instead of the target port."""
    ipv6: bool = True
    """Whether NetworkPolicies restrict IPv6."""
    standalone_pods: bool = True
    """Whether policies apply to pods without ownerReferences."""
    excepts: Excepts = Excepts.OWN_BLOCK
    negations: bool = True
    """Whether selectors with NotIn and DoesNotExist match; otherwise they select nothing."""


UPSTREAM: Final = Traits()
"""The meaning that upstream gives to policies."""

NOT_IN_POLICIES: Final = ("node_reaches_own_pods", "own_node", "service_ports")
"""The traits that change how questions are answered, and not how policies are compiled."""
