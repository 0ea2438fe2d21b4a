"""The peers of a list, and the missing facts about them, as bitsets of identities."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cached_property, reduce
from operator import or_

from ringfence.engine.answers.unknown_labels import values_named
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.sets.bitsets import Bitset


class ListedPeers:
    """Pods at one end of a list. Properties are computed when they are first read."""

    def __init__(self, state: State, pods: Collection[Member]) -> None:
        self._state = state
        self._pods = pods

    @cached_property
    def pods(self) -> frozenset[Member]:
        """The pods, each once."""
        return frozenset(self._pods)

    @cached_property
    def _by_identity(self) -> dict[Identity, Member]:
        """A pod of each identity."""
        return {self._state.identity(pod): pod for pod in self._pods}

    @cached_property
    def doubtful(self) -> Bitset:
        """The identities about which a fact is missing: an address, the labels of the namespace, or the network."""
        return bits_of(one for one, pod in self._by_identity.items() if self._is_doubtful(pod))

    def _is_doubtful(self, pod: Member) -> bool:
        return pod.host_network or not pod.addresses or not self._state.namespaces.is_defined(pod.namespace)

    @cached_property
    def without_address(self) -> dict[Identity, Member]:
        """The identities whose pods have no known address, each with one of its pods."""
        return {one: pod for one, pod in self._by_identity.items() if not pod.addresses}

    @cached_property
    def addressed(self) -> Bitset:
        """The identities of all pods whose addresses are known."""
        return ~bits_of(one for one in self._state.population.identities() if not one.template.families)

    @cached_property
    def undefined_namespaces(self) -> list[str]:
        """The namespaces whose labels are not known."""
        namespaces = self._state.namespaces
        return [name for name in namespaces.names() if not namespaces.is_defined(name)]

    @cached_property
    def hosts(self) -> list[Member]:
        """The hostNetwork pods."""
        return [pod for pod in self._pods if pod.host_network]

    @cached_property
    def hosts_alike(self) -> dict[tuple[str, frozenset[tuple[str, str]]], list[Member]]:
        """The hostNetwork pods of one namespace with equal labels, by both."""
        found: defaultdict[tuple[str, frozenset[tuple[str, str]]], list[Member]] = defaultdict(list)
        for host in self.hosts:
            found[host.namespace, frozenset(host.labels.items())].append(host)
        return found

    @cached_property
    def with_unknown_labels(self) -> Bitset:
        """The identities of pods with a label whose value is not known and that policies read."""
        return bits_of({self._state.identity(pod) for pod in self.pods if has_unknown_labels(self._state, pod)})


def has_unknown_labels(state: State, pod: Member) -> bool:
    """Whether a pod has a label with an unknown value, of a key that policies read."""
    return any(values_named(state, label) for label in pod.unknown_labels)


def bits_of(identities: Iterable[Identity]) -> Bitset:
    """The set of some identities."""
    return reduce(or_, (1 << identity.bit for identity in identities), 0)
