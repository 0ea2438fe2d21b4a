"""Policies of administrators that are written to keep a program busy, of each kind: each field that can be long.

A server with the definitions refuses more than 25 rules, peers, networks and protocols of a ClusterNetworkPolicy, and
100 of the older kinds. One without their limits, or with those of a later version, does not.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from tests.agent.cluster_policies import EVERYWHERE, GROUP, in_namespaces, pods_of
from tests.hostile_objects import Shape, address, address_6, each, expressions_of, labels_of, values_of
from tests.semantics.objects import Object, labelled


class _Kind(NamedTuple):
    """What differs between the kinds: the first action is the one that accepts; `port` builds an entry of `ports`."""

    api_version: str
    name: str
    own: Object
    actions: tuple[str, str, str]
    ports_field: str
    port: Callable[[int], Object]
    named_port: Callable[[str], Object]
    destinations: tuple[str, ...]


def _of_protocol(number: int) -> Object:
    return {("tcp", "udp", "sctp")[number % 3]: {"destinationPort": {"number": 1 + 2 * number % 65_535}}}


def _of_port(number: int) -> Object:
    if number % 2:
        return {"portRange": {"protocol": "UDP", "start": 1 + 3 * number % 60_000, "end": 2 + 3 * number % 60_000}}
    return {"portNumber": {"protocol": "TCP", "port": 1 + 2 * number % 65_535}}


def _named_port(name: str) -> Object:
    return {"namedPort": name}


def _former(name: str, own: Object, *destinations: str, api_version: str = f"{GROUP}/v1alpha1") -> _Kind:
    actions = ("Accept" if "aws" in api_version else "Allow", "Deny", "Pass")
    return _Kind(api_version, name, own, actions, "ports", _of_port, _named_port, destinations)


_TIER: Final = {"tier": "Admin", "priority": 1}
_ALL_DESTINATIONS: Final = ("networks", "nodes", "domainNames")
_KINDS: Final = (
    _Kind(
        f"{GROUP}/v1alpha2",
        "ClusterNetworkPolicy",
        _TIER,
        ("Accept", "Deny", "Pass"),
        "protocols",
        _of_protocol,
        lambda port: {"destinationNamedPort": port},
        _ALL_DESTINATIONS,
    ),
    _former("AdminNetworkPolicy", {"priority": 1}, *_ALL_DESTINATIONS),
    _former("BaselineAdminNetworkPolicy", {}, "networks", "nodes"),
    _former("ClusterNetworkPolicy", _TIER, "networks", "domainNames", api_version="networking.k8s.aws/v1alpha1"),
)


class _Builder:
    """Policies of one kind."""

    def __init__(self, kind: _Kind) -> None:
        self.kind = kind

    def policy(
        self, *ingress: Object, subject: Object = EVERYWHERE, egress: Iterable[Object] = (), **meta: Any
    ) -> Object:
        """A policy that selects all pods, unless `subject` says otherwise."""
        return {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "metadata": {"name": "default", "uid": "uid-of-hostile", **meta},
            "spec": {**self.kind.own, "subject": subject, "ingress": list(ingress), "egress": list(egress)},
        }

    def action(self, number: int) -> str:
        """Accept, Deny and Pass in turn; a BaselineAdminNetworkPolicy passes nothing."""
        return self.kind.actions[number % (2 if self.kind.name.startswith("Baseline") else 3)]

    def accepts(self, *peers: Object, ports: Iterable[Object] = ()) -> Object:
        """An ingress rule that accepts."""
        return self._rule("from", self.kind.actions[0], peers, ports)

    def denies(self, *peers: Object, ports: Iterable[Object] = ()) -> Object:
        """An ingress rule that denies."""
        return self._rule("from", self.kind.actions[1], peers or (EVERYWHERE,), ports)

    def sends(self, number: int, *peers: Object, ports: Iterable[Object] = ()) -> Object:
        """An egress rule that does the `number`th action."""
        return self._rule("to", self.action(number), peers, ports)

    def judges(self, number: int, *peers: Object, ports: Iterable[Object] = ()) -> Object:
        """An ingress rule that does the `number`th action."""
        return self._rule("from", self.action(number), peers, ports)

    def _rule(self, field: str, action: str, peers: Iterable[Object], ports: Iterable[Object]) -> Object:
        entries = list(ports)
        return {"action": action, field: list(peers)} | ({self.kind.ports_field: entries} if entries else {})


def _selectors(of: _Builder) -> dict[str, Shape]:
    """Each place that has a selector, with each field of a selector that can be long."""
    places: dict[str, Callable[[Object], Object]] = {
        "the subject's namespaces": lambda written: of.policy(of.denies(), subject={"namespaces": written}),
        "the subject's pods": lambda written: of.policy(of.denies(), subject={"pods": {"podSelector": written}}),
        "the namespaces of a peer": lambda written: of.policy(of.denies({"namespaces": written})),
        "the pods of a peer": lambda written: of.policy(
            of.denies({"pods": {"namespaceSelector": labelled(team="v1"), "podSelector": written}})
        ),
    }
    if "nodes" in of.kind.destinations:
        places["the nodes of a peer"] = lambda written: of.policy(egress=[of.sends(1, {"nodes": written})])
    fields: dict[str, Callable[[int], Object]] = {
        "labels": lambda count: {"matchLabels": labels_of(count)},
        "expressions": expressions_of(lambda n: f"key-{n}", "DoesNotExist", lambda n: []),
        "expressions of one key": expressions_of(lambda n: "app", "NotIn", lambda n: [f"v{n}"]),
        "values": values_of("NotIn"),
        "wrong expressions": expressions_of(lambda n: "app", "In!", lambda n: ["x"]),
    }

    def shape(build: Callable[[Object], Object], written: Callable[[int], Object]) -> Shape:
        return lambda count: build(written(count))

    return {
        f"{field} of {place}": shape(build, written)
        for place, build in places.items()
        for field, written in fields.items()
    }


def _lists(of: _Builder) -> dict[str, Shape]:
    """Each list of a policy that can be long."""
    ports = of.kind.port
    return {
        "rules": lambda count: of.policy(*each(lambda n: of.judges(n, pods_of(app=f"v{n}")), count)),
        "rules with a port": lambda count: of.policy(
            *each(lambda n: of.judges(n, EVERYWHERE, ports=[ports(n)]), count)
        ),
        "egress rules": lambda count: of.policy(
            egress=each(lambda n: of.sends(n, {"networks": [f"{address(n)}/32"]}), count)
        ),
        "peers": lambda count: of.policy(of.denies(*each(lambda n: in_namespaces(team=f"v{n}"), count))),
        "peers that are accepted": lambda count: of.policy(of.accepts(*each(lambda n: pods_of(app=f"v{n}"), count))),
        "peers without a known field": lambda count: of.policy(of.denies(*each(lambda n: {"later": n}, count))),
        "networks": lambda count: of.policy(
            egress=[of.sends(1, {"networks": each(lambda n: f"{address(n)}/32", count)})]
        ),
        "networks, IPv6": lambda count: of.policy(
            egress=[of.sends(0, {"networks": each(lambda n: f"{address_6(n)}/128", count)})]
        ),
        "wrong networks": lambda count: of.policy(
            egress=[of.sends(1, {"networks": each(lambda n: f"256.0.0.{n}/32", count)})]
        ),
        "peers with a network": lambda count: of.policy(
            egress=[of.sends(1, *each(lambda n: {"networks": [f"{address(n)}/32"]}, count))]
        ),
        "ports": lambda count: of.policy(of.denies(ports=each(ports, count))),
        "named ports": lambda count: of.policy(of.denies(ports=each(lambda n: of.kind.named_port(f"p{n}"), count))),
        "ports without a known field": lambda count: of.policy(of.denies(ports=each(lambda n: {"later": n}, count))),
        "wrong actions": lambda count: of.policy(*each(lambda n: {"action": f"x{n}", "from": [EVERYWHERE]}, count)),
        "annotations": lambda count: of.policy(of.denies(), annotations=labels_of(count)),
        "labels": lambda count: of.policy(of.denies(), labels=labels_of(count)),
        "managed fields": lambda count: of.policy(
            of.denies(), managedFields=each(lambda n: {"manager": f"m{n}", "fieldsV1": {"f": {}}}, count)
        ),
    }


def _destinations(of: _Builder) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    if "nodes" in of.kind.destinations:
        shapes["peers that select nodes"] = lambda count: of.policy(
            egress=[of.sends(1, *each(lambda n: {"nodes": labelled(role=f"v{n}")}, count))]
        )
    if "domainNames" in of.kind.destinations:
        shapes["domain names"] = lambda count: of.policy(
            egress=[of.sends(1, {"domainNames": each(lambda n: f"n{n}.example.org", count)})]
        )
        shapes["peers with a domain name"] = lambda count: of.policy(
            egress=[of.sends(1, *each(lambda n: {"domainNames": [f"n{n}.example.org"]}, count))]
        )
    return shapes


def _texts(of: _Builder) -> dict[str, Shape]:
    return {
        "a long name of a rule": lambda count: of.policy(of.denies() | {"name": "x" * count}),
        "a long action": lambda count: of.policy(of.denies() | {"action": "x" * count}),
        "a long port name": lambda count: of.policy(of.denies(ports=[of.kind.named_port("a-" * (count // 2))])),
        "a long network": lambda count: of.policy(egress=[of.sends(1, {"networks": ["1" * count]})]),
        "a long label of a peer": lambda count: of.policy(of.denies(pods_of(app="x" * count))),
        "a long name": lambda count: of.policy(of.denies(), name="a" * count),
    }


def _shapes(parts: Callable[[_Builder], dict[str, Shape]]) -> dict[str, Shape]:
    return {
        f"{of.kind.api_version} {of.kind.name}: {name}": shape
        for of in map(_Builder, _KINDS)
        for name, shape in parts(of).items()
    }


CLUSTER_POLICIES: Final[dict[str, Shape]] = _shapes(lambda of: {**_selectors(of), **_lists(of), **_destinations(of)})
LONG_CLUSTER_TEXTS: Final[dict[str, Shape]] = _shapes(_texts)
"""The entries are the letters of one text."""
