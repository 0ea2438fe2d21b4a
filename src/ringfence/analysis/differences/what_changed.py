"""What a change does, as values: rows of connections, isolation, workloads, and all of it together."""

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

    `before` and `after` are all that passes, `traffic` is the difference. A workload among both is about two different
    pods of it; one that has a single pod is not about itself.
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
        """What has changed so that the connections have: policies, workloads, namespaces."""
        return attributed_to(self.causes)

    @property
    def order(self) -> tuple[object, ...]:
        """What changes are sorted by: the dangerous ones first, then those from and to the first workloads by name."""
        return self.kind is ConnectionChange.CLOSED, _order(self.sources), _order(self.destinations), str(self.traffic)


class LostDns(msgspec.Struct, frozen=True):
    """Workloads that can no longer reach DNS servers, at any port at which these are asked."""

    workloads: tuple[Reference, ...]
    servers: tuple[Reference, ...]
    causes: tuple[Cause, ...]


class ReviewedChange(msgspec.Struct, frozen=True):
    """A row that is allowed to be there: of each entry that says so the reason, the last day, and the place."""

    change: ChangedConnections
    entries: tuple[tuple[str, date, Place], ...]


class ChangedIsolation(msgspec.Struct, frozen=True):
    """Workloads that some policy isolates for a direction now and none did before, or the reverse."""

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

    `common` is how many workloads both have; None where both have the same files, which were then not read.
    `exposure` is about pods that do not exist yet, and workloads that do; `exposure_undecided` says why it may not be
    complete, and `namespaces` are those that exist now. `meaning` compares the policies for all pods that could exist;
    None where both have the same policies. `unknown` are the assumptions on which answers depend only since the change,
    `known` those on which they no longer do. `reviewed` are rows that were reviewed and do not count. `renamed`
    workloads are no difference: they are compared as one, under their present names. `services` lead elsewhere, and
    `routes`, such as an Ingress, to other Services. `dns_servers` are those of the workloads that both have.
    `unread` are policies that are not read and differ: what they change is not known.
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
        """Of what was closed, the connections to DNS servers: without these, names are not resolved any more."""
        found = []
        for one in self.of(ConnectionChange.CLOSED):
            if isinstance(one.sources, Addresses) or isinstance(one.destinations, Addresses):
                continue
            servers = tuple(end for end in one.destinations if end in self.dns_servers)
            clients = tuple(end for end in one.sources if end not in self.dns_servers)
            if servers and clients and _is_for_dns(one.traffic) and not _is_for_dns(one.after):
                found.append(LostDns(clients, servers, one.causes))
        return found

    @property
    def opened_services(self) -> list[ChangedService]:
        """The Services by which some workload reaches something, and reached nothing before."""
        return [one for one in self.services if one.opened]

    @property
    def exposure_changed(self) -> bool:
        """Whether something else is allowed for pods that could exist, beyond what the connections say."""
        return bool(self.exposure) or self.example is not None

    @property
    def example(self) -> Counterexample | None:
        """A connection that could exist and is allowed on one side only, where no other row shows a change."""
        if self.connections or self.reviewed or self.exposure or self.meaning is None:
            return None
        return self.meaning.counterexample if self.meaning.outcome is Outcome.FAILS else None

    @property
    def is_undecided(self) -> bool:
        """Whether it is not known if the policies allow the same for pods that could exist."""
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


def _is_for_dns(traffic: Traffic) -> bool:
    return any(traffic.contains("UDP", port) for port in DNS_PORTS)


def _order(ends: Ends) -> tuple[object, ...]:
    """Workloads by name, and addresses after them."""
    return (1, str(ends)) if isinstance(ends, Addresses) else (0, [str(end) for end in ends])
