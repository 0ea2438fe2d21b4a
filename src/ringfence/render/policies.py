"""Policies as `kubectl get` and `kubectl describe` print them, byte for byte.

Source: kubectl 1.37, `pkg/describe/describe.go`; Kubernetes, `pkg/printers/internalversion/printers.go`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import partial
from itertools import chain, repeat
from typing import Annotated, Final

import msgspec

from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import Labels, LabelSelector, LabelSelectorRequirement
from ringfence.model.objects import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Rule
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, defaulted, rules_of
from ringfence.model.validation import selector_errors
from ringfence.render.formats import age, aligned, escape_as_kubectl, table

_HIDDEN_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_ANNOTATION: Final = 140
_Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]


def in_list_order(policies: Iterable[NetworkPolicy]) -> list[NetworkPolicy]:
    """The policies in the order in which the API server lists them: by their keys in etcd."""
    return sorted(policies, key=lambda policy: f"{namespace_of(policy)}/{policy.metadata.name}")


class TableOptions(msgspec.Struct, frozen=True):
    """The options of `kubectl get` for its table: `-A`, `--show-labels`, `-L` and, negated, `--no-headers`."""

    namespaces: bool = False
    labels: bool = False
    label_columns: tuple[str, ...] = ()
    headers: bool = True


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
    return "".join(f"networkpolicy.networking.k8s.io/{policy.metadata.name}\n" for policy in policies)


def description(policies: Iterable[NetworkPolicy], *, zone: tzinfo | None = None) -> str:
    """What `kubectl describe networkpolicies` prints: the policies in the order given, two empty lines between them.

    Times are in `zone`, by default the local one.
    """
    return "\n\n".join(_describe(policy, zone) for policy in policies)


def _describe(policy: NetworkPolicy, zone: tzinfo | None) -> str:
    text = escape_as_kubectl("".join(f"{line}\n" for line in _description_lines(defaulted(policy), zone)))
    # As in Go's tabwriter, a form feed is a line break at which all columns end.
    pages = [[re.split("[\t\v]", line) for line in page.split("\n")] for page in text.split("\f")]
    return "\n".join(line for page in pages for line in aligned(page, padding=2))


def selector_text(selector: LabelSelector) -> str:
    """A selector on one line: `app=web,!canary,tier in (api,web)`; `<none>` if empty, `<error>` if it is invalid."""
    if any(selector_errors(selector, "")):
        return "<error>"
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
        ("NAME", lambda policy: policy.metadata.name),
        ("POD-SELECTOR", lambda policy: selector_text(policy.spec.pod_selector)),
        ("AGE", lambda policy: age(_creation_time(policy), now)),
    ]
    if options.namespaces:
        columns.insert(0, ("NAMESPACE", namespace_of))
    columns += [(key.rpartition("/")[2].upper(), partial(_label, key=key)) for key in options.label_columns]
    if options.labels:
        columns.append(("LABELS", lambda policy: ",".join(sorted(_label_lines(policy))) or "<none>"))
    return columns


def _label(policy: NetworkPolicy, key: str) -> str:
    return (policy.metadata.labels or {}).get(key, "")


def _description_lines(policy: NetworkPolicy, zone: tzinfo | None) -> Iterator[str]:
    yield f"Name:\t{policy.metadata.name}"
    yield f"Namespace:\t{namespace_of(policy)}"
    yield f"Created on:\t{_time_text(_creation_time(policy), zone)}"
    yield from _entries("Labels:", _label_lines(policy))
    yield from _entries("Annotations:", _annotation_lines(policy.metadata.annotations or {}))
    yield "Spec:"
    yield f"  PodSelector:     {_subject_text(policy.spec.pod_selector)}"
    for direction in Direction:
        yield from _direction_lines(policy, direction)
    yield f"  Policy Types: {', '.join(policy.spec.policy_types) or '<none>'}"


def _entries(title: str, lines: Iterable[str]) -> Iterator[str]:
    for head, line in zip(chain([title], repeat("")), list(lines) or ["<none>"], strict=False):
        yield f"{head}\t{line}"


def _label_lines(policy: NetworkPolicy) -> list[str]:
    return [f"{key}={value}" for key, value in sorted((policy.metadata.labels or {}).items())]


def _annotation_lines(annotations: Labels) -> Iterator[str]:
    for key, value in sorted(annotations.items()):
        if key == _HIDDEN_ANNOTATION:
            continue
        text = value.removesuffix("\n")
        if "\n" in text or _size(key) + _size(text) + 2 > _LONGEST_ANNOTATION:
            yield f"{key}:"
            yield from (f"  {_shortened(line)}" for line in text.split("\n"))
        else:
            yield f"{key}: {text}"


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _shortened(line: str) -> str:
    encoded = line.encode(errors="surrogatepass")
    limit = _LONGEST_ANNOTATION - 2
    # kubectl cuts between bytes, even inside a character. Half a character is not text, so it is left out here.
    return f"{encoded[:limit].decode(errors='ignore')}..." if len(encoded) > limit else line


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


def _creation_time(policy: NetworkPolicy) -> datetime | None:
    try:
        return msgspec.convert(policy.metadata.creation_timestamp, _Timestamp | None)
    except msgspec.ValidationError:
        # An API server holds no such object, and decoding reports it in a file.
        return None


def _time_text(moment: datetime | None, zone: tzinfo | None) -> str:
    if moment is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    # The first and the last day of the calendar have no local time in some zones.
    with suppress(OverflowError):
        moment = moment.astimezone(zone)
    return f"{moment.replace(tzinfo=None, microsecond=0)} {moment:%z %Z}"
