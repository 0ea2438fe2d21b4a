"""The state: all objects of a cluster, added and removed one at a time, and what follows from them.

Data flows down: an object changes the population or the policies. Identities, selections and profiles are derived from
these. They are cached together with the version of what they depend on, and computed again when they are next needed
after that version has changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, assert_never

from ringfence.engine.doubts import Doubts
from ringfence.engine.policies import CompiledPolicy, PodSelection, PoliciesInForce, Selections, Tiers
from ringfence.engine.population import (
    Identity,
    Member,
    Members,
    Namespaces,
    Nodes,
    Population,
    Reference,
    likely_owners,
)
from ringfence.engine.service_objects import SERVICE_KINDS, ServiceObjects
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
)
from ringfence.model.kinds import CLUSTER_POLICY_KINDS, namespace_of
from ringfence.model.metadata import Labels
from ringfence.model.objects import (
    WORKLOAD_KINDS,
    HorizontalPodAutoscaler,
    Namespace,
    NetworkPolicy,
    Node,
    Object,
    Pod,
    Workload,
)
from ringfence.model.operated_kinds import OperatedObject
from ringfence.model.origin import Origin
from ringfence.model.service_users import ServiceUser
from ringfence.model.services import Endpoints, EndpointSlice, Service
from ringfence.model.unread_kinds import unread_kind
from ringfence.model.unread_policies import UnreadPolicy
from ringfence.plugins import PluginTraits, Traits
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset

NO_NAMESPACES: Final[Mapping[str, Labels]] = {}

_POLICY_KINDS: Final = frozenset({"NetworkPolicy", *CLUSTER_POLICY_KINDS})


class State:
    """All objects, and what follows from them.

    With `live`, objects are those of a running cluster: a pod without an address takes no part, and workloads are only
    known as owners of pods. Otherwise objects come from manifests, where every pod takes part, and the template of a
    workload stands for its pods if the input has none of them.
    """

    def __init__(self, *, live: bool = False, most_divided: int | None = None) -> None:
        """`most_divided` limits what policies say about nodes (`policies.NetworkPoliciesInForce`)."""
        self.namespaces = Namespaces()
        self.nodes = Nodes()
        self._service_objects = ServiceObjects(self.namespaces)
        self.only_namespace = ""
        """The only namespace that could be read of a running cluster; empty if all could."""
        self.unlisted_users: frozenset[str] = frozenset()
        """The kinds of objects that use Services which were not listed in a running cluster."""
        self.revision = 0
        """Grows with every call that adds or removes objects."""
        self._population = Population()
        self._members = Members(self._population, self.namespaces, self.nodes, live=live)
        self._directory = self._members.directory
        self.workloads = self._members.workloads
        self.absent = self._members.absent
        """The pods that exist and take no part, by name."""
        self._selections = Selections(self._population, self.namespaces)
        self.policies = PoliciesInForce(self._population, self._selections, self.nodes, most_divided)
        self.enforced_by: PluginTraits | None = None
        """The network plugin that enforces the policies; None if they mean what upstream says."""
        self.doubts = Doubts(self.namespaces)
        """The policies that are not read. They change no verdict; answers name those that could have changed it."""
        self.operated: dict[OperatedObject, None] = {}
        """Custom resources of which an operator makes pods, which the input may lack."""
        self._supposed: set[Member] = set()

    # --- objects in and out ---------------------------------------------------------------------------------------

    def upsert(self, obj: Object | UnreadPolicy | CompiledPolicy[Any], origin: Origin | None = None) -> None:
        """Add an object, or replace the one with its kind and name.

        A policy must be valid and have its defaults, or be compiled already: a NetworkPolicy by
        `policies.compile_policy`, a cluster policy that does not read nodes by `PoliciesInForce.compiled`. `origin` is
        where it was read. An `UnreadPolicy` has its place itself.
        """
        self.revision += 1
        match obj:
            case Pod():
                self._members.upsert_pod(obj)
            case NetworkPolicy():
                self.namespaces.mention(namespace_of(obj))
                self.policies.upsert(obj, origin)
            case CompiledPolicy():
                if obj.namespace:
                    self.namespaces.mention(obj.namespace)
                self.policies.put(obj)
            case Namespace():
                self.namespaces.define(obj.metadata.name, obj.metadata.labels)
            case Workload():
                self._members.upsert_workload(obj)
            case HorizontalPodAutoscaler():
                self._members.upsert_autoscaler(obj)
            case Service() | EndpointSlice() | Endpoints() | ServiceUser():
                self._service_objects.upsert(obj)
            case Node():
                self._replace_node(obj.metadata.name, obj)
            case UnreadPolicy():
                self.doubts.upsert(obj)
            case (
                ClusterNetworkPolicy() | AdminNetworkPolicy() | BaselineAdminNetworkPolicy() | AwsClusterNetworkPolicy()
            ):
                self.policies.upsert(obj, origin)
            case _:
                # A kind that is in the table of kinds and not here would be accepted and have no effect.
                assert_never(obj)

    def _replace_node(self, name: str, node: Node | None) -> None:
        """Add, replace or remove (None) a node, and update what depends on its labels and addresses."""
        before = self.nodes.replace(name, node)
        self.policies.replace_node(name, before, node)
        if bool(before) is not bool(node):
            self._members.touch_contested()  # who has an address depends on which Nodes exist
        if before and node and before.status == node.status:
            return  # the kubelet renews a Node's lease and conditions all the time; addresses hardly ever change
        self._members.refresh_node(name)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Remove an object, if it is there; `namespace` is empty for kinds without one."""
        self.revision += 1
        reference = Reference(namespace, kind, name)
        match kind:
            case "Pod":
                self._members.remove_pod(reference)
            case _ if kind in _POLICY_KINDS:
                self.policies.remove(kind, namespace, name)
            case "Namespace":
                self.namespaces.undefine(name)
            case _ if kind in SERVICE_KINDS:
                self._service_objects.remove(reference)
            case "Node":
                self._replace_node(name, None)
            case "HorizontalPodAutoscaler":
                self._members.remove_autoscaler(reference)
            case _ if kind in WORKLOAD_KINDS:
                self._members.remove_workload(reference)
            case _:
                # An unknown kind here is a defect of the caller; to ignore it would leave an object in force.
                if unread_kind(kind) is None:
                    raise ValueError(f"objects of kind {kind!r} are never in the state")
                self.doubts.remove(kind, namespace, name)

    def enforce(self, plugin: PluginTraits) -> None:
        """Evaluate all policies, present and future, as a network plugin enforces them."""
        self.revision += 1
        self.enforced_by = plugin
        self.policies.enforce(plugin.traits)

    @property
    def traits(self) -> Traits:
        """How policies are enforced; by default as upstream means them."""
        return self.policies.traits

    @contextmanager
    def supposing_pods(
        self, pods: Iterable[Member], namespaces: Mapping[str, Labels] = NO_NAMESPACES
    ) -> Iterator[None]:
        """Until the context ends, pods that do not exist yet take part; `pods` may also contain pods that exist.

        `namespaces` has the labels of their namespaces that do not exist yet, by name; without an entry, such a
        namespace has only the label with its name. No list of pods contains these pods, and `revision` does not change.
        """
        # Contexts may nest: what an outer one has added must stay when the inner one ends.
        added = {pod for pod in pods if self.member(pod.reference) is not pod} - self._supposed
        missing = {pod.namespace for pod in added if not self.namespaces.exists(pod.namespace)}
        for namespace in missing:
            if namespace in namespaces:
                self.namespaces.define(namespace, namespaces[namespace])
            else:
                self.namespaces.mention(namespace)
        for pod in added:
            self._population.add(pod)
        self._supposed |= added
        try:
            yield
        finally:
            self._supposed -= added
            for pod in added:
                self._population.discard(pod)
            for namespace in missing:
                self.namespaces.undefine(namespace)
                self.namespaces.forget(namespace)

    # --- what there is --------------------------------------------------------------------------------------------

    def detach(self) -> None:
        """Treat objects that are added from now on as manifests, as the laboratory does with a copy of a live cluster.

        Pods without an address then take part, and so do the templates of workloads. Objects already added stay as they
        are.
        """
        self._members.live = False

    @property
    def is_live(self) -> bool:
        """Whether the objects are those of a running cluster."""
        return self._members.live

    @property
    def services(self) -> Mapping[tuple[str, str], Service]:
        """The Services, by namespace and name."""
        return self._service_objects.services

    @property
    def service_users(self) -> Mapping[Reference, ServiceUser]:
        """The webhooks, aggregated APIs and routes that use Services."""
        return self._service_objects.users

    @property
    def tiers(self) -> Tiers:
        """All policies in force, in order of evaluation."""
        return self.policies.tiers

    @property
    def population(self) -> Population:
        """The pods that take part, as identities."""
        self.policies.settle()
        return self._population

    def has(self, reference: Reference) -> bool:
        """Whether there is an object of this kind and name."""
        namespace, name = reference.namespace, reference.name
        match reference.kind:
            case kind if kind in _POLICY_KINDS:
                return self.policies.find(kind, namespace, name) is not None
            case "Namespace":
                return self.namespaces.is_defined(name)
            case kind if kind in SERVICE_KINDS:
                return self._service_objects.has(reference)
            case "Node":
                return name in self.nodes
            case "HorizontalPodAutoscaler":
                return self.workloads.scaled_by(reference) is not None
            case _:
                return self._directory.get(reference) is not None or self.workloads.get(reference) is not None

    def identity(self, member: Member) -> Identity:
        """The identity of a pod that takes part."""
        return self.population.identity_of(member)

    def members(self) -> Iterable[Member]:
        """All pods that take part."""
        return self._directory

    def host_network_members(self) -> Iterator[Member]:
        """The pods that use their node's network."""
        return self._members.on_host_network()

    def host_port_members(self) -> Iterator[Member]:
        """The pods to which ports of their nodes lead."""
        return self._members.with_host_ports()

    def member(self, reference: Reference) -> Member | None:
        """The pod or workload template with this name, if it takes part."""
        return self._directory.get(reference)

    def pod(self, namespace: str, name: str) -> Member | None:
        """The pod with this name, if it takes part."""
        return self._directory.find(namespace, "Pod", name)

    def members_named(self, namespace: str, name: str) -> list[Member]:
        """The pods and workload templates with a name in a namespace, of any kind."""
        return self._directory.named(namespace, name)

    def members_in(self, namespace: str) -> Iterator[Member]:
        """All pods of a namespace that take part."""
        return self._directory.within(namespace)

    def members_at(self, family: Family, number: int) -> list[Member]:
        """The pods that may have this address, usually one; hostNetwork pods have no address of their own."""
        claimants = self._directory.at(family, number)
        return claimants if len(claimants) < 2 else likely_owners(claimants, self.nodes)

    def slices_of(self, service: Service) -> list[EndpointSlice]:
        """The EndpointSlices of a Service; if there are none, those that the control plane makes of its Endpoints."""
        return self._service_objects.slices_of(service)

    def members_inside(self, addresses: Addresses) -> Iterator[tuple[Family, int, Member]]:
        """The pods that may have an address among `addresses`, with that address; a pass over all addresses of pods."""
        for family, number in self._directory.inside(addresses):
            for member in self.members_at(family, number):
                yield family, number, member

    def selects_pods(self, selection: PodSelection) -> bool:
        """Whether a selection of a policy in force, of its subjects or of a peer, selects any pod."""
        return bool(self.selected(selection))

    def selected(self, selection: PodSelection) -> Bitset:
        """The identities that a selection of a policy in force, of its subjects or of a peer, selects."""
        return self._selections.pods(selection)

    def workload(self, member: Member) -> Reference:
        """The workload that a pod belongs to, or the pod itself."""
        return self.workloads.top(member)
