"""The members: which pods and workload templates take part, as objects are added and removed.

With `live`, a pod without an address takes no part, and no template stands for pods. Otherwise every pod takes part
that has not ended, and the template of a workload stands for its pods if the input has none of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ringfence.engine.population.absent import AbsentPod, ended, without_address
from ringfence.engine.population.directory import Directory
from ringfence.engine.population.namespaces import Namespaces
from ringfence.engine.population.nodes import Nodes
from ringfence.engine.population.pods import Member, PodBefore, Reference, is_same, member_of_pod, member_of_workload
from ringfence.engine.population.population import Population
from ringfence.engine.population.workloads import Workloads
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import HorizontalPodAutoscaler, Pod, Workload


class Members:
    """The pods and templates that take part: in a directory, and in the population that is divided into identities.

    `nodes` are those that there are, by name; `refresh_node` must be called when one has changed.
    """

    def __init__(self, population: Population, namespaces: Namespaces, nodes: Nodes, *, live: bool) -> None:
        self.live = live
        self.directory = Directory()
        self.workloads = Workloads()
        self.absent: dict[Reference, AbsentPod] = {}
        """The pods that exist and take no part, by name."""
        self._population = population
        self._namespaces = namespaces
        self._nodes = nodes
        self._host_network: dict[Member, None] = {}
        self._host_ports: dict[Member, None] = {}
        self._on_nodes: dict[Reference, Pod] = {}
        """The hostNetwork pods, whose addresses are their node's."""
        self._on_node: dict[str, dict[Reference, None]] = {}
        """By node, the names of its hostNetwork pods, and of the templates for hostNetwork pods that stand there."""
        self._before: PodBefore | None = None

    def on_host_network(self) -> Iterator[Member]:
        """The pods that use their node's network."""
        return iter(self._host_network)

    def with_host_ports(self) -> Iterator[Member]:
        """The pods to which ports of their nodes lead."""
        return iter(self._host_ports)

    def upsert_pod(self, pod: Pod) -> None:
        """Add a pod, or replace the one of its name."""
        member = member_of_pod(pod, self._nodes, self._before)
        if self._before is None or member.labels is not self._before.member.labels:
            self._before = PodBefore(pod, member)
        reference = member.reference
        present = self.directory.find(reference.namespace, "Pod", reference.name)
        absent = ended(pod, member)
        if present and is_same(present, member) and not absent:
            # Most updates of a pod (conditions, restarts, annotations) change nothing that policies can read.
            self._renew_claim(present, member)
            return
        # A live hostNetwork pod without an address is on its node and in no directory, but absent. Every pod passes
        # here, and the hash of its name takes longer than a look at whether any pod is absent.
        if present or (self.absent and reference in self.absent):
            self.remove_pod(reference)
        self._namespaces.mention(reference.namespace)
        if absent:
            self.absent[reference] = absent
            return
        if member.host_network:
            # The object is kept, because its addresses are read again whenever its node changes (`refresh_node`).
            self._on_nodes[reference] = pod
            self._note_on_node(member.node, reference)
        if self.live and not member.addresses:
            self.absent[reference] = without_address(member, pod.status.phase or "Pending")
            return
        self._enter(member)
        if not self.workloads.add_pod_of_known_owner(member):
            with self._refreshing_templates(member.owner):
                self.workloads.add_pod(member)

    def remove_pod(self, reference: Reference) -> None:
        """Remove a pod, if it is there."""
        if pod := self._on_nodes.pop(reference, None):
            self._note_off_node(pod.spec.node_name or "", reference)
        self.absent.pop(reference, None)
        member = self.directory.get(reference)
        if member:
            self._leave(member)
            with self._refreshing_templates(member.owner):
                self.workloads.discard_pod(member)

    def upsert_workload(self, workload: Workload) -> None:
        """Add a workload, or replace the one of its kind and name."""
        reference = Reference(namespace_of(workload), workload.kind, workload.metadata.name)
        self._namespaces.mention(reference.namespace)
        if present := self.directory.get(reference):
            self._leave(present)
        with self._refreshing_templates(reference):
            self.workloads.upsert(reference, workload)

    def remove_workload(self, reference: Reference) -> None:
        """Remove a workload, if it is there."""
        with self._refreshing_templates(reference):
            self.workloads.remove(reference)

    def upsert_autoscaler(self, autoscaler: HorizontalPodAutoscaler) -> None:
        """Add an autoscaler, or replace the one of its name."""
        reference = Reference(namespace_of(autoscaler), "HorizontalPodAutoscaler", autoscaler.metadata.name)
        self._namespaces.mention(reference.namespace)
        target = autoscaler.spec.scale_target_ref
        with (
            self._refreshing_templates(self.workloads.scaled_by(reference)),
            self._refreshing_templates(Reference(reference.namespace, target.kind, target.name)),
        ):
            self.workloads.upsert_autoscaler(reference, autoscaler)

    def remove_autoscaler(self, reference: Reference) -> None:
        """Remove an autoscaler, if it is there."""
        with self._refreshing_templates(self.workloads.scaled_by(reference)):
            self.workloads.remove_autoscaler(reference)

    def touch_contested(self) -> None:
        """Record the pods that share an address as changed: which pod has it depends on which Nodes exist."""
        self._population.touch(self.directory.contested())

    def refresh_node(self, name: str) -> None:
        """Give the hostNetwork pods and templates of a changed or removed node the addresses that it has now."""
        for reference in list(self._on_node.get(name, ())):
            if reference in self._on_nodes:
                self.upsert_pod(self._on_nodes[reference])
            elif member := self.directory.get(reference):
                self._leave(member)
                self._refresh_template(reference)

    def _note_on_node(self, name: str, reference: Reference) -> None:
        self._on_node.setdefault(name, {})[reference] = None

    def _note_off_node(self, name: str, reference: Reference) -> None:
        there = self._on_node.get(name, {})
        if there.pop(reference, reference) is None and not there:
            del self._on_node[name]

    def _renew_claim(self, present: Member, renewed: Member) -> None:
        if present.claim != renewed.claim:
            present.claim = renewed.claim
            if self.directory.is_contested(present):
                self._population.touch((present,))

    @contextmanager
    def _refreshing_templates(self, reference: Reference | None) -> Iterator[None]:
        """Update, after the context, which templates stand for pods, of a workload and of its owners before and after.

        In a running cluster no template does.
        """
        if reference is None or self.live:
            yield
            return
        # Owners before the change, too: a Deployment whose last pod goes gets its template back.
        before = list(self.workloads.chain(reference))
        yield
        for one in dict.fromkeys(
            [*before, *self.workloads.chain(reference), *self.workloads.template_users(reference)]
        ):
            self._refresh_template(one)

    def _refresh_template(self, reference: Reference) -> None:
        present, wanted = self.directory.get(reference), self._template(reference)
        if present and wanted and is_same(present, wanted):
            return
        if present:
            self._leave(present)
        if wanted:
            self._enter(wanted)

    def _template(self, reference: Reference) -> Member | None:
        """The member that stands for the pods of a workload; None if there is none."""
        workload = self.workloads.get(reference)
        if workload is None or not self.workloads.stands_for_pods(reference):
            return None
        complete = self.workloads.with_template(workload, reference)
        if complete is None:
            return None
        limit = self.workloads.limit(workload, reference)
        return member_of_workload(complete, self._nodes, is_several=limit.is_several)

    def _enter(self, member: Member) -> None:
        self.directory.add(member)
        self._population.add(member)
        if member.host_network:
            self._host_network[member] = None
            if member.reference.kind != "Pod":
                self._note_on_node(member.node, member.reference)
        elif member.has_host_ports:
            self._host_ports[member] = None

    def _leave(self, member: Member) -> None:
        self.directory.discard(member)
        self._population.discard(member)
        if member.host_network:
            del self._host_network[member]
            if member.reference.kind != "Pod":
                self._note_off_node(member.node, member.reference)
        self._host_ports.pop(member, None)
