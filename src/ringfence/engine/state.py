"""The state: all objects, taken in and out one at a time, and the engine that is right again at once.

Data flows down: an object changes the population or the policies; identities, selections and profiles are derived from
those, remembered while nothing they depend on changes, and computed anew when they are next asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ringfence.engine.policies import CompiledPolicy, NetworkPolicyTier, PodSelection, Selections, Tiers, compile_policy
from ringfence.engine.population import (
    Directory,
    Identity,
    Member,
    Namespaces,
    Population,
    Reference,
    Workloads,
    is_finished,
    is_same,
    member_of_pod,
    member_of_workload,
)
from ringfence.model.objects import (
    WORKLOAD_KINDS,
    EndpointSlice,
    Namespace,
    NetworkPolicy,
    Node,
    Object,
    Pod,
    Service,
    Workload,
    namespace_of,
)
from ringfence.model.origin import Origin
from ringfence.sets.addresses import Family


class State:
    """All objects, and what follows from them.

    With `live`, pods are those of a running cluster: one without an address takes no part, and workloads are only
    known as owners. Otherwise objects come from manifests, where every workload takes part.
    """

    def __init__(self, *, live: bool = False) -> None:
        self.live = live
        self.namespaces = Namespaces()
        self.workloads = Workloads()
        self.nodes: dict[str, Node] = {}
        self.services: dict[tuple[str, str], Service] = {}
        self.slices: dict[tuple[str, str], EndpointSlice] = {}
        self.revision = 0
        """Grows with every change of any object."""
        self._population = Population()
        self._selections = Selections(self._population, self.namespaces)
        self._network_policies = NetworkPolicyTier(self._population, self._selections)
        self._tiers: Tiers = (self._network_policies,)
        self._directory = Directory()
        self._host_network: dict[Member, None] = {}
        self._on_nodes: dict[Reference, Pod] = {}  # hostNetwork pods, whose addresses are their node's
        self._waiting: dict[Member, None] = {}

    # --- objects in and out ---------------------------------------------------------------------------------------

    def upsert(self, obj: Object, origin: Origin | None = None) -> None:
        """Take an object in, in place of an older one of its kind and name.

        A policy must be valid and have its defaults; `origin` is where it was read.
        """
        self.revision += 1
        match obj:
            case Pod():
                self._upsert_pod(obj)
            case NetworkPolicy():
                self.namespaces.mention(namespace_of(obj))
                self._network_policies.upsert(compile_policy(obj, origin))
            case Namespace():
                self.namespaces.define(obj.metadata.name, obj.metadata.labels)
            case Workload():
                self._upsert_workload(obj)
            case Service():
                self.namespaces.mention(namespace_of(obj))
                self.services[namespace_of(obj), obj.metadata.name] = obj
            case EndpointSlice():
                self.slices[namespace_of(obj), obj.metadata.name] = obj
            case Node():
                self._upsert_node(obj)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Let an object go, if it is there; `namespace` is empty for kinds that live in none."""
        self.revision += 1
        reference = Reference(namespace, kind, name)
        match kind:
            case "Pod":
                self._remove_pod(reference)
            case "NetworkPolicy":
                self._network_policies.remove(namespace, name)
            case "Namespace":
                self.namespaces.undefine(name)
            case "Service":
                self.services.pop((namespace, name), None)
            case "EndpointSlice":
                self.slices.pop((namespace, name), None)
            case "Node":
                self._replace_node(name, None)
            case _ if kind in WORKLOAD_KINDS:
                with self._refreshing_templates(reference):
                    self.workloads.remove(reference)

    @contextmanager
    def supposing(self) -> Iterator[Callable[[NetworkPolicy], None]]:
        """For asking "what if": policies given to the function yielded are in force until the context ends.

        Inside, every question is answered as if they were; afterwards all is as before.
        """
        revision = self.revision
        replaced: dict[tuple[str, str], CompiledPolicy | None] = {}

        def suppose(policy: NetworkPolicy) -> None:
            key = namespace_of(policy), policy.metadata.name
            present = self._network_policies.policy(*key)
            replaced.setdefault(key, present)
            self._network_policies.upsert(compile_policy(policy, present.origin if present else None))

        try:
            yield suppose
        finally:
            for key, policy in replaced.items():
                if policy:
                    self._network_policies.upsert(policy)
                else:
                    self._network_policies.remove(*key)
            self.revision = revision

    # --- what there is --------------------------------------------------------------------------------------------

    @property
    def population(self) -> Population:
        """The pods that take part, as identities."""
        if self._waiting:
            self._population.add(self._waiting)
            self._waiting.clear()
        return self._population

    @property
    def network_policies(self) -> NetworkPolicyTier:
        """The NetworkPolicies in force."""
        return self._network_policies

    @property
    def tiers(self) -> Tiers:
        """All kinds of policies in force, in the order in which they are asked: here is where a tier is added."""
        return self._tiers

    def has(self, reference: Reference) -> bool:
        """Whether there is an object of this kind and name."""
        namespace, name = reference.namespace, reference.name
        match reference.kind:
            case "NetworkPolicy":
                return self._network_policies.policy(namespace, name) is not None
            case "Namespace":
                return self.namespaces.is_defined(name)
            case "Service":
                return (namespace, name) in self.services
            case "EndpointSlice":
                return (namespace, name) in self.slices
            case "Node":
                return name in self.nodes
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
        return iter(self._host_network)

    def member(self, reference: Reference) -> Member | None:
        """The pod, or the workload's template, of a name, if it takes part."""
        return self._directory.get(reference)

    def pod(self, namespace: str, name: str) -> Member | None:
        """The pod of a name, if it takes part."""
        return self._directory.find(namespace, "Pod", name)

    def members_named(self, namespace: str, name: str) -> list[Member]:
        """The pods and templates of a name in a namespace, of whatever kind."""
        return self._directory.named(namespace, name)

    def members_in(self, namespace: str) -> Iterator[Member]:
        """All that take part in a namespace."""
        return self._directory.within(namespace)

    def members_at(self, family: Family, number: int) -> list[Member]:
        """The pods whose own address this is; hostNetwork pods have none of their own."""
        return self._directory.at(family, number)

    def count(self, selection: PodSelection) -> int:
        """How many pods a selection, which some policy in force reads, selects."""
        return sum(map(len, self.population.identities(self._selections.pods(selection))))

    def workload(self, member: Member) -> Reference:
        """The workload that a pod belongs to, or the pod itself."""
        return self.workloads.top(member)

    # --- pods, workloads and nodes ----------------------------------------------------------------------------------

    def _upsert_pod(self, pod: Pod) -> None:
        member = member_of_pod(pod, self.nodes)
        reference = member.reference
        present = self._directory.get(reference)
        if present and is_same(present, member) and not is_finished(pod):
            return  # nothing that matters here has changed: most of what happens to a pod does not
        if present or reference in self._on_nodes:
            self._remove_pod(reference)
        self.namespaces.mention(reference.namespace)
        if is_finished(pod):
            return
        if member.host_network:
            self._on_nodes[reference] = pod
        if self.live and not member.addresses:
            return
        self._enter(member)
        if not self.workloads.add_alike(member):
            with self._refreshing_templates(member.owner):
                self.workloads.add_pod(member)

    def _remove_pod(self, reference: Reference) -> None:
        self._on_nodes.pop(reference, None)
        member = self._directory.get(reference)
        if member:
            self._leave(member)
            with self._refreshing_templates(member.owner):
                self.workloads.discard_pod(member)

    def _upsert_workload(self, workload: Workload) -> None:
        reference = Reference(namespace_of(workload), workload.kind, workload.metadata.name)
        self.namespaces.mention(reference.namespace)
        if present := self._directory.get(reference):
            self._leave(present)
        with self._refreshing_templates(reference):
            self.workloads.upsert(reference, workload)

    @contextmanager
    def _refreshing_templates(self, reference: Reference | None) -> Iterator[None]:
        """Afterwards, of all above a workload, now or before, those templates take part that stand for their pods.

        In a running cluster none does.
        """
        if reference is None or self.live:
            yield
            return
        before = list(self.workloads.chain(reference))
        yield
        for one in dict.fromkeys([*before, *self.workloads.chain(reference)]):
            self._refresh_template(one)

    def _refresh_template(self, reference: Reference) -> None:
        present = self._directory.get(reference)
        wanted = self.workloads.stands_for_pods(reference)
        workload = self.workloads.get(reference)
        if present and not wanted:
            self._leave(present)
        elif wanted and not present and workload:
            self._enter(member_of_workload(workload, self.nodes))

    def _upsert_node(self, node: Node) -> None:
        self._replace_node(node.metadata.name, node)

    def _replace_node(self, name: str, node: Node | None) -> None:
        before = self.nodes.pop(name, None)
        if node:
            self.nodes[name] = node
        if before and node and before.status == node.status:
            return  # a heartbeat
        for pod in [pod for pod in self._on_nodes.values() if pod.spec.node_name == name]:
            self._upsert_pod(pod)
        for member in [one for one in self._host_network if one.node == name and one.reference.kind != "Pod"]:
            self._leave(member)
            self._refresh_template(member.reference)

    def _enter(self, member: Member) -> None:
        self._directory.add(member)
        self._waiting[member] = None
        if member.host_network:
            self._host_network[member] = None

    def _leave(self, member: Member) -> None:
        self._directory.discard(member)
        if member in self._waiting:
            del self._waiting[member]
        else:
            self._population.discard(member)
        if member.host_network:
            del self._host_network[member]
