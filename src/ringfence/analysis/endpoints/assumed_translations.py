"""What an answer assumes about a connection to an address or a port that is rewritten on its way.

Upstream leaves open whether policies apply before or after the rewriting, and which source address a pod sees then. In
practice the destination is rewritten first; so the engine takes it. An assumption is named only where the answer could
be another one: a rule names the address that is rewritten; the rewriting happens on another node than that of the
source; or a node's address may replace that of the client.

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
    """What the answer about one pair assumes because of the translation through which it connects, if any."""
    if via is None:
        return
    if is_one_pod(reason.source, reason.destination):
        yield from _about_hairpin(state, via, reason)
        return
    order = list(_about_order(state, via, reason))
    yield from order
    # A source that surely may not open the connection makes it pointless how the connection would arrive.
    if reason.egress.allowed or order or reason.egress.assumptions:
        yield from _about_source(state, via, reason)


def _about_order(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether the egress of the source depends on whether policies apply before or after the rewriting."""
    source, destination = reason.source, reason.destination
    if not isinstance(source, Member) or source.host_network or not via.addresses:
        return
    before = _passes(
        Traffic.of(via.protocol, ((via.port, via.port),)), side_traffic(state, source, Direction.EGRESS, via.addresses)
    )
    after = reason.egress.allowed
    elsewhere = via.is_proxied or (via.is_at_node and via.node != source.node)
    # Where the source's node rewrites it, rules that select the pods behind it are known to work everywhere.
    if before is after or (after and not elsewhere and isinstance(destination, Member)):
        return
    where = f" on node {via.node}" if via.is_at_node and via.node else ""
    yield (
        f"{via} is rewritten to {end_text(destination)}{where}: the egress policies of {source} are taken to apply "
        "to the rewritten destination; Kubernetes leaves the order open"
    )


def _about_source(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether the ingress of the destination depends on an address that may replace that of the source."""
    source, destination = reason.source, reason.destination
    if not isinstance(destination, Member) or destination.host_network:
        return
    if not via.is_proxied and (via.keeps_source or not _may_replace_source(via, reason)):
        return
    from_anywhere = side_traffic(state, destination, Direction.INGRESS, ALL_ADDRESSES)
    if reason.ingress.allowed and _passes(reason.asked, from_anywhere):
        return
    whose = "the load balancer's address" if via.is_proxied else "a node's address"
    why = "connections go through the load balancer" if via.is_proxied else "externalTrafficPolicy is not Local"
    yield (
        f"{destination} is taken to see the address of {end_text(source)}; through {via} it may see {whose}, because "
        f"{why}"
    )


def _may_replace_source(via: Translation, reason: PairReason) -> bool:
    """Whether the client's address may be replaced: of pods it is not, if they use an address inside the cluster."""
    from_outside = not isinstance(reason.source, Member) or reason.source.host_network
    return from_outside or via.front not in (Front.SERVICE, Front.CLUSTER_IP)


def _about_hairpin(state: State, via: Translation, reason: PairReason) -> Iterator[str]:
    """Whether a pod that reaches itself through a Service would be denied if its own policies applied."""
    pod = reason.source
    if isinstance(pod, Member) and not all(
        _passes(reason.asked, side_traffic(state, pod, direction, pod, reason.over)) for direction in Direction
    ):
        yield (
            f"{pod} may reach itself through {via}: that is taken to be allowed, as all that a pod sends to itself; "
            "network plugins differ"
        )


def _passes(asked: Traffic | None, allowed: Traffic) -> bool:
    return not (asked or ALL_TRAFFIC) - allowed
