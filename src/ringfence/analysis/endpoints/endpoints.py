"""Resolves endpoints in a cluster: pods, workloads, Services and addresses that a question can name.

`endpoint_text` has the grammar. An endpoint that matches nothing is an error, never an answer: a spelling mistake must
not look like the answer "no".
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from ringfence.analysis.endpoints.absence import absent_pods, absent_pods_of, operated_objects
from ringfence.analysis.endpoints.endpoint_text import (
    KINDS,
    AddressBlock,
    AnyPossiblePod,
    EndpointText,
    Internet,
    LabelledPods,
    NamedObject,
    PossiblePod,
    parse_endpoint,
    similar,
)
from ringfence.analysis.endpoints.internet import internet_addresses
from ringfence.analysis.endpoints.scaled_to_zero import scaled_to_zero
from ringfence.analysis.endpoints.services import Backend, backends, reference_of
from ringfence.engine.answers import End, Families
from ringfence.engine.population import Member, Reference, possible_pod
from ringfence.engine.possible import ExamplePod, PossiblePods
from ringfence.engine.state import NO_NAMESPACES, State
from ringfence.errors import EndpointError
from ringfence.model.metadata import Labels
from ringfence.model.objects import DEFAULT_NAMESPACE, WORKLOAD_KINDS
from ringfence.model.selectors import Operator, Term
from ringfence.model.services import Service
from ringfence.sets.addresses import FAMILIES, LOOPBACK, Addresses, Family, Network, span
from ringfence.sets.intervals import normalise

_POSSIBLE_PODS: Final = "for a pod that does not exist yet, use"


class Endpoint(msgspec.Struct, frozen=True):
    """A resolved endpoint: pods or addresses, and the Service in front of them if the text names one.

    `reference` is the named object, if the text names a single one. `addresses` are set if the text is an address or a
    CIDR: `ends` are then the pods that have some of these addresses, and the remaining addresses.

    `possible` is set if the text names all pods that could exist with some labels. There are no `ends` then, until
    `representatives` divides them into parts that policies treat alike: one example of each part is an end, in a
    namespace that exists or that has the labels in `spaces`. `parts` are the parts, each with its example.

    `labelled` is the selector, if the text names its pods by one.
    """

    text: str
    ends: tuple[End, ...]
    reference: Reference | None = None
    service: Service | None = None
    addresses: Addresses | None = None
    possible: AnyPossiblePod | None = None
    spaces: Mapping[str, Labels] = NO_NAMESPACES
    parts: tuple[tuple[PossiblePods, ExamplePod], ...] = ()
    labelled: LabelledPods | None = None

    @property
    def families(self) -> Families:
        """The address families that a question is about: for an address only its own, even if its pod has both."""
        return FAMILIES if self.addresses is None else self.addresses.families

    @property
    def is_plain(self) -> bool:
        """Whether it names pods that exist, or addresses outside the cluster, and nothing else about them."""
        return self.service is None and self.addresses is None and self.possible is None and not self.parts

    def openers(self) -> tuple[End, ...]:
        """The pods or addresses that may open a connection, if this endpoint is the source.

        Only the pod itself can open connections from its loopback address, so loopback addresses are left out. Raises
        EndpointError if no other address is left.
        """
        if not any(isinstance(end, Addresses) and end & LOOPBACK for end in self.ends):
            return self.ends
        others = (end - LOOPBACK if isinstance(end, Addresses) else end for end in self.ends)
        if not (left := tuple(end for end in others if end)):
            raise EndpointError(f"{self.text} is the loopback address of every pod: name the pod that connects")
        return left

    def backends(self, state: State, protocol: str, port: int | None) -> list[Backend]:
        """The pods or addresses that a connection to a port of this endpoint may reach; of a Service, its endpoints."""
        if self.service:
            return backends(state, self.service, protocol, port)
        return [Backend(end, protocol, port) for end in self.ends]


def resolve(state: State, text: str, namespace: str = DEFAULT_NAMESPACE) -> Endpoint:
    """Resolve `text`; names without a namespace are looked up in `namespace`.

    Raises EndpointError if it matches nothing or is ambiguous.
    """
    first, *others = alternatives(state, text, namespace)
    if others:
        raise ambiguous([first, *others])
    return first


def alternatives(state: State, text: str, namespace: str = DEFAULT_NAMESPACE) -> tuple[Endpoint, ...]:
    """All endpoints that `text` may name: one, or a pod and workloads of the same name, or several workloads.

    Raises EndpointError if it matches nothing.
    """
    if not isinstance(text, str):  # the caller may be a program without type checks
        raise EndpointError(f'{text!r} is not an endpoint: use a text such as "prod/web"')
    if pod := _plain_pod(state, text):
        return (Endpoint(text, (pod,), pod.reference),)
    parsed = parse_endpoint(text, namespace)
    _check_was_read(state, text, parsed)
    match parsed:
        case AddressBlock(network):
            return (_addressed(state, text, network),)
        case Internet():
            return (Endpoint(text, (internet_addresses(state),)),)
        case LabelledPods() as labelled:
            return (_labelled(state, text, labelled),)
        case PossiblePod(space, labels):
            pod = possible_pod(space, labels)
            return (Endpoint(text, (pod,), pod.reference),)
        case AnyPossiblePod():
            return (Endpoint(text, (), possible=parsed),)
        case NamedObject(space, "Service", name):
            return (_service(state, text, space, name),)
        case NamedObject() as named:
            return _named(state, text, named)


def ambiguous(endpoints: Sequence[Endpoint]) -> EndpointError:
    """The error that one text names several objects; it lists an unambiguous spelling for each."""
    references = list(dict.fromkeys(endpoint.reference for endpoint in endpoints if endpoint.reference))
    kinds = " and a ".join(one.kind for one in references)
    ways = " or ".join(f"{one.namespace}/{one.kind.lower()}/{one.name}" for one in references)
    return EndpointError(f"{endpoints[0].text} is ambiguous, because a {kinds} have this name: use {ways}")


def check_namespace(state: State, namespace: str) -> None:
    """Raise EndpointError for a namespace that no object mentions: a misspelt one must not look like an empty one."""
    if not state.namespaces.exists(namespace):
        known = state.namespaces.names()
        raise EndpointError(f"there is no namespace {namespace}{similar(namespace, known)}")


def _check_was_read(state: State, text: str, parsed: EndpointText) -> None:
    """Raise EndpointError for pods of a namespace that could not be read: it must not look like an empty one.

    An account that may list one namespace only reads only that (`State.only_namespace`).
    """
    only = state.only_namespace
    if (
        only
        and isinstance(parsed, LabelledPods | PossiblePod | AnyPossiblePod | NamedObject)
        and parsed.namespace != only
    ):
        where = f"namespace {parsed.namespace}" if parsed.namespace else "all namespaces"
        raise EndpointError(f"{text} is about {where}, but only namespace {only} could be read: use -n NAMESPACE")


def _plain_pod(state: State, text: str) -> Member | None:
    """The pod that a text names, if it is a plain and unambiguous NAMESPACE/NAME, and not KIND/NAME or a CIDR.

    Programs that ask many questions use this form, so it is looked up without parsing.
    """
    space, _, name = text.partition("/")
    pod = state.pod(space, name)
    if pod is None or "." in space or ":" in space or space.lower() in KINDS:
        return None
    return None if state.workloads.may_have_named(space, name) else pod


def _addressed(state: State, text: str, network: Network) -> Endpoint:
    family, (low, high) = Family(network.version), span(network)
    addresses = Addresses.of(network)
    # Only a single address is looked up among the Services. For a block, `address_targets` finds their ports.
    if low < high:
        inside = [(number, member) for _, number, member in state.members_inside(addresses)]
    else:
        inside = [(low, member) for member in state.members_at(family, low)]
        for service in state.services.values():
            if not inside and str(network.network_address) in service.spec.virtual_addresses():
                return replace(_behind(state, text, service), addresses=addresses)
    pods = dict.fromkeys(member for _, member in inside)
    others = addresses - Addresses.in_family(family, normalise((number, number) for number, _ in inside))
    # One pod and nothing besides is as good as its name, so the answer can name it.
    reference = next(iter(pods)).reference if len(pods) == 1 and not others else None
    return Endpoint(text, (*pods, *([others] if others else [])), reference, addresses=addresses)


def _labelled(state: State, text: str, labelled: LabelledPods) -> Endpoint:
    members = state.members() if labelled.namespace is None else state.members_in(labelled.namespace)
    found = tuple(member for member in members if labelled.selector.matches(member.labels))
    if not found:
        raise EndpointError(f"{text}: {_why_no_pods(state, labelled)}")
    return Endpoint(text, found, labelled=labelled)


def _why_no_pods(state: State, labelled: LabelledPods) -> str:
    namespace, terms = labelled.namespace, labelled.selector.terms
    if absent := absent_pods(state, partial(_is_among, labelled)):
        return absent
    members = list(state.members() if namespace is None else state.members_in(namespace))
    possible = ""
    no_pods = scaled_to_zero(state, namespace, labelled.selector.matches) + operated_objects(state, namespace)
    # Only labels with one value each can be taken over into `pod:`, which needs exact labels.
    if terms and all(map(_is_equality, terms)):
        possible = f"; {_POSSIBLE_PODS} pod:{namespace or DEFAULT_NAMESPACE}/{labelled.written}"
    if namespace is not None and not members:
        return f"there is no pod in namespace {namespace}{no_pods}{possible}{_similar_namespace(state, namespace)}"
    if not terms:
        return f"there are no pods{no_pods}"
    where = "" if namespace is None else f" in namespace {namespace}"
    has = "has the label" if possible and len(terms) == 1 else "matches"
    return f"no pod{where} {has} {labelled.written}{no_pods}{possible}{_similar_label(labelled, members)}"


def _is_among(labelled: LabelledPods, pod: Member) -> bool:
    return labelled.namespace in (None, pod.namespace) and labelled.selector.matches(pod.labels)


def _similar_label(labelled: LabelledPods, members: list[Member]) -> str:
    """The end of a message that proposes a label which pods have, if the selector is one label."""
    if len(labelled.selector.terms) != 1 or not _is_equality(labelled.selector.terms[0]):
        return ""
    key, _, value = labelled.written.partition("=")
    labels = {label for member in members for label in member.labels.items()}
    other_values = {other for known, other in labels if known == key}
    if other_values:
        return similar(value, other_values, f"{key}={{}}")
    return similar(key, {known for known, other in labels if other == value}, f"{{}}={value}")


def _is_equality(term: object) -> bool:
    return isinstance(term, Term) and term.operator is Operator.IN and len(term.values) == 1


def _service(state: State, text: str, namespace: str, name: str) -> Endpoint:
    service = state.services.get((namespace, name))
    if service is None:
        other = _other_service(state, namespace, name)
        raise EndpointError(f"{text}: there is no Service {name} in namespace {namespace}{other}")
    return _behind(state, text, service)


def _other_service(state: State, namespace: str, name: str) -> str:
    """The end of a message that proposes another Service: of this name elsewhere, or of a similar one."""
    if elsewhere := [f"{space}/svc/{name}" for space, other in sorted(state.services) if other == name]:
        return f"; there is {' and '.join(elsewhere[:3])}"
    if not state.namespaces.exists(namespace):
        return f", which is in no object{_similar_namespace(state, namespace)}"
    return similar(name, [other for space, other in state.services if space == namespace])


def _behind(state: State, text: str, service: Service) -> Endpoint:
    # Without a port the protocol has no meaning: all ports of the Service are looked at.
    ends = dict.fromkeys(backend.end for backend in backends(state, service, "TCP", None))
    return Endpoint(text, tuple(ends), reference_of(service), service)


def _named(state: State, text: str, named: NamedObject) -> tuple[Endpoint, ...]:
    namespace, kind, name = named.namespace, named.kind, named.name
    found = []
    # All kinds are tried even after a match: whether the others differ in their answer decides `agreed`.
    for one in (kind,) if kind else ("Pod", *WORKLOAD_KINDS):
        reference = Reference(namespace, one, name)
        if members := _owned(state, reference):
            found.append(Endpoint(text, tuple(members), reference))
    if not found:
        raise EndpointError(named.doubt or f"{text}: {_why_nothing(state, namespace, kind, name)}")
    return tuple(found)


def _of_another_kind(state: State, space: str, name: str, asked_in: str) -> str:
    """An unambiguous spelling of a name: with its kind, if it is in the namespace that was asked about."""
    kinds = (str(reference) for kind in WORKLOAD_KINDS if _owned(state, reference := Reference(space, kind, name)))
    return next(kinds, f"{space}/{name}") if space == asked_in else f"{space}/{name}"


def _owned(state: State, reference: Reference) -> list[Member]:
    """The pod itself, or all pods that a workload owns directly or through other workloads."""
    if pod_or_template := state.member(reference):
        return [pod_or_template]
    # This saves a pass over all pods of the namespace for each kind of workload.
    if not state.workloads.may_have_named(reference.namespace, reference.name):
        return []
    return [
        member
        for member in state.members_in(reference.namespace)
        if member.owner and reference in state.workloads.chain(member.owner)
    ]


def _why_nothing(state: State, namespace: str, kind: str, name: str) -> str:
    what = f"{kind} {name}" if kind else f"pod or workload {name}"
    # The most precise cause comes first, and the guesses about spelling last.
    if kind in ("", "Pod") and (absent := state.absent.get(Reference(namespace, "Pod", name))):
        return str(absent)
    for one in (kind,) if kind else WORKLOAD_KINDS:
        reference = Reference(namespace, one, name)
        if workload := state.workloads.get(reference):
            limit = state.workloads.limit(workload, reference)
            why = limit.reason if limit.is_zero else absent_pods_of(state, reference)
            why = f": {why}" if why else ""
            return f"{one} {name} in namespace {namespace} has no pods{why}"
    if not kind and (namespace, name) in state.services:
        return f"there is no {what} in namespace {namespace}, but there is a Service: use {namespace}/svc/{name}"
    operated = operated_objects(state, namespace)
    elsewhere = [space for space in state.namespaces.names() if state.members_named(space, name)]
    if elsewhere:
        others = " and ".join(_of_another_kind(state, space, name, namespace) for space in elsewhere[:3])
        return f"there is no {what} in namespace {namespace}{operated}; there is {others}"
    if not kind and name in state.namespaces.names():
        return f"there is no {what} in namespace {namespace}, but there is a namespace: use '{name}/*' for all its pods"
    known = {state.workload(member).name for member in state.members_in(namespace)}
    if not known:
        return _nothing_in(state, namespace)
    return f"there is no {what} in namespace {namespace}{operated}{similar(name, list(known))}"


def _nothing_in(state: State, namespace: str) -> str:
    if absent := absent_pods(state, lambda pod: pod.namespace == namespace):
        return absent
    has_pods = any(True for _ in state.members())
    possible = "" if has_pods else f"; {_POSSIBLE_PODS} pod:{namespace}/KEY=VALUE,..."
    operated = operated_objects(state, namespace)
    return f"there is no pod in namespace {namespace}{operated}{possible}{_similar_namespace(state, namespace)}"


def _similar_namespace(state: State, namespace: str) -> str:
    return similar(namespace, [name for name in state.namespaces.names() if name != namespace])
