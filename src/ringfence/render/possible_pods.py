"""Pods that do not exist yet, in words and as the LabelSelectors of the API (docs/possible-pods.md)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible import ExamplePod, NamedPorts, PossiblePods, PossibleTraffic
from ringfence.model.selectors import Operator, Selector, Term
from ringfence.render.ends import traffic_json
from ringfence.render.formats import Json
from ringfence.sets.traffic import ALL_PORTS, PROTOCOLS, Traffic, port_list

_MOST_NAMES: Final = 4
"""The largest number of namespaces that a text names; further ones are counted."""


def possible_pods_text(pods: PossiblePods, existing: Collection[str]) -> str:
    """Possible pods in words: `pods with app=web in a namespace with team=shop`; `existing` are all namespaces."""
    return f"{_pods_text(pods.pods)} {_namespaces_text(pods.namespaces, existing)}"


def possible_traffic_text(traffic: PossibleTraffic) -> str:
    """The traffic by port number, then the traffic to ports with some names: `TCP 80; TCP ports named http`."""
    parts = [str(traffic.by_number)] if traffic.by_number else []
    # Names with the same traffic share a text: `TCP ports named http or https`.
    by_traffic: dict[Traffic, list[NamedPorts]] = {}
    for one in traffic.by_name:
        by_traffic.setdefault(one.traffic, []).append(one)
    for added, some in by_traffic.items():
        parts += _named_text(added, " or ".join(map(_condition_text, some)))
    return "; ".join(parts) or "nothing"


def possible_pods_json(pods: PossiblePods) -> Json:
    """Possible pods as the two selectors of a peer."""
    return {"namespaceSelector": selector_json(pods.namespaces), "podSelector": selector_json(pods.pods)}


def possible_traffic_json(traffic: PossibleTraffic) -> Json:
    """The traffic by port number, and the traffic to ports with some names."""
    written: Json = {"traffic": traffic_json(traffic.by_number)}
    if traffic.by_name:
        written["namedPorts"] = [
            {
                "names": [name for name, _ in one.names],
                **({"notNamed": [name for name, _ in one.lacking]} if one.lacking else {}),
                "traffic": traffic_json(one.traffic),
            }
            for one in traffic.by_name
        ]
    return written


def example_json(pod: ExamplePod) -> Json:
    """A pod that could exist."""
    return {"namespace": pod.namespace, "namespaceLabels": dict(pod.namespace_labels), "labels": dict(pod.labels)}


def selector_json(selector: Selector) -> Json:
    """A selector as a LabelSelector of the API: `matchLabels` where one value is required, else `matchExpressions`."""
    required = {term.key: next(iter(term.values)) for term in selector.terms if _is_one_value(term)}
    others = [_expression_json(term) for term in selector.terms if not _is_one_value(term)]
    return {
        **({"matchLabels": required} if required else {}),
        **({"matchExpressions": others} if others else {}),
    }


def _expression_json(term: Term) -> Json:
    values = {"values": sorted(term.values)} if term.values else {}
    return {"key": term.key, "operator": term.operator.value, **values}


def _is_one_value(term: Term) -> bool:
    return term.operator is Operator.IN and len(term.values) == 1


# --- words --------------------------------------------------------------------------------------------------------


def _pods_text(selector: Selector) -> str:
    """`any pod`, `pods with app=web`, `pods without canary`."""
    return f"pods {_labels_text(selector.terms)}" if selector.terms else "any pod"


def _labels_text(terms: Iterable[Term]) -> str:
    """The labels that pods have, and those that they lack: `with app=web,tier!=db and without canary`."""
    listed = list(terms)
    there = [_term_text(term) for term in listed if term.operator is not Operator.DOES_NOT_EXIST]
    absent = [term.key for term in listed if term.operator is Operator.DOES_NOT_EXIST]
    parts = [f"with {','.join(there)}"] if there else []
    if absent:
        parts.append(f"without {','.join(absent)}")
    return " and ".join(parts)


def _term_text(term: Term) -> str:
    if term.operator is Operator.NOT_IN and len(term.values) == 1:
        return f"{term.key}!={next(iter(term.values))}"
    return str(term)


def _namespaces_text(selector: Selector, existing: Collection[str]) -> str:
    """`of any namespace`, `of namespace prod`, `in a namespace with team=shop, other than dev`."""
    names = [term for term in selector.terms if term.key == NAME_LABEL]
    labels = [term for term in selector.terms if term.key != NAME_LABEL]
    named = next((sorted(term.values) for term in names if term.operator is Operator.IN), None)
    others = sorted({value for term in names if term.operator is Operator.NOT_IN for value in term.values})
    # A selector that excludes all existing namespaces would be a long list of names. These words say the same.
    is_to_come = bool(existing) and set(existing) <= set(others)
    if named and not labels:
        return f"of namespace {named[0]}" if len(named) == 1 else f"of namespaces {_listed(named, 'and')}"
    if named:
        return f"of a namespace {_listed(named, 'or')} {_labels_text(labels)}"
    if is_to_come:
        return " ".join(filter(None, ["in a namespace to come", _labels_text(labels)]))
    if not others:
        return f"in a namespace {_labels_text(labels)}" if labels else "of any namespace"
    except_for = f"other than {_listed(others, 'and')}"
    return f"in a namespace {_labels_text(labels)}, {except_for}" if labels else f"of any namespace {except_for}"


def _listed(names: Sequence[str], joint: str) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} {joint} {len(names) - _MOST_NAMES + 1} others"
    return f" {joint} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _condition_text(ports: NamedPorts) -> str:
    """`http`, `http and web`, `not metrics`: names that a port must have, and those that it must not have."""
    return " and ".join([*(name for name, _ in ports.names), *(f"not {name}" for name, _ in ports.lacking)])


def _named_text(added: Traffic, condition: str) -> Iterator[str]:
    """The traffic to ports with some names: `TCP ports named http`, `TCP 8080 if named http`."""
    for protocol in PROTOCOLS:
        numbers = added.ports(protocol)
        if numbers == ALL_PORTS:
            yield f"{protocol} ports named {condition}"
        elif numbers:
            yield f"{protocol} {port_list(numbers)} if named {condition}"
    if added.other:
        yield f"other protocols if named {condition}"
