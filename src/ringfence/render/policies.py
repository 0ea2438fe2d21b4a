"""Policies as `kubectl get` and `kubectl describe` print them, byte for byte.

Source: kubectl 1.37, `pkg/describe/describe.go`; Kubernetes, `pkg/printers/internalversion/printers.go`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import partial
from typing import TypeVar

from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import LabelSelector, LabelSelectorRequirement
from ringfence.model.objects import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Policy, Rule
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, defaulted, rules_of
from ringfence.model.validation import selector_errors
from ringfence.render.descriptions import (
    TableOptions,
    annotation_lines,
    creation_time,
    entries,
    label_lines,
    laid_out,
)
from ringfence.render.formats import age, table

P = TypeVar("P", bound=Policy)


def in_list_order(policies: Iterable[P]) -> list[P]:
    """The policies in the order in which the API server lists them: by their keys in etcd."""
    # The slash counts in the order, as it does in etcd: `a-b/x` comes before `a/x`.
    return sorted(policies, key=lambda policy: f"{namespace_of(policy)}/{policy.metadata.name}")


def policy_table(policies: Iterable[NetworkPolicy], *, now: datetime, options: TableOptions | None = None) -> str:
    """The table of `kubectl get networkpolicy`, in the order given; empty if there are no policies.

    `now` must have a time zone.
    """
    options = options or TableOptions()
    columns = _columns(now, options)
    rows = [[cell(policy) for _, cell in columns] for policy in policies]
    return table([header for header, _ in columns] if options.headers else None, rows)


def names_text(policies: Iterable[NetworkPolicy]) -> str:
    """What `kubectl get networkpolicy -o name` prints."""
    return "".join(f"{_full_name(policy)}\n" for policy in policies)


def description(policies: Iterable[NetworkPolicy], *, zone: tzinfo | None = None) -> str:
    """What `kubectl describe networkpolicies` prints: the policies in the order given, two empty lines between them.

    Times are in `zone`, by default the local one.
    """
    return "\n\n".join(laid_out(_description_lines(defaulted(policy), zone)) for policy in policies)


def selector_text(selector: LabelSelector) -> str:
    """A selector on one line: `app=web,!canary,tier in (api,web)`; `<none>` if empty, `<error>` if it is invalid."""
    if any(selector_errors(selector, "")):
        return "<error>"
    # kubectl sorts requirements by key, and those with the same key stay in the order of the selector.
    terms = [(key, f"{key}={value}") for key, value in selector.match_labels.items()]
    terms += [(requirement.key, _requirement_text(requirement)) for requirement in selector.match_expressions]
    return ",".join(text for _, text in sorted(terms, key=lambda term: term[0])) or "<none>"


def _requirement_text(requirement: LabelSelectorRequirement) -> str:
    match requirement.operator:
        case "In" | "NotIn" as operator:
            return f"{requirement.key} {operator.lower()} ({','.join(sorted(requirement.values))})"
        case "DoesNotExist":
            return f"!{requirement.key}"
        case _:
            return requirement.key


def _columns(now: datetime, options: TableOptions) -> list[tuple[str, Callable[[NetworkPolicy], str]]]:
    columns: list[tuple[str, Callable[[NetworkPolicy], str]]] = [
        ("NAME", _full_name if options.kinds else lambda policy: policy.metadata.name),
        ("POD-SELECTOR", lambda policy: selector_text(policy.spec.pod_selector)),
        ("AGE", lambda policy: age(creation_time(policy.metadata.creation_timestamp), now)),
    ]
    if options.namespaces:
        columns.insert(0, ("NAMESPACE", namespace_of))
    columns += [(key.rpartition("/")[2].upper(), partial(_label, key=key)) for key in options.label_columns]
    if options.labels:
        columns.append(
            ("LABELS", lambda policy: ",".join(sorted(label_lines(policy.metadata.labels or {}))) or "<none>")
        )
    return columns


def _full_name(policy: NetworkPolicy) -> str:
    return f"networkpolicy.networking.k8s.io/{policy.metadata.name}"


def _label(policy: NetworkPolicy, key: str) -> str:
    return (policy.metadata.labels or {}).get(key, "")


def _description_lines(policy: NetworkPolicy, zone: tzinfo | None) -> Iterator[str]:
    yield f"Name:\t{policy.metadata.name}"
    yield f"Namespace:\t{namespace_of(policy)}"
    yield f"Created on:\t{_time_text(creation_time(policy.metadata.creation_timestamp), zone)}"
    yield from entries("Labels:", label_lines(policy.metadata.labels or {}))
    yield from entries("Annotations:", annotation_lines(policy.metadata.annotations or {}))
    yield "Spec:"
    yield f"  PodSelector:     {_subject_text(policy.spec.pod_selector)}"
    for direction in Direction:
        yield from _direction_lines(policy, direction)
    yield f"  Policy Types: {', '.join(policy.spec.policy_types) or '<none>'}"


def _subject_text(selector: LabelSelector) -> str:
    if selector == LabelSelector():
        return "<none> (Allowing the specific traffic to all pods in this namespace)"
    return selector_text(selector)


def _direction_lines(policy: NetworkPolicy, direction: Direction) -> Iterator[str]:
    if direction not in policy.spec.policy_types:
        yield f"  Not affecting {direction.field} traffic"
        return
    yield f"  Allowing {direction.field} traffic:"
    rules = rules_of(policy, direction)
    if not rules:
        yield f"    <none> (Selected pods are isolated for {direction.field} connectivity)"
    for i, rule in enumerate(rules):
        if i:
            yield "    ----------"
        yield from _rule_lines(rule, direction)


def _rule_lines(rule: Rule, direction: Direction) -> Iterator[str]:
    if not rule.ports:
        yield "    To Port: <any> (traffic allowed to all ports)"
    for port in rule.ports:
        yield f"    {_port_text(port)}"
    head = direction.peers_field.capitalize()
    if not rule.peers:
        end = "source" if direction is Direction.INGRESS else "destination"
        yield f"    {head}: <any> (traffic not restricted by {end})"
    for peer in rule.peers:
        yield f"    {head}:"
        yield from (f"      {line}" for line in _peer_lines(peer))


def _port_text(port: NetworkPolicyPort) -> str:
    number = "<nil>" if port.port is None else port.port
    protocol = DEFAULT_PROTOCOL if port.protocol is None else port.protocol
    if port.end_port is None:
        return f"To Port: {number}/{protocol}"
    return f"To Port Range: {number}-{port.end_port}/{protocol}"


def _peer_lines(peer: NetworkPolicyPeer) -> list[str]:
    selectors = (("NamespaceSelector", peer.namespace_selector), ("PodSelector", peer.pod_selector))
    lines = [f"{name}: {selector_text(selector)}" for name, selector in selectors if selector is not None]
    if not lines and peer.ip_block is not None:
        lines = ["IPBlock:", f"  CIDR: {peer.ip_block.cidr}", f"  Except: {', '.join(peer.ip_block.excepts)}"]
    return lines


def _time_text(moment: datetime | None, zone: tzinfo | None) -> str:
    # The zero value of Go's `time.Time`, which kubectl prints for a policy that no server has stored.
    if moment is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    # The first and the last day of the calendar have no local time in some zones.
    with suppress(OverflowError):
        moment = moment.astimezone(zone)
    return f"{moment.replace(tzinfo=None, microsecond=0)} {moment:%z %Z}"
