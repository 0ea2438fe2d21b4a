"""The view: the objects that the API server has reported, as the engine's state.

A policy that the engine cannot use still isolates the pods that it selects, and allows them nothing: its author wanted
to restrict them. Of a cluster policy, each rule that cannot be used fails closed (`unenforceable`). Such a policy is a
problem of the view until it is corrected or deleted. It does not affect other objects.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from itertools import islice
from typing import Any, Final

from ringfence.agent.local_policies import MOST_BYTES, MOST_BYTES_OF_ALL, LocalPolicies, PolicyUse
from ringfence.agent.unenforceable import enforceable, problem_of_cluster_policy
from ringfence.engine.policies import MOST_DIVIDED, CompiledPolicy, compile_policy, compile_without_nodes
from ringfence.engine.population import Reference, addresses_of
from ringfence.engine.state import State
from ringfence.errors import DecodingError
from ringfence.model.cidrs import cidr_ranges_in_steps, parse_cidr
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.field_errors import FieldError
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.metadata import NO_LABELS
from ringfence.model.objects import Namespace, NetworkPolicy, Object, Pod
from ringfence.model.policies import cidrs_of
from ringfence.model.validation import evaluable_cluster_policy
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sources.cluster import (
    RESOURCES,
    Event,
    Listed,
    Page,
    Removed,
    Resource,
    Undecoded,
    Unreadable,
    Upserted,
)
from ringfence.steps import Pace, Steps, finish

_CONTEXT: Final = ("Namespace", "Pod", "Node")
"""The kinds that enforcement needs besides the policies."""

FOLLOWED: Final[tuple[Resource, ...]] = tuple(
    resource for resource in RESOURCES if resource.row.is_policy or resource.kind in _CONTEXT
)
FOLLOWED_KINDS: Final = tuple(resource.kind for resource in FOLLOWED)
"""The kinds that the agent watches; a view is incomplete until all of them have been listed.

