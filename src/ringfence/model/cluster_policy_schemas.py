"""The schemas of the administrators' policies, with all fields: those of the experimental channel of the definitions.

The standard channel lacks the peers `nodes` and `domainNames`, the older kinds' `namedPort`, and the rule that named
ports are for pods only; all else is the same. So a ClusterNetworkPolicy with named ports beside `networks` is in force
on some servers: that alone is not an error here.

Sources: `config/crd/experimental` of network-policy-api v0.2.0 (`policy.networking.k8s.io/v1alpha2`) and v0.1.7
(`v1alpha1`); the AWS network policy controller 1.1.7 (`networking.k8s.aws/v1alpha1`).
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from ringfence.model.cidrs import is_standard_cidr
from ringfence.model.structural_schemas import Schema, ValidationRule

# --- parts ------------------------------------------------------------------------------------------------------------

_STRING: Final = Schema(type="string")
_DATE: Final = Schema(type="string", format="date-time")


def _object(*required: str, **properties: Schema) -> Schema:
    """An object with these fields, of which some must be there."""
    return Schema(type="object", properties=_by_name(properties), required=required)


def _one_of(**properties: Schema) -> Schema:
    """An object that has exactly one of these fields."""
    return Schema(type="object", properties=_by_name(properties), min_properties=1, max_properties=1)


def _by_name(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name: properties[name] for name in sorted(properties)}


def _list(items: Schema, most: int) -> Schema:
    return Schema(type="array", items=items, min_items=1, max_items=most)


def _set(items: Schema) -> Schema:
    return Schema(type="array", items=items, min_items=1, max_items=_MOST_ADDRESSES, is_set=True)


def _enum(*values: str) -> Schema:
    return Schema(type="string", enum=values)


_MOST_ADDRESSES: Final = 25
_MOST_RULES: Final = 25
_MOST_FORMER_RULES: Final = 100
"""The limits of ClusterNetworkPolicy, and those of the kinds that are older or modelled on them."""

_SELECTOR: Final = _object(
    matchExpressions=Schema(
        type="array",
        items=_object("key", "operator", key=_STRING, operator=_STRING, values=Schema(type="array", items=_STRING)),
    ),
    matchLabels=Schema(type="object", values=_STRING),
)
_PODS: Final = _object("podSelector", namespaceSelector=_SELECTOR, podSelector=_SELECTOR)
_FORMER_PODS: Final = _object("namespaceSelector", "podSelector", namespaceSelector=_SELECTOR, podSelector=_SELECTOR)
_NETWORK: Final = Schema(
    type="string", max_length=43, rules=(ValidationRule("Invalid CIDR format provided", is_standard_cidr),)
)
_DOMAIN_NAME: Final = Schema(
    type="string",
    # As the definitions write it, with their `A-z`.
    pattern=r"^(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$",
)
_RULE_NAME: Final = Schema(type="string", max_length=100)
_PORT: Final = Schema(type="integer", format="int32", minimum=1, maximum=65535)
_PRIORITY: Final = Schema(type="integer", format="int32", minimum=0, maximum=1000)
_TIER: Final = _enum("Admin", "Baseline")

_CONDITION: Final = _object(
    "lastTransitionTime",
    "message",
    "reason",
    "status",
    "type",
    lastTransitionTime=_DATE,
    message=Schema(type="string", max_length=32768),
    observedGeneration=Schema(type="integer", format="int64", minimum=0),
    reason=_STRING,
    status=_enum("True", "False", "Unknown"),
    type=_STRING,
)
# Servers drop the status of an object that is created; that of a stored one is what they have validated.
_STATUS: Final = _object(conditions=Schema(type="array", items=_CONDITION))


def _definition(spec: Schema, *rules: ValidationRule) -> Schema:
    """The schema of a whole object; a definition says nothing about the metadata."""
    metadata = Schema(type="object", is_open=True)
    whole = _object("spec", apiVersion=_STRING, kind=_STRING, metadata=metadata, spec=spec, status=_STATUS)
    return replace(whole, rules=rules)


# --- rules of `x-kubernetes-validations` ------------------------------------------------------------------------------


def _is_ascending(ports: Mapping[str, int]) -> bool:
    return ports["start"] < ports["end"]


_ASCENDING: Final = ValidationRule("Start port must be less than End port", _is_ascending)


def _named_ports_are_of_pods(*peers: str) -> str:
    """The message of a server about a rule with named ports and peers that are not pods."""
    names = "/".join(peers)
    return f"{names} peer cannot be set with namedPorts since there are no namedPorts for {names}"


def _named_ports_beside(peers: tuple[str, ...], entries: str, named_port: str, message: str) -> ValidationRule:
    """The validation rule that some peers cannot be combined with named ports."""

    def holds(rule: Mapping[str, Any]) -> bool:
        has_named_port = any(named_port in entry for entry in rule.get(entries, ()))
        return not (has_named_port and any(field in peer for peer in rule["to"] for field in peers))

    return ValidationRule(message, holds)


_DESTINATIONS: Final = ("networks", "nodes", "domainNames")
_BASELINE_DESTINATIONS: Final = ("networks", "nodes")

NAMED_PORTS_ARE_OF_PODS: Final = _named_ports_are_of_pods(*_DESTINATIONS)


# --- rules of policies ------------------------------------------------------------------------------------------------


def _rules(
    peers_field: str, peers: Schema, actions: Schema, most: int, *rules: ValidationRule, **ports: Schema
) -> Schema:
    """A list of at most so many rules, each with at most so many peers. A field of `ports` says what it matches."""
    fields = {"name": _RULE_NAME, "action": actions, peers_field: _list(peers, most), **ports}
    rule = replace(_object("action", peers_field, **fields), rules=rules)
    return Schema(type="array", items=rule, max_items=most)


_NETWORKS: Final = {"networks": _set(_NETWORK)}
_NODES: Final = {"nodes": _SELECTOR}
_DOMAIN_NAMES: Final = {"domainNames": _set(_DOMAIN_NAME)}

# --- ClusterNetworkPolicy ---------------------------------------------------------------------------------------------

_RANGE: Final = _object("end", "start", start=_PORT, end=_PORT)
_ASCENDING_RANGE: Final = replace(_RANGE, rules=(_ASCENDING,))
_PORTS: Final = replace(
    _object(destinationPort=_one_of(number=_PORT, range=_ASCENDING_RANGE)),
    min_properties=1,
)
_PROTOCOLS: Final = _list(_one_of(destinationNamedPort=_STRING, sctp=_PORTS, tcp=_PORTS, udp=_PORTS), most=_MOST_RULES)
_ACTIONS: Final = _enum("Accept", "Deny", "Pass")
_SOURCES: Final = {"namespaces": _SELECTOR, "pods": _PODS}

CLUSTER_NETWORK_POLICY: Final = _definition(
    _object(
        "priority",
        "subject",
        "tier",
        tier=_TIER,
        priority=_PRIORITY,
        subject=_one_of(**_SOURCES),
        ingress=_rules("from", _one_of(**_SOURCES), _ACTIONS, _MOST_RULES, protocols=_PROTOCOLS),
        egress=_rules(
            "to",
            _one_of(**_SOURCES, **_NETWORKS, **_NODES, **_DOMAIN_NAMES),
            _ACTIONS,
            _MOST_RULES,
            _named_ports_beside(("nodes", "domainNames"), "protocols", "destinationNamedPort", NAMED_PORTS_ARE_OF_PODS),
            protocols=_PROTOCOLS,
        ),
    )
)

# --- AdminNetworkPolicy, BaselineAdminNetworkPolicy, and ClusterNetworkPolicy of AWS ----------------------------------


def _former_ports(*rules: ValidationRule) -> Schema:
    protocol = Schema(type="string", default="TCP")
    ports = _object("end", "start", start=_PORT, end=_PORT, protocol=protocol)
    return _list(
        _one_of(
            namedPort=_STRING,
            portNumber=_object("port", "protocol", port=_PORT, protocol=protocol),
            portRange=replace(ports, rules=rules),
        ),
        most=_MOST_FORMER_RULES,
    )


_FORMER_PORTS: Final = _former_ports()
_FORMER_ACTIONS: Final = _enum("Allow", "Deny", "Pass")
_BASELINE_ACTIONS: Final = _enum("Allow", "Deny")
_FORMER_SOURCES: Final = {"namespaces": _SELECTOR, "pods": _FORMER_PODS}

ADMIN_NETWORK_POLICY: Final = _definition(
    _object(
        "priority",
        "subject",
        priority=_PRIORITY,
        subject=_one_of(**_FORMER_SOURCES),
        ingress=_rules("from", _one_of(**_FORMER_SOURCES), _FORMER_ACTIONS, _MOST_FORMER_RULES, ports=_FORMER_PORTS),
        egress=_rules(
            "to",
            _one_of(**_FORMER_SOURCES, **_NETWORKS, **_NODES, **_DOMAIN_NAMES),
            _FORMER_ACTIONS,
            _MOST_FORMER_RULES,
            _named_ports_beside(_DESTINATIONS, "ports", "namedPort", NAMED_PORTS_ARE_OF_PODS),
            ports=_FORMER_PORTS,
        ),
    )
)

BASELINE_ADMIN_NETWORK_POLICY: Final = _definition(
    _object(
        "subject",
        subject=_one_of(**_FORMER_SOURCES),
        ingress=_rules("from", _one_of(**_FORMER_SOURCES), _BASELINE_ACTIONS, _MOST_FORMER_RULES, ports=_FORMER_PORTS),
        egress=_rules(
            "to",
            _one_of(**_FORMER_SOURCES, **_NETWORKS, **_NODES),
            _BASELINE_ACTIONS,
            _MOST_FORMER_RULES,
            _named_ports_beside(
                _BASELINE_DESTINATIONS, "ports", "namedPort", _named_ports_are_of_pods(*_BASELINE_DESTINATIONS)
            ),
            ports=_FORMER_PORTS,
        ),
    ),
    ValidationRule(
        'Only one baseline admin network policy with metadata.name="default" can be created in the cluster',
        lambda policy: policy["metadata"].get("name") == "default",
        field="metadata.name",
    ),
)

_AWS_PORTS: Final = _former_ports(_ASCENDING)

AWS_CLUSTER_NETWORK_POLICY: Final = _definition(
    _object(
        "priority",
        "subject",
        "tier",
        tier=_TIER,
        priority=_PRIORITY,
        subject=_one_of(**_SOURCES),
        ingress=_rules("from", _one_of(**_SOURCES), _ACTIONS, _MOST_FORMER_RULES, ports=_AWS_PORTS),
        egress=_rules(
            "to", _one_of(**_SOURCES, **_NETWORKS, **_DOMAIN_NAMES), _ACTIONS, _MOST_FORMER_RULES, ports=_AWS_PORTS
        ),
    )
)
