"""Which pods the policies of other projects select, and in which directions: one function for each way to write it.

Each takes a policy as it is written, and its namespace. It raises ValueError if the policy is not written as expected,
or if its selection cannot be known from it.

Sources: the APIs of Cilium 1.20, Calico 3.32, Antrea 2.7, the AWS network policy controller 1.1.7, Istio 1.27, and
OVN-Kubernetes of 2026-08.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ringfence.model.calico_selectors import bounding_terms
from ringfence.model.metadata import Labels, LabelSelector
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term, compile_selector
from ringfence.model.unread_policies import UnreadBounds, UnreadSubjects

Written = Mapping[str, object]
"""A policy as it is written."""

_Rules = tuple[Any, ...]
_Shape = TypeVar("_Shape", bound=msgspec.Struct)

_NAME_OF_NAMESPACE: Final = "kubernetes.io/metadata.name"


def inert(policy: Written, namespace: str) -> UnreadBounds:
    """A staged policy: it is only previewed."""
    return UnreadBounds()


def unbounded(namespace: str, directions: Iterable[Direction] = tuple(Direction)) -> UnreadBounds:
    """Every pod of a namespace, or of the cluster if it is empty."""
    everyone = UnreadSubjects(namespace=namespace or None, host_network=None)
    return UnreadBounds(dict.fromkeys(directions, (everyone,)), is_selection_known=False)


# --- NetworkPolicies of other groups ----------------------------------------------------------------------------------


class _LikeNetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    egress: _Rules = ()


class _LikeNetworkPolicy(msgspec.Struct, frozen=True):
    spec: _LikeNetworkPolicySpec = _LikeNetworkPolicySpec()


def like_network_policy(policy: Written, namespace: str) -> UnreadBounds:
    """A spec with the `podSelector` and `policyTypes` of a NetworkPolicy, and its default for the latter."""
    spec = _read(policy, _LikeNetworkPolicy).spec
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    subjects = UnreadSubjects(compile_selector(spec.pod_selector), namespace)
    return _bounds({direction: [subjects] for direction in Direction if direction in types})


# --- Cilium -----------------------------------------------------------------------------------------------------------

_SOURCES: Final = ("any:", "k8s:")
_POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
_NAMESPACE_LABEL: Final = "io.cilium.k8s.namespace.labels."
_NOT_OF_PODS: Final = ("io.cilium.k8s.policy.", "io.kubernetes.pod.")
"""The beginnings of keys whose values a manifest does not contain: cluster, service account."""


class _DefaultDeny(msgspec.Struct, frozen=True):
    ingress: bool = False
    egress: bool = False


class _CiliumRule(msgspec.Struct, frozen=True, rename="camel"):
    endpoint_selector: LabelSelector | None = None
    node_selector: LabelSelector | None = None
    ingress: _Rules = ()
    ingress_deny: _Rules = ()
    egress: _Rules = ()
    egress_deny: _Rules = ()
    enable_default_deny: _DefaultDeny = _DefaultDeny()


class _CiliumPolicy(msgspec.Struct, frozen=True):
    spec: _CiliumRule | None = None
    specs: tuple[_CiliumRule, ...] = ()


def cilium_rules(policy: Written, namespace: str) -> UnreadBounds:
    """The `endpointSelector` of each rule; a rule without a list for a direction changes nothing in it.

    A `nodeSelector` selects nodes, and so the pods that use their node's network.
    """
    written = _read(policy, _CiliumPolicy)
    found: defaultdict[Direction, list[UnreadSubjects]] = defaultdict(list)
    for rule in (*((written.spec,) if written.spec else ()), *written.specs):
        if rule.node_selector is not None:
            subjects = UnreadSubjects(host_network=True)
        elif rule.endpoint_selector is not None:
            subjects = _cilium_subjects(compile_selector(rule.endpoint_selector), namespace)
        else:
            raise ValueError("a rule selects endpoints or nodes")
        if rule.ingress or rule.ingress_deny or rule.enable_default_deny.ingress:
            found[Direction.INGRESS].append(subjects)
        if rule.egress or rule.egress_deny or rule.enable_default_deny.egress:
            found[Direction.EGRESS].append(subjects)
    return _bounds(found)


def _cilium_subjects(selector: Selector, namespace: str) -> UnreadSubjects:
    """The terms of a selector about pods and about namespaces, by the prefixes of their keys."""
    pods, spaces = [], []
    for term in selector.terms:
        key = term.key
        for source in _SOURCES:
            key = key.removeprefix(source)
        if key == _POD_NAMESPACE:
            spaces.append(_renamed(term, _NAME_OF_NAMESPACE))
        elif key.startswith(_NAMESPACE_LABEL):
            spaces.append(_renamed(term, key.removeprefix(_NAMESPACE_LABEL)))
        # A term that cannot be compared with labels of manifests is left out: the rest selects more pods, never fewer.
        elif ":" not in key and not key.startswith(_NOT_OF_PODS):
            pods.append(_renamed(term, key))
    return UnreadSubjects(Selector(tuple(pods)), namespace or None, Selector(tuple(spaces)))


# --- Calico -----------------------------------------------------------------------------------------------------------


class _CalicoSpec(msgspec.Struct, frozen=True, rename="camel"):
    selector: str = ""
    namespace_selector: str = ""
    types: tuple[str, ...] = ()
    ingress: _Rules = ()
    egress: _Rules = ()
    apply_on_forward: bool = False
    do_not_track: bool = False
    pre_dnat: bool = msgspec.field(name="preDNAT", default=False)


class _CalicoPolicy(msgspec.Struct, frozen=True):
    spec: _CalicoSpec = _CalicoSpec()


def calico_selectors(policy: Written, namespace: str) -> UnreadBounds:
    """The expressions `selector` and `namespaceSelector`; without `types`, the directions that have rules, or ingress.

    A global policy without a `namespaceSelector` also selects host endpoints, whose labels no manifest contains. One
    that applies to forwarded traffic of host endpoints may affect any pod.
    """
    spec = _read(policy, _CalicoPolicy).spec
    if spec.apply_on_forward or spec.do_not_track or spec.pre_dnat:
        return unbounded(namespace)
    directions = spec.types or (
        ("Ingress", "Egress") if spec.ingress and spec.egress else ("Egress",) if spec.egress else ("Ingress",)
    )
    subjects = [_calico_subjects(spec, namespace)]
    if not namespace and not spec.namespace_selector:
        subjects.append(UnreadSubjects(host_network=True))
    return _bounds({direction: subjects for direction in Direction if direction in directions})


def _calico_subjects(spec: _CalicoSpec, namespace: str) -> UnreadSubjects:
    """The terms about pods and about namespaces; Calico adds labels of their namespaces to pods, and names to those."""
    pods, spaces = [], []
    for term in bounding_terms(spec.selector):
        if term.key == "projectcalico.org/namespace":
            spaces.append(_renamed(term, _NAME_OF_NAMESPACE))
        elif term.key.startswith("pcns."):
            spaces.append(_renamed(term, term.key.removeprefix("pcns.")))
        # `pcsa.` are labels of service accounts, which manifests of pods do not have.
        elif not term.key.startswith(("projectcalico.org/", "pcsa.")):
            pods.append(term)
    for term in bounding_terms(spec.namespace_selector):
        if term.key == "projectcalico.org/name":
            spaces.append(_renamed(term, _NAME_OF_NAMESPACE))
        else:
            spaces.append(term)
    return UnreadSubjects(Selector(tuple(pods)), namespace or None, Selector(tuple(spaces)))


# --- Antrea -----------------------------------------------------------------------------------------------------------


class _AntreaAppliedTo(msgspec.Struct, frozen=True, rename="camel"):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    node_selector: LabelSelector | None = None
    external_entity_selector: LabelSelector | None = None
    group: Any = None
    service: Any = None
    service_account: Any = None


class _AntreaRule(msgspec.Struct, frozen=True, rename="camel"):
    applied_to: tuple[_AntreaAppliedTo, ...] = ()


class _AntreaSpec(msgspec.Struct, frozen=True, rename="camel"):
    applied_to: tuple[_AntreaAppliedTo, ...] = ()
    ingress: tuple[_AntreaRule, ...] = ()
    egress: tuple[_AntreaRule, ...] = ()


class _AntreaPolicy(msgspec.Struct, frozen=True):
    spec: _AntreaSpec


def antrea_applied_to(policy: Written, namespace: str) -> UnreadBounds:
    """The entries of `appliedTo`, of the policy or of each rule; a direction without rules does not change."""
    spec = _read(policy, _AntreaPolicy).spec
    found: dict[Direction, list[UnreadSubjects]] = {}
    for direction, rules in ((Direction.INGRESS, spec.ingress), (Direction.EGRESS, spec.egress)):
        entries = [entry for rule in rules for entry in rule.applied_to or spec.applied_to]
        found[direction] = [subjects for entry in entries for subjects in _antrea_subjects(entry, namespace)]
    return _bounds(found)


def _antrea_subjects(entry: _AntreaAppliedTo, namespace: str) -> Iterator[UnreadSubjects]:
    if entry.group or entry.service or entry.service_account:
        raise ValueError("the members of a group, a Service or a service account are not in the policy")
    if entry.node_selector is not None:
        yield UnreadSubjects(host_network=True)
    elif entry.external_entity_selector is None:  # external entities are not pods
        yield UnreadSubjects(
            _or_everything(entry.pod_selector), namespace or None, _or_everything(entry.namespace_selector)
        )


# --- OVN-Kubernetes and Istio -----------------------------------------------------------------------------------------


class _EgressSpec(msgspec.Struct, frozen=True):
    egress: _Rules = ()


class _EgressFirewall(msgspec.Struct, frozen=True):
    spec: _EgressSpec = _EgressSpec()


def egress_of_namespace(policy: Written, namespace: str) -> UnreadBounds:
    """An EgressFirewall: the egress of all pods of its namespace."""
    spec = _read(policy, _EgressFirewall).spec
    return _bounds({Direction.EGRESS: [UnreadSubjects(namespace=namespace)] if spec.egress else []})


_ROOT_NAMESPACE: Final = "istio-system"
"""Where policies for the whole mesh are, unless the mesh is configured otherwise."""


class _WorkloadSelector(msgspec.Struct, frozen=True, rename="camel"):
    match_labels: Labels = {}


class _AuthorizationSpec(msgspec.Struct, frozen=True, rename="camel"):
    selector: _WorkloadSelector = _WorkloadSelector()
    target_ref: Any = None
    target_refs: Any = None
    action: str = "ALLOW"


class _AuthorizationPolicy(msgspec.Struct, frozen=True):
    spec: _AuthorizationSpec = _AuthorizationSpec()


def istio_selector(policy: Written, namespace: str) -> UnreadBounds:
    """The ingress of the workloads that `selector` matches; those of the whole mesh, in the mesh's root namespace.

    A policy whose action is AUDIT changes nothing.
    """
    spec = _read(policy, _AuthorizationPolicy).spec
    scope = "" if namespace == _ROOT_NAMESPACE else namespace
    if spec.action == "AUDIT":
        return UnreadBounds()
    if spec.target_ref or spec.target_refs:
        return unbounded(scope, (Direction.INGRESS,))
    terms = tuple(Term(key, Operator.IN, frozenset({value})) for key, value in spec.selector.match_labels.items())
    return _bounds({Direction.INGRESS: [UnreadSubjects(Selector(terms), scope or None)]})


# --- what they share --------------------------------------------------------------------------------------------------


def _read(policy: Written, shape: type[_Shape]) -> _Shape:
    """The fields of a policy that bound the doubt. Raises ValueError if one of them is not as expected."""
    try:
        return msgspec.convert(_without_nulls(policy), shape)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _without_nulls(tree: object) -> object:
    """The tree without the fields that are null, which to the API server are absent."""
    if isinstance(tree, Mapping):
        return {key: _without_nulls(child) for key, child in tree.items() if child is not None}
    if isinstance(tree, list | tuple):
        return [_without_nulls(item) for item in tree]
    return tree


def _renamed(term: Term, key: str) -> Term:
    return Term(key, term.operator, term.values)


def _or_everything(selector: LabelSelector | None) -> Selector:
    return compile_selector(selector) if selector else EVERYTHING


def _bounds(found: Mapping[Direction, Iterable[UnreadSubjects]]) -> UnreadBounds:
    return UnreadBounds({direction: tuple(dict.fromkeys(subjects)) for direction, subjects in found.items()})
