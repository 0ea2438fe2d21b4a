"""The values that describe a change: rows of connections, isolation, workloads, and the whole difference."""

from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from ringfence.analysis.differences.causes import Cause, Change, ConnectionChange, attributed_to
from ringfence.analysis.differences.changed_exposure import ChangedExposure
from ringfence.analysis.differences.changed_routes import ChangedRoute
from ringfence.analysis.differences.changed_services import ChangedService
from ringfence.analysis.differences.matched_workloads import RenamedWorkload
from ringfence.analysis.differences.unread_changes import UnreadChange
from ringfence.analysis.possible import Comparison, Counterexample, Outcome
from ringfence.engine.population import Reference
from ringfence.model.dns_servers import DNS_PORTS
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

Ends = tuple[Reference, ...] | Addresses


class ChangedConnections(msgspec.Struct, frozen=True):
    """Traffic that was opened or closed from each of some sources to each of some destinations.

    `before` and `after` are all allowed traffic, `traffic` is the difference. A workload among sources and destinations
    means two different pods of it; a workload with a single pod is not its own peer.
    """

    kind: ConnectionChange
    sources: Ends
    destinations: Ends
    traffic: Traffic
    before: Traffic
    after: Traffic
    causes: tuple[Cause, ...]

    @property
    def attributed_to(self) -> tuple[Change, ...]:
        """The kinds of objects whose change caused this: policies, workloads, namespaces, plugin."""
        return attributed_to(self.causes)

    @property
    def order(self) -> tuple[object, ...]:
        """The sort key of changes: opened before closed, then by the names of sources and destinations."""
        return self.kind is ConnectionChange.CLOSED, _order(self.sources), _order(self.destinations), str(self.traffic)


class LostDns(msgspec.Struct, frozen=True):
    """Workloads that can no longer reach DNS servers on any port on which these answer."""

    workloads: tuple[Reference, ...]
    servers: tuple[Reference, ...]
    causes: tuple[Cause, ...]


class ReviewedChange(msgspec.Struct, frozen=True):
    """A row that was reviewed and accepted; each entry that accepts it is a reason, the last day, and the place."""

    change: ChangedConnections
    entries: tuple[tuple[str, date, Place], ...]


class ChangedIsolation(msgspec.Struct, frozen=True):
    """Workloads that are isolated for a direction only after the change, or only before it."""

    workloads: tuple[Reference, ...]
    direction: Direction
    is_isolated: bool
    causes: tuple[Cause, ...]


class PolicyCount(msgspec.Struct, frozen=True):
    """How many policies were added, removed or written differently, by kind, namespace and name."""

    added: int
    removed: int
    changed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class ClusterDifference(msgspec.Struct, frozen=True):
    """All that differs between two clusters. False if nothing does.

    `common` is how many workloads both have; None if both have the same files, which are then not compared. `exposure`
    is about pods that do not exist yet, and workloads that do; `exposure_undecided` says why it may not be complete,
    and `namespaces` are those that exist now. `meaning` compares the policies for all pods that could exist; None where
    both have the same policies. `unknown` are assumptions on which answers depend only after the change, `known` those
    on which they depended only before it. `reviewed` are rows that were reviewed and do not count. `renamed` workloads
    are no difference: they are compared as one, under their present names. `services` are Services that lead to other
    targets, `routes` objects such as an Ingress that lead to other Services. `dns_servers` are those among the
    workloads that both have. `unread` are changed policies of unsupported kinds: what they change is not known.
    """

    connections: tuple[ChangedConnections, ...]
    isolation: tuple[ChangedIsolation, ...]
    added: tuple[Reference, ...]
    removed: tuple[Reference, ...]
    common: int | None
    policies: PolicyCount
    meaning: Comparison | None
    unknown: tuple[str, ...]
    known: tuple[str, ...]
    unread: tuple[UnreadChange, ...]
    assumptions: tuple[str, ...]
    exposure: tuple[ChangedExposure, ...] = ()
    exposure_undecided: str = ""
    namespaces: tuple[str, ...] = ()
    reviewed: tuple[ReviewedChange, ...] = ()
    renamed: tuple[RenamedWorkload, ...] = ()
    services: tuple[ChangedService, ...] = ()
    routes: tuple[ChangedRoute, ...] = ()
    dns_servers: frozenset[Reference] = frozenset()

    def of(self, kind: ConnectionChange) -> list[ChangedConnections]:
        """The connections that were opened, or closed."""
        return [one for one in self.connections if one.kind is kind]

    @property
    def lost_dns(self) -> list[LostDns]:
        """The closed connections to DNS servers: without these, the clients cannot resolve names."""
        found = []
        for one in self.of(ConnectionChange.CLOSED):
            if isinstance(one.sources, Addresses) or isinstance(one.destinations, Addresses):
                continue
            servers = tuple(end for end in one.destinations if end in self.dns_servers)
            clients = tuple(end for end in one.sources if end not in self.dns_servers)
            # Still allowed on another DNS port means that names can be resolved: CoreDNS listens on 53 or, in
            # OpenShift, on 5353.
            if servers and clients and _is_for_dns(one.traffic) and not _is_for_dns(one.after):
                found.append(LostDns(clients, servers, one.causes))
        return found

    @property
    def opened_services(self) -> list[ChangedService]:
        """The Services through which some workload reaches something now and reached nothing before."""
        return [one for one in self.services if one.opened]

    @property
    def exposure_changed(self) -> bool:
        """Whether the traffic of possible pods has changed beyond what the connections say."""
        return bool(self.exposure) or self.example is not None

    @property
    def example(self) -> Counterexample | None:
        """A possible connection that is allowed in one cluster only, if no other row shows a change."""
        if self.connections or self.reviewed or self.exposure or self.meaning is None:
            return None
        return self.meaning.counterexample if self.meaning.outcome is Outcome.FAILS else None

    @property
    def is_undecided(self) -> bool:
        """Whether it is undecided if the policies allow the same for possible pods."""
        return bool(self.exposure_undecided) or (self.meaning is not None and self.meaning.outcome is Outcome.UNKNOWN)

    def __bool__(self) -> bool:
        return bool(
            self.connections
            or self.isolation
            or self.added
            or self.removed
            or self.services
            or self.routes
            or self.exposure_changed
            or self.unknown
            or self.known
        )


SAME_FILES: Final = ClusterDifference((), (), (), (), None, PolicyCount(0, 0, 0), None, (), (), (), ())
"""The difference between two clusters that are read from the same files, whatever is in these."""


def changed_traffic(before: Traffic, after: Traffic) -> Iterator[tuple[ConnectionChange, Traffic]]:
    """The traffic that was opened and the traffic that was closed, each only if there is any."""
    if opened := after - before:
        yield ConnectionChange.OPENED, opened
    if closed := before - after:
        yield ConnectionChange.CLOSED, closed


def _is_for_dns(traffic: Traffic) -> bool:
    return any(traffic.contains("UDP", port) for port in DNS_PORTS)


def _order(ends: Ends) -> tuple[object, ...]:
    """Workloads by name, and addresses after them."""
    return (1, str(ends)) if isinstance(ends, Addresses) else (0, [str(end) for end in ends])