Of a kind that the server does not have, an empty list is delivered.
"""

POLICY_KINDS: Final = frozenset(resource.kind for resource in FOLLOWED if resource.row.is_policy)

Name = tuple[str, str]
"""Namespace and name."""

ObjectName = tuple[str, str, str]
"""Kind, namespace and name."""

Change = Upserted | Removed | Unreadable
"""What an event says about one object."""

ApplyStep = Callable[[], None]
"""The step that applies a prepared change to the state."""


_MOST_ERRORS: Final = 10
"""The number of errors of one object that are reported at most."""

EXCESSIVE: Final = (
    f"the policies of its namespace that select pods of this node have more than {MOST_BYTES >> 20} MiB, "
    f"or those of all namespaces more than {MOST_BYTES_OF_ALL >> 20} MiB: "
    "all pods of the namespace are closed here: use fewer or smaller policies"
)

DIVIDING: Final = (
    f"the ipBlocks of its namespace contain only some of the addresses of more than {MOST_DIVIDED:,} nodes, counted "
    "for each block, so its own ipBlocks admit nobody: use fewer blocks, or blocks that also contain the nodes' tunnels"
)


class View:
    """The cluster as the events of the watches describe it. `state` is up to date after every event.

    Policies that select no pod of `node` are kept as text outside the state (`local_policies`). Without a `node`, all
    policies are in the state.
    """

    def __init__(self, node: str = "") -> None:
        self.state = State(live=True, most_divided=MOST_DIVIDED)
        self.uids: dict[ObjectName, str] = {}
        """The known UIDs of the node's own pods, and of policies that have problems."""
        self.problems: dict[ObjectName, str] = {}
        """Why objects cannot be used as they are."""
        self.defects: dict[ObjectName, Exception] = {}
        """The objects that a defect of ringfence keeps out of the state, and the exception of each."""
        self._left_out: defaultdict[str, set[ObjectName]] = defaultdict(set)
        """By namespace, the policies that are not in the state because its active policies are too large."""
        self._node = node
        self._local = LocalPolicies(node) if node else None
        self._names: defaultdict[str, set[Name]] = defaultdict(set)
        self._digests: dict[ObjectName, bytes] = {}
        """The digests of the policies that were applied, or kept as text, in their present version."""
        self._listed: set[str] = set()

    def has_own_pods(self, namespace: str) -> bool:
        """Whether the namespace has pods on this node, without hostNetwork pods."""
        return self._local is not None and self._local.has_pods(namespace)

    @property
    def complete(self) -> bool:
        """Whether every kind was listed: before that, the state says nothing about the cluster."""
        return self._listed.issuperset(FOLLOWED_KINDS)

    @property
    def missing(self) -> list[str]:
        """The kinds that have not been listed yet."""
        return [kind for kind in FOLLOWED_KINDS if kind not in self._listed]

    def counts(self) -> Mapping[str, int]:
        """How many objects of each kind there are."""
        return {kind: len(self._names[kind]) for kind in FOLLOWED_KINDS}

    def in_force(self, kind: str) -> frozenset[Name]:
        """The names of the policies of a kind that are in the state."""
        return frozenset(name for name in self._names[kind] if self.state.has(Reference(name[0], kind, name[1])))

    def pod_ranges(self, node: str) -> Addresses:
        """The ranges of the node's pods: the `podCIDRs` of its Node object. Empty if they are not known."""
        known = self.state.nodes.get(node)
        return Addresses.of(*map(parse_cidr, (known.spec.pod_cidrs or ()) if known else ()))

    def node_addresses(self, node: str) -> Addresses:
        """The addresses of a node itself, as its kubelet reports them."""
        known = self.state.nodes.get(node)
        return addresses_of(known) if known else NO_ADDRESSES

    def apply(self, event: Event) -> bool:
        """Apply an event to the state. Returns whether the state may have changed.

        A defect of ringfence is noted in `defects`; no exception is raised for it.
        """
        match event:
            case Page(objects=objects):
                for obj in objects:
                    self._apply(Upserted(obj))
            case Listed(kind=kind, names=names):
                for change in self.note_list(kind, names):
                    self._apply(change)
            case Upserted() | Removed() | Unreadable():
                self._apply(event)
                return not isinstance(event, Unreadable)
            case _:
                return False
        return True

    def _apply(self, change: Change) -> None:
        for policy in self.activated_by(change):
            self.prepare(Upserted(policy))()
        self.prepare(change)()
        # After the change: it may have made room for policies that were left out.
        for policy in self.fitting(name_of_change(change)[1]):
            self.prepare(Upserted(policy))()

    def is_known(self, obj: Object | Undecoded) -> bool:
        """Whether this version of a policy was applied already, so that it need not be applied again."""
        return isinstance(obj, Undecoded) and self._digests.get(name_of(obj)) == obj.digest

    def note_list(self, kind: str, names: Set[Name]) -> list[Removed]:
        """Note that a kind was listed. Returns the removal of each known object that the list does not contain."""
        self._listed.add(kind)
        known = self._names[kind] | (self._local.noted(kind) if self._local else set())
        return [Removed(kind, *name) for name in known - names]

    def activated_by(self, change: Change) -> list[Undecoded]:
        """The policies outside the state that may select the pod that changes, or pods of the namespace that changes.

        They must be applied before the change.
        """
        if self._local is None:
            return []
        match change:
            case Upserted(object=Pod() as pod):
                return self._local.upsert_pod(pod)
            case Upserted(object=Namespace(metadata=metadata)):
                return self._local.upsert_namespace(metadata.name, metadata.labels or NO_LABELS)
            case Removed(kind="Namespace", name=name):
                return self._local.discard_namespace(name)
            case _:
                return []

    def fitting(self, namespace: str) -> list[Undecoded]:
        """The policies that were left out because of their size, and fit now after a change in `namespace`."""
        return self._local.fitting(namespace) if self._local else []

    @property
    def excessive(self) -> frozenset[str]:
        """The namespaces whose pods are closed because their policies are too large together."""
        left_out = frozenset(self._left_out)
        return left_out | self._local.excessive if self._local else left_out

    def prepare(self, change: Change) -> ApplyStep:
        """Prepare a change, and return the step that applies it to the state.

        To prepare it means to decode, validate and compile its object. This does not change the state, and is most of
        the work for a large policy.
        """
        return finish(self.prepare_in_steps(change))

    def prepare_in_steps(self, change: Change) -> Steps[ApplyStep]:
        """`prepare` in steps: decoding, validating and compiling a policy of 1.5 MB take 40 to 80 ms each."""
        key = name_of_change(change)
        try:
            apply_step = yield from self._prepare_change(key, change)
            return partial(self._isolating_defects, key, apply_step, _digest_in(change))
        except Exception as error:
            return partial(self._note_defect, key, error)

    def _prepare_change(self, key: ObjectName, change: Change) -> Steps[ApplyStep]:
        match change:
            case Upserted(object=obj):
                return (yield from self._prepare(key, obj))
            case Removed(kind=kind, namespace=namespace, name=name):
                if self._local and kind in POLICY_KINDS:
                    # While preparing, not when applied: a pod that is prepared next must not activate the policy.
                    self._local.discard_policy(kind, namespace, name)
                return partial(self._remove, kind, namespace, name)
            case Unreadable(reason=reason):
                return partial(self.problems.__setitem__, key, reason)

    def _prepare(self, key: ObjectName, obj: Object | Undecoded) -> Steps[ApplyStep]:
        if not isinstance(obj, Undecoded):
            return (yield from self._prepare_decoded(key, obj))
        match (yield from self._local.place(obj)) if self._local else PolicyUse.ACTIVE:
            case PolicyUse.IDLE:
                return partial(self._set_aside, key)
            case PolicyUse.EXCESSIVE:
                return partial(self._leave_out, key, obj.uid())
            case PolicyUse.ACTIVE:
                yield
        try:
            decoded = obj.decode()
        except DecodingError as error:
            return self._prepare_subject(key, obj, str(error))
        yield
        return (yield from self._prepare_decoded(key, decoded, obj))

    def _prepare_subject(self, key: ObjectName, obj: Undecoded, problem: str) -> ApplyStep:
        """Prepare the subject of a policy that cannot be decoded: the policy isolates its pods and allows nothing."""
        try:
            subject = obj.decode_subject()
            remaining = obj.kind.remaining(subject) if isinstance(subject, NetworkPolicy) else None
        except (DecodingError, ValueError):
            remaining = None
        if remaining is None:
            return partial(self._note_problem, key, problem, obj.uid())
        return partial(self._upsert, key, compile_policy(remaining), problem, obj.uid())

    def _prepare_decoded(self, key: ObjectName, obj: Object, source: Undecoded | None = None) -> Steps[ApplyStep]:
        kind = KINDS.of(obj)
        obj = kind.default(obj)
        if isinstance(obj, NetworkPolicy):
            yield from cidr_ranges_in_steps(cidrs_of(obj))  # cached for validating and compiling
            yield
        remaining: Any
        if isinstance(obj, ClusterPolicy):
            remaining, errors = yield from evaluable_cluster_policy(obj, _MOST_ERRORS + 1)
            problem = _problem_text(errors)
            yield
        else:
            problem = _problem_text(kind.validate_stored(obj))
            yield
            remaining = kind.remaining(obj) if problem else obj
        if isinstance(obj, ClusterPolicy):
            problem = problem_of_cluster_policy(problem, remaining)
            remaining = enforceable(remaining) if remaining else None
        # Only Events about a problem need it, and reading it takes time.
        uid = source.uid() if problem and source else ""
        if remaining is None:
            # Not even its subject can be used, so it is not known which pods to close.
            return partial(self._note_problem, key, problem, uid)
        if isinstance(remaining, NetworkPolicy):
            remaining = compile_policy(remaining)
        elif isinstance(remaining, ClusterPolicy):
            remaining = yield from compile_without_nodes(remaining)
            yield from self._match_nodes(remaining)
        if isinstance(remaining, CompiledPolicy):
            yield
            yield from remaining.find_facts()
        return partial(self._upsert, key, remaining, problem, uid)

    def _match_nodes(self, policy: CompiledPolicy[ClusterPolicy]) -> Steps[None]:
        """Find the nodes that a policy selects, so that they are known when it is applied."""
        pace, nodes = Pace(), self.state.nodes
        for rule in policy.all_rules():
            for selector in rule.nodes:
                if pace.is_pause_due(1 + len(nodes) // 10):
                    yield
                nodes.addresses_matching(selector)

    def _upsert(self, key: ObjectName, obj: Object | CompiledPolicy[Any], problem: str, uid: str) -> None:
        self._forget_problem(key)
        if problem:
            self._note_problem(key, problem, uid)
        self._names[key[0]].add(key[1:])
        if isinstance(obj, Pod) and obj.spec.node_name == self._node:
            self.uids[key] = obj.metadata.uid
        self.state.upsert(obj)
        # Only the blocks of these policies and the addresses of Nodes decide which blocks divide Nodes.
        if key[0] in ("NetworkPolicy", "Node"):
            self._note_dividing()

    def _note_dividing(self) -> None:
        """Update which policies have the problem `DIVIDING`."""
        dividing = {("NetworkPolicy", *name) for name in self.state.policies.admitting_no_blocks}
        for key in [key for key, problem in self.problems.items() if problem == DIVIDING and key not in dividing]:
            self._forget_problem(key)
        for key in dividing - self.problems.keys():
            self._note_problem(key, DIVIDING, self.uids.get(key, ""))

    def _note_problem(self, key: ObjectName, problem: str, uid: str) -> None:
        self.problems[key] = problem
        self.uids[key] = uid

    def _set_aside(self, key: ObjectName) -> None:
        self._forget_problem(key)
        self._names[key[0]].add(key[1:])
        self.state.remove(*key)

    def _leave_out(self, key: ObjectName, uid: str) -> None:
        self._set_aside(key)
        self._note_problem(key, EXCESSIVE, uid)
        self._left_out[key[1]].add(key)

    def _forget_problem(self, key: ObjectName) -> None:
        self.problems.pop(key, None)
        self.uids.pop(key, None)
        if left_out := self._left_out.get(key[1]):
            left_out.discard(key)
            if not left_out:
                del self._left_out[key[1]]

    def _remove(self, kind: str, namespace: str, name: str) -> None:
        self._forget_problem((kind, namespace, name))
        self._names[kind].discard((namespace, name))
        if self._local and kind == "Pod":
            self._local.discard_pod(namespace, name)
        self.state.remove(kind, namespace, name)
        if kind in ("NetworkPolicy", "Node"):
            self._note_dividing()

    def _isolating_defects(self, key: ObjectName, change: ApplyStep, digest: bytes | None) -> None:
        """Apply the change of one object. A defect is noted, so that other objects are still applied."""
        # While the change is applied, and after a defect, no version of the object counts as known.
        self._digests.pop(key, None)
        try:
            change()
        except Exception as error:
            self._note_defect(key, error)
        else:
            if digest is not None:
                self._digests[key] = digest
            if key in self.defects:
                self.defects = {name: error for name, error in self.defects.items() if name != key}

    def _note_defect(self, key: ObjectName, error: Exception) -> None:
        self._digests.pop(key, None)
        # A new dictionary, because health probes read it in other threads.
        self.defects = {**self.defects, key: error}


def _digest_in(change: Change) -> bytes | None:
    """The digest of the policy in a change; None if the object of the change is not an undecoded policy."""
    return change.object.digest if isinstance(change, Upserted) and isinstance(change.object, Undecoded) else None


def _problem_text(errors: Iterable[FieldError]) -> str:
    """The first errors of an object, which may have 100,000; empty if it has none."""
    first = list(islice(errors, _MOST_ERRORS + 1))
    return "; ".join([*map(str, first[:_MOST_ERRORS]), *["and more"] * (len(first) > _MOST_ERRORS)])


def name_of(obj: Object | Undecoded) -> ObjectName:
    """The kind, the namespace and the name of an object."""
    if isinstance(obj, Undecoded):
        return obj.kind.key, obj.namespace, obj.name
    return kind_of(obj), namespace_of(obj), obj.metadata.name


def name_of_change(change: Change) -> ObjectName:
    """The kind, the namespace and the name of the object that a change is about."""
    if isinstance(change, Upserted):
        return name_of(change.object)
    return change.kind, change.namespace, change.name


def kind_of_event(event: Event) -> str:
    """The kind that an event is about."""
    return name_of(event.object)[0] if isinstance(event, Upserted) else event.kind
