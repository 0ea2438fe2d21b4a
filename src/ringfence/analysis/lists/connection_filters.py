"""Filters of lists: the endpoints from and to which, the ports, and the part of the cluster.

A Service as a destination stands for its pods and their target ports. The part of the cluster (a namespace, a label
selector) applies to either end: a connection is listed if one of its ends is in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final

import msgspec

from ringfence.analysis.endpoints import AskedPorts, Endpoint, resolve, targets
from ringfence.engine.answers import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError, InputError
from ringfence.model.selector_text import ListSelector, parse_list_selector
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class ClusterPart(msgspec.Struct, frozen=True):
    """A part of a cluster: the pods of a namespace, or of all, that a label selector matches."""

    namespace: str | None = None
    selector: ListSelector = ListSelector()

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole cluster."""
        return self.namespace is None and not self.selector.terms

    def contains(self, pod: Member) -> bool:
        """Whether a pod is in it."""
        return self.namespace in (None, pod.namespace) and self.selector.matches(pod.labels)


WHOLE_CLUSTER: Final = ClusterPart()
_ALL_PORTS: Final = AskedPorts()


class ListedSide(msgspec.Struct, frozen=True):
    """The filter of one side of a list: the given `pods` and `addresses`, each with the traffic asked about.

    If they are None, all pods and addresses are listed, with the same `ports` of each.
    """

    ports: AskedPorts = AskedPorts()
    pods: Mapping[Member, Traffic] | None = None
    addresses: tuple[tuple[Addresses, Traffic], ...] | None = None

    def asked(self, pod: Member) -> Traffic:
        """The traffic at a pod that the list is about."""
        return self.ports.at(pod) if self.pods is None else self.pods.get(pod, NO_TRAFFIC)

    @property
    def reach(self) -> Addresses:
        """All addresses that the list is about."""
        if self.addresses is None:
            return ALL_ADDRESSES
        return reduce(or_, (within for within, _ in self.addresses), NO_ADDRESSES)

    def parts(self, found: Partition[Addresses, Traffic]) -> Iterator[tuple[Addresses, Traffic]]:
        """The part of a division of outside addresses by traffic that the list is about."""
        about = self.addresses
        if about is None:
            about = ((ALL_ADDRESSES, ALL_TRAFFIC if self.ports.is_everything else self.ports.numbers),)
        for within, asked in about:
            for addresses, traffic in found:
                if (common := addresses & within) and (passing := traffic & asked):
                    yield common, passing


ANY_END: Final = ListedSide()


class ConnectionFilter(msgspec.Struct, frozen=True):
    """The connections that a list is about; by default all."""

    sources: ListedSide = ANY_END
    destinations: ListedSide = ANY_END
    part: ClusterPart = WHOLE_CLUSTER

    def within(self, part: ClusterPart) -> "ConnectionFilter":
        """This filter for connections of which an end is in a part of the cluster."""
        return msgspec.structs.replace(self, part=part)


ALL_CONNECTIONS: Final = ConnectionFilter()


def list_selector(text: str) -> ListSelector:
    """The label selector in `text`, in the notation of kubectl's `-l`. Raises InputError for an invalid selector."""
    try:
        return parse_list_selector(text)
    except ValueError as error:
        raise InputError(f"-l {text}: {error}") from None


def connection_filter(
    state: State,
    namespace: str,
    sources: Sequence[str] = (),
    destinations: Sequence[str] = (),
    ports: AskedPorts = _ALL_PORTS,
) -> ConnectionFilter:
    """The filter for endpoints given as text; names without a namespace are looked up in `namespace`.

    Raises EndpointError for an endpoint that matches nothing, and for a port that no destination has.
    """
    openers = [_existing(resolve(state, text, namespace)) for text in sources]
    reached = [_existing(resolve(state, text, namespace)) for text in destinations]
    asked = [
        (target.end, target.asked or ALL_TRAFFIC) for one in reached for target in targets(state, one, ports).found
    ]
    # Without a destination every pod is one. This is asked only for its error: a name that no pod has is a slip.
    if not reached and ports.names:
        targets(state, Endpoint("the list", tuple(state.members())), ports)
    return ConnectionFilter(
        _side([(end, ALL_TRAFFIC) for one in openers for end in one.ends]) if openers else ANY_END,
        _side(asked) if reached else ListedSide(ports),
    )


def _existing(endpoint: Endpoint) -> Endpoint:
    if endpoint.possible is not None:
        about = f"{endpoint.text} names pods that need not exist"
        raise EndpointError(f"{about}, and lists contain existing pods only: use `ringfence can`")
    return endpoint


def _side(ends: Sequence[tuple[End, Traffic]]) -> ListedSide:
    pods: dict[Member, Traffic] = {}
    # Endpoints may overlap, such as 10.0.0.0/8 and 10.1.0.0/16. In a partition each address is listed once.
    addresses: Partition[Addresses, Traffic] = [(ALL_ADDRESSES, NO_TRAFFIC)]
    for end, asked in ends:
        if isinstance(end, Addresses):
            addresses = changed_within(addresses, end, asked.__or__)
        elif end.is_possible:
            raise EndpointError(f"{end} does not exist, and lists contain existing pods only: use `ringfence can`")
        else:
            # A pod that two endpoints name is asked about with the ports of both.
            pods[end] = pods.get(end, NO_TRAFFIC) | asked
    return ListedSide(AskedPorts(), pods, tuple((within, asked) for within, asked in merged(addresses) if asked))
