"""The cluster that rules look at: its policies, and which pods their selectors select.

Rules decide nothing about selectors themselves: the engine says which pods are selected. Pods that the input does not
hold and that are sure to come, or might, are counted where a rule would say that there are none.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from functools import cached_property
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

R = TypeVar("R")

PolicyInForce = CompiledPolicy[NetworkPolicy]

_Labelled = tuple[Reference, Workload, Labels]
"""A workload, by kind and name, and the labels of its pods."""

_OF_PODS: Final = (
    *("has_pods", "namespaces_with_pods", "namespaces_with_objects", "host_network_pods", "services"),
    *("_pods_apart", "_workloads_by_label"),
)
"""What is known of a cluster whatever its policies are."""


class Linted:
    """A state, and what several rules ask about it.

    `redundancy` is computed when a rule asks for it. `place_of` says where an object is written that is not a policy.
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

    def remembered(self, key: Hashable, find: Callable[[], R]) -> R:
        """What several rules ask for, found once for each key."""
        if key not in self._remembered:
            self._remembered[key] = find()
        found: R = self._remembered[key]
        return found

    @cached_property
    def redundancy(self) -> Redundancy:
        """What is redundant in every cluster that could be."""
        return self._redundancy()

    @cached_property
    def policies(self) -> tuple[PolicyInForce, ...]:
        """The NetworkPolicies in force, by namespace and name."""
        return tuple(self.state.policies.network_policies.all_policies())

    def restricted_to(self, policies: Iterable[PolicyInForce]) -> "Linted":
        """The same about some policies only, which may be other ones than before.

        What is known of pods, workloads, Services and namespaces is kept: at 10,000 pods it takes longer to find than
        the mistakes in a policy.
        """
        for name in _OF_PODS:
            getattr(self, name)
        made = copy(self)
        made._remembered = {}
        made.__dict__.pop("_by_namespace", None)
        made.policies = tuple(policies)
        return made

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
        """Whether the input is the whole cluster: what it does not hold is not elsewhere."""
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
        """The namespaces of which the input holds pods or workloads; all namespaces, if the input is all."""
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
        """The namespaces that a selection is about, of those that are known."""
        if selection.namespaces is None:
            return frozenset([selection.namespace or ""])
        known = self.state.namespaces
        return frozenset(known.named(known.select(selection.namespaces)))

    def may_select(self, selection: PodSelection) -> bool:
        """Whether a selection selects a pod, or might: one that exists and takes no part, or that is still to come.

        HostNetwork pods count, though plugins do not agree about them, and so do labels whose values are not
        known before a pod is created, workloads scaled to zero, and pods that an operator makes. Pods may have
        any `known_labels`, and any labels that only operators give.
        """
        if self.state.selects_pods(selection):
            return True
        if any(term.key in self.settings.known_labels or term.key in OPERATED_LABELS for term in selection.pods.terms):
            return True
        within = self.namespaces_of(selection)
        pods = self._pods_in(within) if selection.owned else self._undecided_in(within, selection.pods)
        return any(pod.may_match(selection.pods) for pod in pods) or self._may_come(within, selection.pods)

    def may_come(self, selection: PodSelection) -> bool:
        """Whether a selection selects pods with a network of their own that are still to come.

        They are those of workloads scaled to zero, and of operators.
        """
        within = self.namespaces_of(selection)
        return self._may_come(within, selection.pods, lambda workload: not _has_host_network(workload))

    def may_be_elsewhere(self, selection: PodSelection) -> bool:
        """Whether a selection may be about pods of namespaces that the input does not hold, unless it is all.

        Those are namespaces that it names and of which the input has no pods, and any, if it asks for no value of any
        label. A label that a namespace of the input has is taken for one of these namespaces alone.
        """
        if self.is_complete:
            return False
        if selection.namespaces is None:
            return selection.namespace not in self.namespaces_with_pods
        wanted = [term for term in selection.namespaces.terms if term.operator is Operator.IN]
        named = [term.values for term in wanted if term.key == NAME_LABEL]
        meant = frozenset.intersection(*named) if named else self.namespaces_of(selection)
        return not wanted or not meant or not meant <= self.namespaces_with_pods

    def operators_make_pods(self, selection: PodSelection) -> bool:
        """Whether an operator makes pods, which the input need not have, in a namespace that a selection is about."""
        within = self.namespaces_of(selection)
        return any(one.namespace in within for one in self.state.operated)

    def _pods_in(self, namespaces: frozenset[str]) -> Iterator[Member]:
        for namespace in sorted(namespaces):
            yield from self.state.members_in(namespace)
        yield from (one.pod for one in self.state.absent.values() if one.pod.namespace in namespaces)

    def _undecided_in(self, namespaces: frozenset[str], selector: Selector) -> Iterator[Member]:
        """The pods that a selector may match though the engine does not select them.

        They are those with hostNetwork, those that take no part, and those whose label that it reads is not known yet.
        """
        apart, by_key = self._pods_apart
        keys = {term.key for term in selector.terms}
        for namespace in namespaces:
            yield from apart.get(namespace, ())
            for key in keys:
                yield from by_key.get((namespace, key), ())

    @cached_property
    def _pods_apart(self) -> tuple[dict[str, list[Member]], dict[tuple[str, str], list[Member]]]:
        """The pods that the engine never selects, by namespace; those with labels not known yet, by these, too."""
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
        """The workloads whose pods have a label that a selector wants; all, if it wants no value of any label."""
        everything, by_label = self._workloads_by_label
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
        """Whether the template of a pod names its DNS servers itself: one may be a sidecar of the pod."""
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
