"""The assumptions of an answer about a connection whose destination address or port is rewritten.

Upstream does not define whether policies apply before or after the rewriting, nor which source address a pod sees then.
In practice the destination is rewritten first, and the engine assumes that. An assumption is named only if the answer
could differ: a rule names the address that is rewritten; the rewriting happens on another node than that of the source;
or a node's address may replace that of the client.

Source: Kubernetes documentation, "Network Policies", "Behavior of to and from selectors"; "Using Source IP".
"""

from collections.abc import Iterator

from ringfence.analysis.endpoints.translations import Front, Translation
from ringfence.engine.answers import PairReason, end_text, side_traffic
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


def translation_assumptions(state: State, via: Translation | None, reason: PairReason) -> Iterator[str]:
    """The assumptions about the translation through which one pair connects, if there is one."""
    if via is None:
        return
    if is_one_pod(reason.source, reason.destination):
        yield from _about_hairpin(state, via, reason)
        return
    order = list(_about_order(state, via, reason))
    yield from order
    # If the source is certainly denied, it does not matter with which address the connection would arrive.
    if reason.egress.allowed or order or reason.egress.assumptions:
        yield from _about_source(state, via, reason)


def _about_order(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether the egress of the source depends on whether policies apply before or after the rewriting."""
    source, destination = reason.source, reason.destination
    # Without a policy at the source, or without a known address, no rule could match the address before it is
    # rewritten.
    if not isinstance(source, Member) or source.host_network or not via.addresses:
        return
    before = _passes(
        Traffic.of(via.protocol, ((via.port, via.port),)), side_traffic(state, source, Direction.EGRESS, via.addresses)
    )
    after = reason.egress.allowed
    elsewhere = via.is_proxied or (via.is_at_node and via.node != source.node)
    # If the source's own node rewrites the address, all plugins apply rules that select the pods behind it.
    if before is after or (after and not elsewhere and isinstance(destination, Member)):
        return
    where = f" on node {via.node}" if via.is_at_node and via.node else ""
    yield (
        f"{via} is rewritten to {end_text(destination)}{where}: the egress policies of {source} are assumed to apply "
        "to the rewritten destination; Kubernetes does not define the order"
    )


def _about_source(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether the ingress of the destination depends on an address that may replace that of the source."""
    source, destination = reason.source, reason.destination
    if not isinstance(destination, Member) or destination.host_network:
        return
    if not via.is_proxied and (via.keeps_source or not _may_replace_source(via, reason)):
        return
    from_anywhere = side_traffic(state, destination, Direction.INGRESS, ALL_ADDRESSES)
    # If any address may connect, it does not matter which of them the pod sees.
    if reason.ingress.allowed and _passes(reason.asked, from_anywhere):
        return
    whose = "the load balancer's address" if via.is_proxied else "a node's address"
    why = "connections go through the load balancer" if via.is_proxied else "externalTrafficPolicy is not Local"
    yield (
        f"{destination} is assumed to see the address of {end_text(source)}; through {via} it may see {whose}, "
        f"because {why}"
    )


def _may_replace_source(via: Translation, reason: PairReason) -> bool:
    """Whether the client's address may be replaced. A pod keeps its address when it connects to a ClusterIP."""
    from_outside = not isinstance(reason.source, Member) or reason.source.host_network
    return from_outside or via.front not in (Front.SERVICE, Front.CLUSTER_IP)


def _about_hairpin(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether a pod that reaches itself through a Service would be denied if its own policies applied."""
    pod = reason.source
    if isinstance(pod, Member) and not all(
        _passes(reason.asked, side_traffic(state, pod, direction, pod, reason.over)) for direction in Direction
    ):
        yield (
            f"{pod} may reach itself through {via}: this is assumed to be allowed, like all traffic of a pod to "
            "itself; network plugins differ"
        )


def _passes(asked: Traffic | None, allowed: Traffic) -> bool:
    return not (asked or ALL_TRAFFIC) - allowed
