"""The cluster that rules examine: its policies, and the pods that selectors select.

Rules do not evaluate selectors themselves: the engine says which pods are selected. Before a rule reports that a
selector selects nothing, pods that are not in the input but may be created are taken into account.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from functools import cached_property, reduce
from operator import or_
from typing import Any, Final, TypeVar

from ringfence.analysis.possible import Redundancy
from ringfence.engine.policies import CompiledPolicy, PodSelection
from ringfence.engine.population import NAME_LABEL, Identity, Member, Reference
from ringfence.engine.state import State
from ringfence.lint.settings import DEFAULT_SETTINGS, LintSettings
from ringfence.model.added_labels import pod_labels
from ringfence.model.dns_servers import DnsServer, dns_server
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import Labels
from ringfence.model.objects import NetworkPolicy, Workload
from ringfence.model.operated_kinds import OPERATED_LABELS
from ringfence.model.origin import Place
from ringfence.model.selectors import Operator, Selector
from ringfence.model.services import Service
from ringfence.sets.bitsets import Bitset

R = TypeVar("R")

PolicyInForce = CompiledPolicy[NetworkPolicy]

_Labelled = tuple[Reference, Workload, Labels]
"""A workload, by kind and name, and the labels of its pods."""

_OF_PODS: Final = (
    *("has_pods", "namespaces_with_pods", "namespaces_with_objects", "host_network_pods", "services"),
    *("_pods_apart", "_workloads_by_label"),
)
"""The cached properties that do not depend on policies."""


class Linted:
    """A state, with cached values that several rules need.

    `redundancy` is computed when a rule reads it. `place_of` gives the place of an object that is not a policy.
    """

    def __init__(
        self,
        state: State,
        redundancy: Callable[[], Redundancy],
        settings: LintSettings = DEFAULT_SETTINGS,
        place_of: Callable[[Reference], Place] = lambda reference: Place(""),
    ) -> None:
        self.state = state
        self.settings = settings
        self.place_of = place_of
        self._redundancy = redundancy
        self._remembered: dict[Hashable, Any] = {}
        self._remembered_of_pods: dict[Hashable, Any] = {}

    def remembered(self, key: Hashable, find: Callable[[], R]) -> R:
        """A value that several rules need, computed once for each key."""
        if key not in self._remembered:
            self._remembered[key] = find()
        found: R = self._remembered[key]
        return found

    def remembered_of_pods(self, key: Hashable, find: Callable[[], R]) -> R:
        """As `remembered`, for a value that does not depend on policies: `restricted_to` keeps it."""
        if key not in self._remembered_of_pods:
            self._remembered_of_pods[key] = find()
        found: R = self._remembered_of_pods[key]
        return found

    @cached_property
    def redundancy(self) -> Redundancy:
        """The parts of policies that are redundant in every possible cluster."""
        return self._redundancy()

    @cached_property
    def policies(self) -> tuple[PolicyInForce, ...]:
        """The NetworkPolicies in force, by namespace and name."""
        return tuple(self.state.policies.network_policies.all_policies())

    def restricted_to(self, policies: Iterable[PolicyInForce]) -> "Linted":
        """The same for some policies only, which may differ from the present ones.

        Cached values about pods, workloads, Services and namespaces are kept: for 10,000 pods they take longer to
        compute than the mistakes in a policy.
        """
        for name in _OF_PODS:
            # Computed in the original first: a copy that computed them itself would do so again for every edit.
            getattr(self, name)
        made = copy(self)
        made._remembered = {}
        # `copy` takes over cached properties, too, and this one is about the policies.
        made.__dict__.pop("_by_namespace", None)
        made.policies = tuple(policies)
        return made

    @property
    def selected(self) -> Bitset:
        """The identities that some of the policies select: no others are isolated by them."""
        return self.remembered(
            "selected", lambda: reduce(or_, (self.state.selected(policy.subject) for policy in self.policies), 0)
        )

    def policies_in(self, namespace: str) -> list[PolicyInForce]:
        """The NetworkPolicies in force of a namespace, by name."""
        return self._by_namespace.get(namespace, [])

    @cached_property
    def _by_namespace(self) -> dict[str, list[PolicyInForce]]:
        found: dict[str, list[PolicyInForce]] = {}
        for policy in self.policies:
            found.setdefault(policy.namespace, []).append(policy)
        return found

    @property
    def plugin(self) -> str:
        """The network plugin that enforces the policies: of the settings, or else of the state. Empty if unknown."""
        return self.settings.plugin or (self.state.enforced_by.plugin if self.state.enforced_by else "")

    @cached_property
    def dns_servers(self) -> tuple[DnsServer, ...]:
        """The DNS servers that pods may ask, as far as the settings say."""
        return tuple(map(dns_server, self.settings.dns))

    @property
    def is_complete(self) -> bool:
        """Whether the input is the whole cluster, so that no object is missing from it."""
        return self.settings.complete

    @cached_property
    def has_namespaces(self) -> bool:
        """Whether the input holds any Namespace object."""
        known = self.state.namespaces
        return any(map(known.is_defined, known.names()))

    @cached_property
    def has_pods(self) -> bool:
        """Whether the input holds any pod, or a workload that makes pods."""
        return any(True for _ in self.state.members()) or any(True for _ in self._workloads)

    @cached_property
    def namespaces_with_pods(self) -> frozenset[str]:
        """The namespaces of which the input contains pods or workloads; all namespaces if the input is complete."""
        if self.is_complete:
            return frozenset(self.state.namespaces.names())
        return frozenset(
            [*(pod.namespace for pod in self.state.members()), *(one.namespace for one in self._workloads)]
        )

    @cached_property
    def namespaces_with_objects(self) -> frozenset[str]:
        """The namespaces in which the input has pods, workloads or NetworkPolicies."""
        own = {pod.namespace for pod in self.state.members()} | {one.namespace for one in self._workloads}
        return frozenset(own | {policy.namespace for policy in self.policies})

    @cached_property
    def host_network_pods(self) -> dict[str, list[Member]]:
        """The pods that use their node's network, by namespace, and sorted by name."""
        found: dict[str, list[Member]] = {}
        for pod in sorted(self.state.host_network_members(), key=lambda pod: pod.reference):
            found.setdefault(pod.namespace, []).append(pod)
        return found

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """The Services, by namespace and name."""
        return tuple(sorted(self.state.services.values(), key=lambda one: (namespace_of(one), one.metadata.name)))

    @cached_property
    def _workloads(self) -> dict[Reference, Workload]:
        found = {one: self.state.workloads.get(one) for one in sorted(self.state.workloads.references())}
        return {reference: workload for reference, workload in found.items() if workload is not None}

    def pods_of(self, selection: PodSelection) -> list[Member]:
        """The pods that a selection of a policy in force selects, by name."""
        bits = self.state.selected(selection)
        pods = (pod for identity in self.state.population.identities(bits) for pod in identity.pods())
        return sorted(pods, key=lambda pod: pod.reference)

    def identities_of(self, selection: PodSelection) -> list[Identity]:
        """The identities that a selection of a policy in force selects."""
        return list(self.state.population.identities(self.state.selected(selection)))

    def example_pods(self, selection: PodSelection) -> list[Member]:
        """One pod of each identity that a selection selects: policies treat the others of it alike."""
        return [next(iter(identity.pods())) for identity in self.identities_of(selection)]

    def namespaces_of(self, selection: PodSelection) -> frozenset[str]:
        """The known namespaces that a selection matches."""
        if selection.namespaces is None:
            return frozenset([selection.namespace or ""])
        known = self.state.namespaces
        return frozenset(known.named(known.select(selection.namespaces)))

    def may_select(self, selection: PodSelection) -> bool:
        """Whether a selection selects a pod, or may select one that takes no part or that is created later.

        HostNetwork pods count, although plugins differ about them. So do labels whose values are not known before a pod
        is created, workloads scaled to zero, and pods that an operator creates. Pods may have any `known_labels`, and
        any labels that only operators set.
        """
        # The cheapest question comes first, and is answered with yes for nearly all policies.
        if self.state.selects_pods(selection):
            return True
        if any(term.key in self.settings.known_labels or term.key in OPERATED_LABELS for term in selection.pods.terms):
            return True
        within = self.namespaces_of(selection)
        pods = self._pods_in(within) if selection.owned else self._undecided_in(within, selection.pods)
        return any(pod.may_match(selection.pods) for pod in pods) or self._may_come(within, selection.pods)

    def may_come(self, selection: PodSelection) -> bool:
        """Whether a selection selects pods without hostNetwork that do not exist yet.

        They are those of workloads scaled to zero, and of operators.
        """
        within = self.namespaces_of(selection)
        return self._may_come(within, selection.pods, lambda workload: not _has_host_network(workload))

    def may_be_elsewhere(self, selection: PodSelection) -> bool:
        """Whether a selection may select pods of namespaces that the input does not contain; false if it is complete.

        It may if it names namespaces of which the input has no pods, or if it requires no value of any label. If a
        namespace of the input has the required labels, the selection is assumed to mean only such namespaces.
        """
        if self.is_complete:
            return False
        if selection.namespaces is None:
            return selection.namespace not in self.namespaces_with_pods
        # Only terms that require a value say which namespaces are meant. The others exclude some of whatever there is.
        wanted = [term for term in selection.namespaces.terms if term.operator is Operator.IN]
        named = [term.values for term in wanted if term.key == NAME_LABEL]
        meant = frozenset.intersection(*named) if named else self.namespaces_of(selection)
        return not wanted or not meant or not meant <= self.namespaces_with_pods

    def operators_make_pods(self, selection: PodSelection) -> bool:
        """Whether an operator creates pods, which the input may lack, in a namespace of a selection."""
        within = self.namespaces_of(selection)
        return any(one.namespace in within for one in self.state.operated)

    def _pods_in(self, namespaces: frozenset[str]) -> Iterator[Member]:
        for namespace in sorted(namespaces):
            yield from self.state.members_in(namespace)
        yield from (one.pod for one in self.state.absent.values() if one.pod.namespace in namespaces)

    def _undecided_in(self, namespaces: frozenset[str], selector: Selector) -> Iterator[Member]:
        """The pods that a selector may match although the engine does not select them.

        They are hostNetwork pods, pods that take no part, and pods with an unknown value of a label that the selector
        reads.
        """
        apart, by_key = self._pods_apart
        keys = {term.key for term in selector.terms}
        for namespace in namespaces:
            yield from apart.get(namespace, ())
            for key in keys:
                yield from by_key.get((namespace, key), ())

    @cached_property
    def _pods_apart(self) -> tuple[dict[str, list[Member]], dict[tuple[str, str], list[Member]]]:
        """The pods that the engine never selects, by namespace; pods with unknown labels, by namespace and label."""
        apart: dict[str, list[Member]] = {}
        by_key: dict[tuple[str, str], list[Member]] = {}
        for pod in (*self.state.host_network_members(), *(one.pod for one in self.state.absent.values())):
            apart.setdefault(pod.namespace, []).append(pod)
        for pod in self.state.members():
            for label in pod.unknown_labels:
                by_key.setdefault((pod.namespace, label.key), []).append(pod)
        return apart, by_key

    def _may_come(
        self, namespaces: frozenset[str], selector: Selector, counts: Callable[[Workload], bool] = lambda workload: True
    ) -> bool:
        return any(one.namespace in namespaces for one in self.state.operated) or any(
            reference.namespace in namespaces and selector.matches(labels) and counts(workload)
            for reference, workload, labels in self._workloads_that_may_match(selector)
        )

    def _workloads_that_may_match(self, selector: Selector) -> Iterator[tuple[Reference, Workload, Labels]]:
        """The workloads whose pods have a label that a selector requires; all if it requires no value of any label."""
        everything, by_label = self._workloads_by_label
        # One required label is enough to look the workloads up; the other terms are checked for these few.
        wanted = next((term for term in selector.terms if term.operator is Operator.IN), None)
        if wanted is None:
            return iter(everything)
        return (one for value in wanted.values for one in by_label.get((wanted.key, value), ()))

    @cached_property
    def _workloads_by_label(self) -> "tuple[list[_Labelled], dict[tuple[str, str], list[_Labelled]]]":
        everything = [(one, workload, pod_labels(workload).labels) for one, workload in self._workloads.items()]
        by_label: dict[tuple[str, str], list[_Labelled]] = {}
        for labelled in everything:
            for label in labelled[2].items():
                by_label.setdefault(label, []).append(labelled)
        return everything, by_label

    def has_its_own_resolver(self, pod: Member) -> bool:
        """Whether the template of a pod sets its own DNS servers, one of which may be a sidecar."""
        workload = self._workloads.get(self.state.workload(pod))
        spec = workload.template.spec if workload else None
        return spec is not None and spec.dns_policy == "None"

    def workloads_in(self, namespace: str) -> Iterator[tuple[Reference, Workload]]:
        """The workloads of a namespace, by kind and name."""
        return ((one, workload) for one, workload in self._workloads.items() if one.namespace == namespace)

    def labels_in(self, namespaces: frozenset[str]) -> list[Labels]:
        """The labels of the pods of some namespaces, each only once."""
        return self.remembered(("labels", namespaces), lambda: self._labels_in(namespaces))

    def _labels_in(self, namespaces: frozenset[str]) -> list[Labels]:
        found: dict[tuple[tuple[str, str], ...], Labels] = {}
        for pod in self._pods_in(namespaces):
            found.setdefault(tuple(sorted(pod.labels.items())), pod.labels)
        return list(found.values())


def _has_host_network(workload: Workload) -> bool:
    return bool(workload.template.spec and workload.template.spec.host_network)
