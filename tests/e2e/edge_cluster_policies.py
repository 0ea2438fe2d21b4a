"""Cluster policies on both sides of each limit and of each rule of their definitions.

The kinds differ in a few names and numbers (`PolicyKind`), so the same cases are generated for each of them.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from .edge_policies import METADATA
from .policy_definitions import GROUP, VERSIONS

Fields = dict[str, Any]
EVERYWHERE: Final[Fields] = {"namespaces": {}}
PODS: Final[Fields] = {"namespaceSelector": {}, "podSelector": {}}


class PolicyKind(NamedTuple):
    """The properties in which one kind differs from the others."""

    name: str
    resource: str
    policy: str
    spec: Fields
    allow: str
    limit: int
    entries: str

    @property
    def api_version(self) -> str:
        return f"{GROUP}/{VERSIONS[self.resource]}"


KINDS: Final = (
    PolicyKind(
        "ClusterNetworkPolicy",
        "clusternetworkpolicies",
        "x",
        {"tier": "Admin", "priority": 1, "subject": EVERYWHERE},
        "Accept",
        25,
        "protocols",
    ),
    PolicyKind(
        "AdminNetworkPolicy",
        "adminnetworkpolicies",
        "x",
        {"priority": 1, "subject": EVERYWHERE},
        "Allow",
        100,
        "ports",
    ),
    PolicyKind(
        "BaselineAdminNetworkPolicy",
        "baselineadminnetworkpolicies",
        "default",
        {"subject": EVERYWHERE},
        "Allow",
        100,
        "ports",
    ),
)


def resource_of(tree: Fields) -> str:
    """The resource of a policy of one of the kinds."""
    return next(kind.resource for kind in KINDS if kind.name == tree["kind"])


def documents() -> Iterator[tuple[str, str, str]]:
    """Every policy, as a name for the case, its resource, and a YAML document."""
    for kind in KINDS:
        for name, spec in {**_specs(kind), **_own_specs(kind)}.items():
            yield f"{kind.name}: {name}", kind.resource, _document(kind, {"spec": kind.spec | spec})
        for name, fields in _fields(kind).items():
            yield f"{kind.name}: {name}", kind.resource, _document(kind, fields)
        for name, metadata in METADATA.items():
            if name == "what a cluster writes" and kind.policy != "x":
                continue  # it looks like one that a server has stored, and none stores a Baseline policy of that name
            written = yaml.safe_dump({"spec": kind.spec})
            text = f"apiVersion: {kind.api_version}\nkind: {kind.name}\nmetadata: {metadata}\n{written}"
            yield f"{kind.name}: {name}", kind.resource, text


def _document(kind: PolicyKind, fields: Fields) -> str:
    """JSON, which is valid YAML: every value is read as it is meant here."""
    types = {"apiVersion": kind.api_version, "kind": kind.name}
    return json.dumps(types | {"metadata": {"name": kind.policy}} | fields)


def _fields(kind: PolicyKind) -> dict[str, Fields]:
    """Fields of the whole object."""
    return {
        "no spec": {},
        "spec null": {"spec": None},
        "spec text": {"spec": "x"},
        "spec list": {"spec": []},
        "spec empty": {"spec": {}},
        "unknown fields at the top and below": {"spec": kind.spec | {"foo": 1}, "specs": 1},
        "a status is dropped": {"spec": kind.spec, "status": {"conditions": "x"}},
        "unknown fields of a status": {"spec": kind.spec, "status": {"conditions": [{"foo": 1}], "bar": 1}},
        "another name": {"spec": kind.spec, "metadata": {"name": "another"}},
        "a name to be generated": {"spec": kind.spec, "metadata": {"generateName": "default"}},
        "no metadata": {"spec": kind.spec, "metadata": None},
    }


def _specs(kind: PolicyKind) -> dict[str, Fields]:
    """The cases that all kinds have in common."""
    spec = {
        **{f"subject: {name}": {"subject": subject} for name, subject in _subjects().items()},
        **{f"selector: {name}": {"subject": {"namespaces": one}} for name, one in _SELECTORS.items()},
        "rules null": {"ingress": None, "egress": None},
        "no rules": {"ingress": [], "egress": []},
    }
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        rule = {"action": "Deny", peers: [EVERYWHERE]}
        spec |= {
            f"{direction}: {name}": {direction: rules} for name, rules in _rules(kind, direction, peers, rule).items()
        }
        spec |= {
            f"{direction}: peers {name}": {direction: [rule | {peers: written}]}
            for name, written in _peers(kind.limit).items()
        }
    destinations = _destinations(kind)
    spec |= {
        f"destinations: {name}": {"egress": [{"action": kind.allow, "to": to}]} for name, to in destinations.items()
    }
    return spec


def _rules(kind: PolicyKind, direction: str, peers: str, rule: Fields) -> dict[str, Any]:
    other = {"ingress": "to", "egress": "from"}[direction]
    return {
        "as many as may be": [rule] * kind.limit,
        "one too many": [rule] * (kind.limit + 1),
        "a mapping": {"action": "Deny"},
        "a text": "x",
        "a null rule": [None],
        "rules that are texts and lists": ["x", [rule]],
        "an empty rule": [{}],
        "an unknown field": [rule | {"foo": {"bar": 1}}],
        "peers of the other direction": [{"action": "Deny", other: [EVERYWHERE]}],
        **{
            f"action {action!r}": [rule | {"action": action}]
            for action in ("Accept", "Allow", "Deny", "Pass", "deny", "", None, 1, True, ["Deny"])
        },
        **{
            f"name {name}": [rule | {"name": written}]
            for name, written in {
                "of 100 letters": "x" * 100,
                "of 101 letters": "x" * 101,
                "of 100 letters of two bytes": "ü" * 100,
                "empty": "",
                "null": None,
                "number": 1,
            }.items()
        },
    }


def _subjects() -> dict[str, Any]:
    return {
        "null": None,
        "empty": {},
        "text": "x",
        "list": [EVERYWHERE],
        "both": {"namespaces": {}, "pods": PODS},
        "pods": {"pods": PODS},
        "no selectors": {"pods": {}},
        "no selector of namespaces": {"pods": {"podSelector": {}}},
        "null selectors": {"pods": {"podSelector": None, "namespaceSelector": None}},
        "unknown field": {"namespaces": {}, "podSelector": {}},
        "only an unknown field": {"foo": {}},
    }


_SELECTORS: Final[Fields] = {
    "null": None,
    "labels": {"matchLabels": {"a": "b", "c": ""}},
    "labels null": {"matchLabels": None},
    "a label null": {"matchLabels": {"a": None}},
    "a label that is a number": {"matchLabels": {"a": 1}},
    "a label that is a mapping": {"matchLabels": {"a": {"b": "c"}}},
    "labels that are a list": {"matchLabels": [{"a": "b"}]},
    "a label without matchLabels": {"app": "web"},
    "expressions": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
    "an empty expression": {"matchExpressions": [{}]},
    "an expression that is null": {"matchExpressions": [None]},
    "expressions that are a mapping": {"matchExpressions": {"key": "a"}},
    "an expression with an unknown field": {"matchExpressions": [{"key": "a", "operator": "Exists", "value": "b"}]},
    "values of wrong types": {"matchExpressions": [{"key": 1, "operator": True, "values": [1, None, {}, ["x"]]}]},
    "values that are a text": {"matchExpressions": [{"key": "a", "operator": "In", "values": "b"}]},
}


def _peers(limit: int) -> dict[str, Any]:
    return {
        "null": None,
        "none": [],
        "as many as may be": [EVERYWHERE] * limit,
        "one too many": [EVERYWHERE] * (limit + 1),
        "a mapping": EVERYWHERE,
        "a null peer": [None],
        "an empty peer": [{}],
        "a peer that is null fields": [{"namespaces": None, "pods": None}],
        "two fields": [{"namespaces": {}, "pods": PODS}],
        "pods": [{"pods": PODS}],
        "no selectors": [{"pods": {}}],
        "no selector of namespaces": [{"pods": {"podSelector": {}}}],
        "networks": [{"networks": ["10.0.0.0/8"]}],
        "a field of NetworkPolicy": [{"podSelector": {}}],
        "a text": ["x"],
    }


_CIDRS: Final = (
    *("0.0.0.0/0", "::/0", "10.0.0.1/8", "2001:DB8::/32", "2001:0db8::1/32", "::1.2.3.4/128", "2001:db8::/033"),
    *("010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/33", "::/129", "::ffff:1.2.3.4/100", "::ffff:1.2.3.4/90"),
    *("1.2.3.4", "10.0.0/8", "fe80::1%eth0/64", " 10.0.0.0/8", "10.0.0.0/8 ", "", "a", "10.0.0.0/٨", "00001::/64"),
)
_NAMES: Final = (
    *("example.com", "*.example.com", "EXAMPLE.com.", "a_b.c-d.e", "[.a", "a.1", "x" * 300 + ".com"),
    *("com", "*", "*.com", "a.*.com", "*example.com", "-a.com", "a-.com", "a..com", ".a.com", "ü.com", "a.com\n", ""),
)


def _destinations(kind: PolicyKind) -> dict[str, Any]:
    many = [f"10.0.{number}.0/24" for number in range(26)]
    names = [f"a{number}.example.com" for number in range(26)]
    return {
        "nodes": [{"nodes": {}}],
        "nodes null": [{"nodes": None}],
        "nodes by label": [{"nodes": {"matchLabels": {"a": "b"}}}],
        "25 networks": [{"networks": many[:25]}],
        "26 networks": [{"networks": many}],
        "25 names": [{"domainNames": names[:25]}],
        "26 names": [{"domainNames": names}],
        "no networks": [{"networks": []}],
        "no names": [{"domainNames": []}],
        "networks and names null": [{"networks": [None], "domainNames": None}],
        "a network that is no text": [{"networks": [1]}, {"networks": "10.0.0.0/8"}],
        "a network of 43 characters": [{"networks": ["1111:1111:1111:1111:1111:1111:1111:1111/128"]}],
        "a network of 44 characters": [{"networks": ["1111:1111:1111:1111:1111:1111:1111:1111/0128"]}],
        "networks twice": [{"networks": ["a", "::/0", "b", "::/0", "::/0", "a"]}],
        "networks twice that are no texts": [{"networks": [1, 1, 1.5, True, None, None, {"a": 1}, {"a": 1}]}],
        "networks that mean the same": [{"networks": ["10.0.0.0/8", "10.0.0.1/8"]}],
        "names twice": [{"domainNames": ["a.b", "a.b"]}],
        "two fields": [{"networks": ["::/0"], "nodes": {}}],
        **{f"network {text!r}": [{"networks": [text]}] for text in _CIDRS},
        **{f"name {text[:20]!r}": [{"domainNames": [text]}] for text in _NAMES},
    }


_PRIORITIES: Final[tuple[Any, ...]] = (
    0,
    1000,
    -1,
    1001,
    2**31,
    2**63,
    1.0,
    1.5,
    1e6,
    1e15,
    1e21,
    -0.5,
    "1",
    True,
    None,
    [1],
    {},
)
_PORTS: Final[tuple[Any, ...]] = (
    1,
    65535,
    0,
    65536,
    -1,
    2**31,
    80.0,
    80.5,
    70000.0,
    1e-7,
    "80",
    "http",
    None,
    True,
    [],
    {},
)


def _own_specs(kind: PolicyKind) -> dict[str, Fields]:
    """The cases that only some kinds have."""
    if kind.entries == "protocols":
        tiers = {f"tier {tier!r}": {"tier": tier} for tier in ("Baseline", "admin", "", None, 1, ["Admin"])}
        return _priorities() | tiers | _with_entries(kind, _protocols())
    if "priority" in kind.spec:
        return _priorities() | _with_entries(kind, _former_ports())
    return {"a priority": {"priority": 1}, **_with_entries(kind, _former_ports())}


def _priorities() -> dict[str, Fields]:
    return {f"priority {priority!r}": {"priority": priority} for priority in _PRIORITIES}


def _with_entries(kind: PolicyKind, cases: dict[str, Any]) -> dict[str, Fields]:
    """Entries of `protocols` or `ports` in a rule for pods; named ones beside each kind of peer, too."""
    name = "destinationNamedPort" if kind.entries == "protocols" else "namedPort"
    named = {name: "http"}
    cases = cases | {
        "null": None,
        "none": [],
        "as many as may be": [named] * kind.limit,
        "one too many": [named] * (kind.limit + 1),
        "an empty entry": [{}],
        "a null entry": [None],
        "a number": [80],
        "a mapping": named,
        "an unknown field": [{"port": 80}],
        "an empty name": [{name: ""}],
        "a name that is a number": [{name: 80}],
    }
    specs: dict[str, Fields] = {
        f"{kind.entries} {title}": {
            "ingress": [{"action": "Deny", "from": [EVERYWHERE], kind.entries: entries}],
        }
        for title, entries in cases.items()
    }
    peers: tuple[Fields, ...] = ({"networks": ["::/0"]}, {"nodes": {}}, {"domainNames": ["a.b"]}, {"pods": PODS})
    for peer in peers:
        rule = {"action": kind.allow, "to": [EVERYWHERE, peer], kind.entries: [named]}
        specs[f"named ports beside {next(iter(peer))}"] = {"egress": [rule]}
    return specs


def _protocols() -> dict[str, Any]:
    return {
        **{f"number {port!r}": [{"tcp": {"destinationPort": {"number": port}}}] for port in _PORTS},
        **{
            f"range {ends}": [{"udp": {"destinationPort": {"range": {"start": ends[0], "end": ends[1]}}}}]
            for ends in ((1, 65535), (5, 5), (6, 5), (0, 65536), (1, None), ("a", 2), (0, 0), (1.0, 2.0))
        },
        "a range without an end": [{"sctp": {"destinationPort": {"range": {"start": 1}}}}],
        "number and range": [{"sctp": {"destinationPort": {"number": 1, "range": {"start": 1, "end": 2}}}}],
        "no port": [{"tcp": {}}, {"tcp": None}, {"tcp": {"destinationPort": {}}}, {"tcp": {"destinationPort": None}}],
        "two protocols": [{"tcp": {"destinationPort": {"number": 1}}, "udp": {"destinationPort": {"number": 1}}}],
        "unknown protocol": [{"icmp": {}}],
    }


def _former_ports() -> dict[str, Any]:
    return {
        **{f"number {port!r}": [{"portNumber": {"protocol": "TCP", "port": port}}] for port in _PORTS},
        **{
            f"range {ends}": [{"portRange": {"protocol": "UDP", "start": ends[0], "end": ends[1]}}]
            for ends in ((1, 65535), (5, 5), (6, 5), (0, 65536), (1, None), ("a", 2))
        },
        "no protocol": [{"portNumber": {"port": 1}}, {"portRange": {"start": 1, "end": 2}}],
        "protocol null": [{"portNumber": {"port": 1, "protocol": None}}],
        "any protocol": [{"portNumber": {"port": 1, "protocol": "foo"}}],
        "a protocol that is a number": [{"portNumber": {"port": 1, "protocol": 6}}],
        "no port": [{"portNumber": {}}, {"portRange": {}}],
        "two fields": [{"portNumber": {"port": 1}, "namedPort": "x"}],
    }
