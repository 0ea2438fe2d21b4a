"""The traits of network plugins that cause a difference between clusters with different plugins.

Policies and pods may be the same on both sides. So for each row and each trait, the engine computes the traffic between
one source and one destination of the row with this trait as the other side has it.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from ringfence.analysis.differences.causes import Cause, Change, When
from ringfence.analysis.differences.what_changed import ChangedConnections, ClusterDifference, Ends
from ringfence.engine.answers import End, traffic_between
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.plugins import MODELLED, NOT_IN_POLICIES, PluginTraits, Topic, Traits, source_link
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_replace = msgspec.structs.replace


def with_plugin_causes(before: State, after: State, found: ClusterDifference) -> ClusterDifference:
    """The difference, with the traits that cause each row, and the assumptions about traits."""
    if before.enforced_by is after.enforced_by is None:
        return found
    assumptions = sorted({*found.assumptions, *_assumptions(before), *_assumptions(after)})
    found = _replace(found, assumptions=tuple(assumptions))
    differing = [topic for topic in MODELLED if _value(before, topic) != _value(after, topic)]
    if not differing:
        return found
    by_row = _topics_by_row(before, after, differing, found.connections)
    connections = tuple(
        _replace(row, causes=(*row.causes, *(_cause(before, after, topic) for topic in by_row[place] or differing)))
        for place, row in enumerate(found.connections)
    )
    enforcement = [topic for topic in differing if topic.field in ("enforced", "standalone_pods", "negations")]
    isolation = tuple(
        _replace(row, causes=(*row.causes, *(_cause(before, after, topic) for topic in enforcement)))
        for row in found.isolation
    )
    return _replace(found, connections=connections, isolation=isolation)


def _value(state: State, topic: Topic) -> object:
    return getattr(state.traits, topic.field)


def _topics_by_row(
    before: State, after: State, differing: list[Topic], rows: tuple[ChangedConnections, ...]
) -> defaultdict[int, list[Topic]]:
    """By the index of a row, the topics that decide about it: with the other side's trait, other traffic is allowed."""
    found: defaultdict[int, list[Topic]] = defaultdict(list)
    # The later cluster first; the earlier one is asked only about the rows for which no trait was found there.
    for state, other in ((after, before), (before, after)):
        left = [place for place in range(len(rows)) if not found[place]]
        present = {place: _passing(state, rows[place]) for place in left}
        decided: defaultdict[int, list[Topic]] = defaultdict(list)
        for topic in differing:
            traits: Traits = _replace(state.traits, **{topic.field: _value(other, topic)})
            with state.policies.enforcing(traits):
                for place in left:
                    if _passing(state, rows[place]) != present[place]:
                        decided[place].append(topic)
        for place, topics in decided.items():
            found[place] = topics
    return found


def _passing(state: State, row: ChangedConnections) -> Traffic:
    """The part of a row's traffic that is allowed between one of its sources and one of its destinations."""
    source = _end(state, row.sources, None)
    destination = _end(state, row.destinations, source)
    if source is None or destination is None:
        return row.traffic
    return traffic_between(state, source, destination) & row.traffic


def _end(state: State, ends: Ends, other: End | None) -> End | None:
    """One of the ends of a row, if possible not `other`."""
    if isinstance(ends, Addresses):
        return ends
    # Two workloads and two pods of each are enough to find one that is not the other end.
    pods = [pod for reference in ends[:2] for pod in _pods_of(state, reference)]
    return next((pod for pod in pods if pod is not other), pods[0] if pods else None)


def _pods_of(state: State, reference: Reference) -> Iterator[Member]:
    """At most two pods of a workload."""
    if member := state.member(reference):
        yield member
        return
    found = (pod for pod in state.members_in(reference.namespace) if state.workload(pod) == reference)
    for _, pod in zip(range(2), found, strict=False):
        yield pod


def _cause(before: State, after: State, topic: Topic) -> Cause:
    sides = "; ".join(_side_text(state.enforced_by, topic) for state in (before, after))
    return Cause(When.AFTER, Change.PLUGIN, text=f"{topic.name}: {sides}")


def _side_text(plugin: PluginTraits | None, topic: Topic) -> str:
    """How one side treats a topic, and how well that is known."""
    chosen = plugin.chosen.get(topic.name) if plugin else None
    if plugin is None or chosen is None:
        return f"as upstream means it, {topic.text(topic.upstream)}"
    source = source_link(chosen.trait.source)
    known = f"{chosen.trait.confidence}, {source}" if "/" in source else str(chosen.trait.confidence)
    return f"with {plugin.name}, {chosen.trait.text} ({known})"


def _assumptions(state: State) -> Iterator[str]:
    """The assumptions about traits: those for which another value would change the meaning of some policy."""
    if state.enforced_by is None:
        return
    for one in state.enforced_by.modelled():
        # The port of a Service is not part of a difference, and without nodes nothing depends on them.
        if one.topic.field in NOT_IN_POLICIES and (one.topic.field == "service_ports" or not state.nodes):
            continue
        for other in one.alternatives:
            if not state.policies.means_the_same(_replace(state.traits, **{one.topic.field: other.engine})):
                yield other.because
