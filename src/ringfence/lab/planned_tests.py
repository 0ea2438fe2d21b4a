"""The connections by which a laboratory runs the tests of a file: which are opened, and which must be answered.

Of the ports that a test asks about, a laboratory probes the first and last that the engine allows and denies, and those
that the destination declares; of addresses outside the cluster, one for each way in which policies distinguish them. So
every answer of the engine to the test, allowed or denied, is compared with the kernel by at least one connection.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice, permutations, product
from typing import Final

import msgspec

from ringfence.analysis.endpoints import AskedPorts, Endpoint
from ringfence.analysis.questions import Answer, Pair
from ringfence.engine.answers import is_exempt, traffic_between
from ringfence.engine.policies import End
from ringfence.engine.population import Member
from ringfence.errors import LaboratoryError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import IPAddress, LabPod, LabPort
from ringfence.lab.probing import LabEndpoint, Probe, probes_between
from ringfence.model.policies import Direction
from ringfence.sets.addresses import LOOPBACK, NO_ADDRESSES, Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic
from ringfence.testing.asking import Asking
from ringfence.testing.outcomes import JudgedTest, Status
from ringfence.testing.reachability_tests import (
    Connects,
    DefaultDeny,
    Expected,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
    ReachabilityTest,
)

MOST_PROBES: Final = 2_000
"""The largest number of connections of one test. If it asks about more, an evenly spread sample is opened."""

_MOST_LISTED: Final = 50 * MOST_PROBES
_MOST_PAIRS: Final = 400
"""The largest number of pairs of two endpoints that are all probed. Of more, one represents all that no policy can tell
apart."""


class Demand(msgspec.Struct, frozen=True):
    """Connections of which all must be answered (`must_pass`), or none; with `is_one_enough`, at least one is."""

    probes: tuple[Probe, ...]
    must_pass: bool
    is_one_enough: bool = False


class PlannedTest(msgspec.Struct, frozen=True):
    """The demands of a test, which all must be met, or with `is_one_enough` one of them.

    With `is_sample`, the test is about more connections than these.
    """

    demands: tuple[Demand, ...]
    is_one_enough: bool = False
    is_sample: bool = False


def reason_against(outcome: JudgedTest) -> str:
    """Why a laboratory does not test what the engine has judged, whatever the input; empty if it may."""
    test = outcome.test
    if outcome.status is Status.SKIPPED:
        return "it is skipped"
    if outcome.status is Status.ERROR:
        return "the engine could not judge it"
    if test.skip:
        return "its skip has expired"
    match test.expectation:
        case Connects(expected=Expected.UNKNOWN):
            return "it is about information that the input lacks, and the laboratory fills that in"
        case IsIsolated():
            return "isolation is not a connection: add a test with expect: deny"
        case DefaultDeny() | OnlyThese(future=True):
            return "it is about pods that do not exist yet"
        case NoPath(through_pods=True):
            return "it is about chains of connections"
    return ""


class Planner:
    """Plans tests in a laboratory. Hosts outside the cluster that the plans need are not built yet."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._state = laboratory.cluster.state
        self._asking = Asking(self._state, laboratory.cluster.namespace)
        added = set(laboratory.added_pods)
        self._pods = [pod for pod in self._state.members() if str(pod) not in added]
        self._hosts: dict[Addresses, list[IPAddress]] = {}

    def plan(self, test: ReachabilityTest) -> PlannedTest:
        """The connections for a test that `reason_against` lets through.

        Raises LaboratoryError for what no laboratory can open, and InputError for ends that have no meaning in it.
        """
        match test.expectation:
            case Connects() as expectation:
                planned = self._connects(test, expectation)
            case OnlyThese() as expectation:
                planned = self._only_these(test, expectation)
            case NoPath(sources, destinations, ports):
                planned = self._all(chain(*self._asked(test, sources, destinations, ports)), must_pass=False)
            case NoCrossNamespace(excepted):
                planned = self._all(self._across_namespaces(set(excepted)), must_pass=False)
            case _:
                raise AssertionError(f"{test.name} cannot be planned")
        if not any(demand.probes for demand in planned.demands):
            raise LaboratoryError("there is no connection to open between two different ends with a common family")
        return planned

    # --- expectations -------------------------------------------------------------------------------------------------

    def _connects(self, test: ReachabilityTest, expectation: Connects) -> PlannedTest:
        must_pass = expectation.expected is Expected.ALLOW
        asked = self._asked(test, expectation.sources, expectation.destinations, expectation.ports)
        if not expectation.any_pair:
            return self._all(chain(*asked), must_pass=must_pass)
        demands = tuple(Demand(probes, must_pass) for pairs in asked for probes in self._by_ends(pairs) if probes)
        _check_number(demands)
        return PlannedTest(demands, is_one_enough=True)

    def _only_these(self, test: ReachabilityTest, expectation: OnlyThese) -> PlannedTest:
        listed = [one for text in expectation.listed for one in self._endpoints(text, test)]
        demands: list[Demand] = []
        denied: list[Iterator[Pair]] = []
        for own in (one for text in expectation.ends for one in self._endpoints(text, test)):
            for one in listed:
                answer = self._answer_about(expectation, own, one)
                if expectation.ports.is_everything:
                    demands += [Demand(probes, True, is_one_enough=True) for probes in self._by_ends(answer.pairs)]
                else:
                    probes, _ = self._few(answer.pairs)
                    demands.append(Demand(probes, True))
            denied.append(self._with_others(expectation, own, listed))
        probes, is_sample = self._few(chain(*denied))
        demands.append(Demand(probes, False))
        _check_number(demands)
        return PlannedTest(tuple(demands), is_sample=is_sample)

    def _with_others(self, expectation: OnlyThese, own: Endpoint, listed: Iterable[Endpoint]) -> Iterator[Pair]:
        """The pairs of an end with all that are not listed, except those that no policy can deny."""
        known = {end for one in listed for end in one.ends if isinstance(end, Member)}
        for pod in self._pods:
            if pod in known or own.ends == (pod,):
                continue
            ports = expectation.ports
            is_named = expectation.direction is Direction.EGRESS and ports.names
            # The pod has no port of this name, so there is no connection to deny.
            if is_named and ports.known_at([pod]) is None:
                continue
            yield from self._forbidden(self._answer_about(expectation, own, Endpoint(str(pod), (pod,))))
        # Packets to loopback addresses do not leave the pod.
        addresses = self._asking.outside - LOOPBACK
        for one in listed:
            addresses -= one.addresses or NO_ADDRESSES
            for end in one.ends:
                addresses -= end if isinstance(end, Addresses) else NO_ADDRESSES
        if addresses and not (expectation.direction is Direction.EGRESS and expectation.ports.names):
            yield from self._forbidden(self._answer_about(expectation, own, Endpoint("others", (addresses,))))

    def _forbidden(self, answer: Answer) -> Iterator[Pair]:
        return (pair for pair in answer.pairs if not is_exempt(self._state, pair.source, pair.destination))

    def _answer_about(self, expectation: OnlyThese, own: Endpoint, other: Endpoint) -> Answer:
        ports = expectation.ports
        if expectation.direction is Direction.INGRESS:
            return self._answer(other, own, ports)
        if ports.names and other.service is None:
            ports = ports.known_at(end for end in other.ends if isinstance(end, Member)) or ports
        return self._answer(own, other, ports)

    def _across_namespaces(self, excepted: set[str]) -> Iterator[Pair]:
        pods = [pod for pod in self._pods if pod.namespace not in excepted]
        for source, destination in permutations(pods, 2):
            if source.namespace != destination.namespace and not is_exempt(self._state, source, destination):
                yield Pair(source, destination, None)

    # --- pairs --------------------------------------------------------------------------------------------------------

    def _asked(
        self, test: ReachabilityTest, sources: Iterable[str], destinations: Iterable[str], ports: AskedPorts
    ) -> Iterator[tuple[Pair, ...]]:
        for source, destination in product(sources, destinations):
            ends = self._endpoints(source, test), self._endpoints(destination, test)
            for one, other in product(*ends):
                yield self._answer(one, other, ports).pairs

    def _endpoints(self, text: str, test: ReachabilityTest) -> tuple[Endpoint, ...]:
        found = self._asking.alternatives(text, test.namespace)
        for one in found:
            if one.possible is not None or any(isinstance(end, Member) and end.is_possible for end in one.ends):
                raise LaboratoryError(f"{text} is about pods that do not exist yet")
        return found

    def _answer(self, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> Answer:
        if len(source.ends) * len(destination.ends) > _MOST_PAIRS:
            return self._asking.answer_of(source, destination, ports)
        return Answer(self._state, source, destination, ports)

    # --- probes -------------------------------------------------------------------------------------------------------

    def _all(self, pairs: Iterable[Pair], *, must_pass: bool) -> PlannedTest:
        probes, is_sample = self._few(pairs)
        return PlannedTest((Demand(probes, must_pass),), is_sample=is_sample)

    def _few(self, pairs: Iterable[Pair]) -> tuple[tuple[Probe, ...], bool]:
        """The connections of pairs, each once, and whether there are more than these."""
        found = dict.fromkeys(islice((probe for pair in pairs for probe in self._probes(pair)), _MOST_LISTED + 1))
        probes = tuple(found)
        # Rounded up: at most `MOST_PROBES` are left, spread over the whole list.
        step = -(-len(probes) // MOST_PROBES) or 1
        return probes[::step], step > 1

    def _by_ends(self, pairs: Iterable[Pair]) -> Iterator[tuple[Probe, ...]]:
        """The connections between each two ends."""
        of_ends: defaultdict[tuple[End, End], dict[Probe, None]] = defaultdict(dict)
        for pair in pairs:
            of_ends[pair.source, pair.destination].update(dict.fromkeys(self._probes(pair)))
        return map(tuple, of_ends.values())

    def _probes(self, pair: Pair) -> Iterator[Probe]:
        if pair.is_one_pod:
            return
        for source, destination in product(self._places(pair.source), self._places(pair.destination)):
            if source != destination:
                ports = self._ports(pair, source, destination)
                for probe in probes_between(source, destination, ports):
                    if Family(probe.destination_address.version) in pair.over:
                        yield probe

    def _places(self, end: End) -> list[LabEndpoint]:
        """The pod, or the hosts outside the cluster that stand for addresses. Raises LaboratoryError without any."""
        if isinstance(end, Member):
            return [self._laboratory.topology.pod_by_name[str(end)]]
        hosts = self._hosts.get(end)
        if hosts is None:
            hosts = self._hosts[end] = self._laboratory.hosts_for(end)
        if not hosts:
            raise LaboratoryError(f"no host outside the cluster can have an address of {end}")
        return list(hosts)

    def _ports(self, pair: Pair, source: LabEndpoint, destination: LabEndpoint) -> tuple[LabPort, ...]:
        """The first and last ports that the engine allows and denies for a pair, and those that are declared."""
        asked = ALL_TRAFFIC if pair.asked is None else pair.asked
        allowed = traffic_between(
            self._state, _end(pair.source, source), _end(pair.destination, destination), pair.over
        )
        declared = destination.ports if isinstance(destination, LabPod) else ()
        found = [port for port in declared if asked.contains(port.protocol, port.number)]
        return tuple(dict.fromkeys((*found, *_outermost(asked & allowed), *_outermost(asked - allowed))))


def _end(end: End, place: LabEndpoint) -> End:
    """The end; for a set of addresses, only the address of the host."""
    if isinstance(end, Member) or isinstance(place, LabPod):
        return end
    return Addresses.in_family(Family(place.version), ((int(place), int(place)),))


def _outermost(traffic: Traffic) -> Iterator[LabPort]:
    for protocol in PROTOCOLS:
        if ranges := traffic.ports(protocol):
            yield LabPort(ranges[0][0], protocol)
            yield LabPort(ranges[-1][1], protocol)


def _check_number(demands: Iterable[Demand]) -> None:
    number = sum(len(demand.probes) for demand in demands)
    if number > _MOST_LISTED:
        raise LaboratoryError(f"it is about more than {_MOST_LISTED:,} connections")
