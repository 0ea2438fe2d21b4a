"""Objects that are written to keep a program busy: each field that can be long, at any length.

A shape builds an object with `count` entries of one kind; a mixture builds one with entries of several kinds. Every
object is a dict in the form of the API. Most objects are valid. An older API server could have stored the others, or a
manifest could contain them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from ringfence.model.decoding import decode_json
from ringfence.model.kinds import KINDS
from ringfence.model.policies import Direction
from ringfence.sources.cluster import Undecoded
from tests.semantics.objects import (
    Object,
    annotated,
    container_port,
    labelled,
    namespace,
    namespaces,
    node,
    pod,
    pods,
    policy,
)

LARGEST: Final = 1_500_000
"""Bytes: etcd refuses larger requests (`--max-request-bytes`)."""

Shape = Callable[[int], Object]

SUBJECT: Final = "tenant/subject"
"""The pod that most of the policies select."""


def size_of(obj: Object) -> int:
    """The length of an object as JSON without blanks."""
    return len(encoded(obj))


def encoded(obj: Object) -> bytes:
    """An object as JSON, without blanks."""
    return json.dumps(obj, separators=(",", ":")).encode()


def of_size(shape: Shape, size: int = LARGEST) -> Object:
    """The object of a shape that is as large as possible below `size` bytes, to within a few per cent."""
    count = 64
    while True:
        wanted = count * size // size_of(shape(count))
        if wanted <= count * 1.02:
            return shape(min(count, wanted))
        count = min(wanted, 8 * count)


# --- parts ------------------------------------------------------------------------------------------------------------


def scattered(number: int, within: int) -> int:
    """Distinct numbers below `within`, a power of two, in an order without a pattern."""
    return number * 0x9E3779B1 % within


def address(number: int) -> str:
    """Distinct IPv4 addresses of pods and others. No two of them are adjacent."""
    return str(IPv4Address(0x0A000000 + 2 * scattered(number, 1 << 23)))


def address_6(number: int) -> str:
    """Distinct IPv6 addresses."""
    return str(IPv6Address((0xFD00 << 112) + 2 * scattered(number, 1 << 31)))


def block(cidr: str, *holes: str) -> Object:
    """A peer that is an address block."""
    return {"ipBlock": {"cidr": cidr} | ({"except": list(holes)} if holes else {})}


def admits(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """An `ingress` rule without the empty lists."""
    return {field: list(entries) for field, entries in (("from", peers), ("ports", ports)) if entries}


def sends(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """An `egress` rule without the empty lists."""
    return {field: list(entries) for field, entries in (("to", peers), ("ports", ports)) if entries}


def port(number: int | str) -> Object:
    """A TCP port of a rule."""
    return {"port": number}


def _port(number: int) -> Object:
    """Distinct ports while there are some left. No two of them are adjacent."""
    at = 1 + 2 * scattered(number, 1 << 15)
    return _of_protocol(number >> 15, {"port": at})


def _of_protocol(number: int, written: Object) -> Object:
    return written | ({}, {"protocol": "UDP"}, {"protocol": "SCTP"})[number % 3]


def _range(number: int) -> Object:
    first = 1 + 3 * (number % 21_800)
    return _of_protocol(number // 21_800, {"port": first, "endPort": first + 1})


def each(part: Callable[[int], Any], count: int) -> list[Any]:
    """As many parts as `count`, each from its number."""
    return [part(number) for number in range(count)]


def _policy(*rules: Object, **spec: Any) -> Object:
    return policy("tenant/hostile", ingress=list(rules), **spec)


def _peers(peer: Callable[[int], Object]) -> Shape:
    return lambda count: _policy(admits(*each(peer, count), ports=[port(80)]))


def _rules(rule: Callable[[int], Object]) -> Shape:
    return lambda count: _policy(*each(rule, count))


def _selector(selector: Callable[[int], Object]) -> Shape:
    return lambda count: _policy(admits(pods(selector(count))))


def _subject(selector: Callable[[int], Object]) -> Shape:
    return lambda count: policy("tenant/hostile", selector(count), ingress=[])


def labels_of(count: int) -> Object:
    """Labels with different keys."""
    return {f"label-{number}": "x" for number in range(count)}


def expressions_of(
    key: Callable[[int], str], operator: str, values: Callable[[int], list[str]]
) -> Callable[[int], Object]:
    """Selectors of as many expressions as asked for."""

    def selector(count: int) -> Object:
        numbers = range(count)
        return {"matchExpressions": [{"key": key(one), "operator": operator, "values": values(one)} for one in numbers]}

    return selector


def values_of(operator: str, key: str = "app") -> Callable[[int], Object]:
    """Selectors with one expression, which has as many values as asked for."""
    return lambda count: {
        "matchExpressions": [{"key": key, "operator": operator, "values": [f"v{one}" for one in range(count)]}]
    }


def _block_of_holes(count: int) -> Object:
    return block("0.0.0.0/0", *(f"{address(number)}/32" for number in range(count)))


def _nested(number: int) -> Object:
    """Blocks at different places that are nested as deeply as possible."""
    base = scattered(number >> 5, 1 << 20) << 8
    length = 8 + number % 24
    return block(f"{IPv4Address(base >> 32 - length << 32 - length)}/{length}")


def _metadata(**fields: Any) -> Object:
    written = _policy()
    return {**written, "metadata": written["metadata"] | fields}


def _pod(spec: Object | None = None, status: Object | None = None, **metadata: Any) -> Object:
    written = pod("tenant/hostile", addresses=["10.9.0.9"])
    return {
        **written,
        "metadata": written["metadata"] | metadata,
        "spec": written["spec"] | (spec or {}),
        "status": written.get("status", {}) | (status or {}),
    }


def _container(ports: Iterable[Object]) -> Object:
    return {"name": "c", "image": "example.org/server:1", "ports": list(ports)}


def _named_port(number: int) -> Object:
    return {"name": f"p{number}", "containerPort": 1 + number % 65_535}


def _node(count: int, field: str) -> Object:
    written = node("hostile")
    if field == "addresses":
        listed = [{"type": "InternalIP", "address": address(number)} for number in range(count)]
        return {**written, "status": {"addresses": listed}}
    return {**written, "spec": {"podCIDRs": [f"{address(number)}/32" for number in range(count)]}}


# --- shapes -----------------------------------------------------------------------------------------------------------

POLICIES: Final[dict[str, Shape]] = {
    "blocks": _peers(lambda n: block(f"{address(n)}/32")),
    "blocks, IPv6": _peers(lambda n: block(f"{address_6(n)}/128")),
    "blocks inside one another": _peers(_nested),
    "the same block": _peers(lambda _: block("10.0.0.0/8")),
    "exceptions of one block": lambda count: _policy(admits(_block_of_holes(count))),
    "blocks with an exception": _peers(lambda n: block("0.0.0.0/0", f"{address(n)}/32")),
    "ports": lambda count: _policy(admits(ports=each(_port, count))),
    "port ranges": lambda count: _policy(admits(ports=each(_range, count))),
    "port names": lambda count: _policy(admits(ports=[port(f"p{number}") for number in range(count)])),
    "port names, egress": lambda count: policy(
        "tenant/hostile", egress=[sends(ports=[port(f"p{number}") for number in range(count)])]
    ),
    "blocks and ports of one rule": lambda count: _policy(
        admits(*(block(f"{address(n)}/32") for n in range(count // 2)), ports=each(_range, count // 2))
    ),
    "rules with a block": _rules(lambda n: admits(block(f"{address(n)}/32"))),
    "rules with a block and a port": _rules(lambda n: admits(block(f"{address(n)}/32"), ports=[_port(n)])),
    "rules with blocks inside one another and a port": _rules(lambda n: admits(_nested(n), ports=[_port(n)])),
    "rules with an exception and a port": _rules(
        lambda n: admits(block("0.0.0.0/0", f"{address(n)}/32"), ports=[_port(n)])
    ),
    "rules with a port": _rules(lambda n: admits(ports=[_port(n)])),
    "rules with a port name": _rules(lambda n: admits(ports=[port(f"p{n}")])),
    "rules with a block and a port name, egress": lambda count: policy(
        "tenant/hostile",
        egress=each(lambda n: sends(block("0.0.0.0/0", f"{address(n)}/32"), ports=[port(f"p{n}")]), count),
    ),
    "empty rules": _rules(lambda _: {}),
    "rules with a selector and a port": _rules(lambda n: admits(pods(labelled(app=f"v{n}")), ports=[_port(n)])),
    "rules with overlapping selectors and a port": _rules(
        lambda n: admits(
            {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": [f"v{n}"]}]}},
            ports=[_port(n)],
        )
    ),
    "rules with all pods and a port": _rules(lambda n: admits(namespaces({}), ports=[_port(n)])),
    "pod selectors": _peers(lambda n: pods(labelled(app=f"v{n}"))),
    "pod selectors that most pods match": _peers(
        lambda n: pods({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": [f"v{n}"]}]})
    ),
    "pod selectors of other keys": _peers(
        lambda n: pods({"matchExpressions": [{"key": f"key-{n}", "operator": "Exists"}]})
    ),
    "namespace selectors": _peers(lambda n: namespaces(labelled(team=f"v{n}"))),
    "namespace selectors that most namespaces match": _peers(
        lambda n: namespaces({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": [f"v{n}"]}]})
    ),
    "both selectors": _peers(lambda n: namespaces(labelled(team=f"v{n}"), labelled(app=f"v{n}"))),
    "matchLabels": _selector(lambda count: {"matchLabels": labels_of(count)}),
    "matchLabels of the subject": _subject(lambda count: {"matchLabels": labels_of(count)}),
    "matchExpressions of one key": _selector(expressions_of(lambda n: "app", "NotIn", lambda n: [f"v{n}"])),
    "matchExpressions, the same": _selector(expressions_of(lambda n: "app", "In", lambda n: ["web"])),
    "matchExpressions of other keys": _selector(expressions_of(lambda n: f"key-{n}", "DoesNotExist", lambda n: [])),
    "values": _selector(values_of("In")),
    "values to exclude": _selector(values_of("NotIn")),
    "values of the subject": _subject(values_of("NotIn")),
    "values of namespaces": lambda count: _policy(admits(namespaces(values_of("In", "team")(count)))),
    "policyTypes": lambda count: _policy(policyTypes=["Ingress"] * count),
    "annotations": lambda count: _metadata(annotations=labels_of(count)),
    "labels": lambda count: _metadata(labels=labels_of(count)),
    "managed fields": lambda count: _metadata(
        managedFields=[{"manager": f"m{n}", "fieldsV1": {"f": {}}} for n in range(count)]
    ),
}

LONG_TEXTS: Final[dict[str, Shape]] = {
    "a long name": lambda count: _metadata(name="a" * count),
    "a long name of dots": lambda count: _metadata(name="a." * (count // 2) + "!"),
    "a long name of dashes": lambda count: _metadata(name="a-" * (count // 2)),
    "a long CIDR": lambda count: _policy(admits(block("1" * count))),
    "a long CIDR of zeros": lambda count: _policy(admits(block("0" * count + "/8"))),
    "a long prefix length": lambda count: _policy(admits(block("10.0.0.0/" + "1" * count))),
    "a long label value": _selector(lambda count: labelled(app="x" * count)),
    "a long label key": _selector(lambda count: {"matchLabels": {"x" * count: "x"}}),
    "a long key of slashes": _selector(lambda count: {"matchLabels": {"/" * count: "x"}}),
    "a long port name": lambda count: _policy(admits(ports=[port("a-" * (count // 2))])),
    "a long protocol": lambda count: _policy(admits(ports=[{"port": 1, "protocol": "x" * count}])),
    "an annotation": lambda count: _metadata(annotations={"text": "x" * count}),
}
"""The entries are the letters of one text; only an annotation may be so long."""

INVALID_POLICIES: Final[dict[str, Shape]] = {
    "wrong CIDRs": _peers(lambda n: block(f"256.0.0.{n}/32")),
    "CIDRs with surplus bits": _peers(lambda n: block(f"{address(n)}/8")),
    "CIDRs with zeros": _peers(lambda n: block(f"0{address(n)}/32")),
    "wrong exceptions": lambda count: _policy(admits(block("11.0.0.0/8", *(f"{address(n)}/32" for n in range(count))))),
    "wrong ports": lambda count: _policy(admits(ports=[port(65_536 + number) for number in range(count)])),
    "wrong port names": lambda count: _policy(admits(ports=[port(f"--{number}") for number in range(count)])),
    "wrong protocols": lambda count: _policy(admits(ports=[{"port": n, "protocol": f"x{n}"} for n in range(count)])),
    "empty peers": _peers(lambda n: {}),
    "peers of both kinds": _peers(lambda n: block("10.0.0.0/8") | pods({})),
    "wrong operators": _selector(expressions_of(lambda n: "app", "In!", lambda n: ["x"])),
    "wrong values": _selector(expressions_of(lambda n: f"k{n}", "In", lambda n: ["-"])),
    "wrong annotations": lambda count: _metadata(annotations={f"-{number}": "" for number in range(count)}),
    "wrong policyTypes": lambda count: _policy(policyTypes=[f"x{number}" for number in range(count)]),
    "null among the rules": lambda count: _policy(*[{}] * count, None),  # type: ignore[arg-type]
    "null among the labels": lambda count: _selector(lambda n: {"matchLabels": labels_of(n) | {"x": None}})(count),
    "a value of the wrong type": lambda count: _policy(
        *each(lambda n: admits(ports=[_port(n)]), count), admits(ports=[{"port": []}])
    ),
}

OTHERS: Final[dict[str, Shape]] = {
    "labels of a pod": lambda count: _pod(labels=labels_of(count)),
    "annotations of a pod": lambda count: _pod(annotations=labels_of(count)),
    "owners of a pod": lambda count: _pod(ownerReferences=[{"kind": "Other", "name": f"o{n}"} for n in range(count)]),
    "containers": lambda count: _pod({"containers": [_container([])] * count}),
    "init containers": lambda count: _pod({"initContainers": [_container([]) | {"restartPolicy": "Always"}] * count}),
    "container ports": lambda count: _pod(
        {"containers": [_container(each(lambda n: {"containerPort": 1 + n % 65535}, count))]}
    ),
    "named container ports": lambda count: _pod({"containers": [_container(each(_named_port, count))]}),
    "one name of many container ports": lambda count: _pod(
        {"containers": [_container([{"name": "http", "containerPort": 1 + n % 65535}]) for n in range(count)]}
    ),
    "podIPs": lambda count: _pod(status={"podIPs": [{"ip": address(number)} for number in range(count)]}),
    "hostIPs": lambda count: _pod(status={"hostIPs": [{"ip": address(number)} for number in range(count)]}),
    "wrong podIPs": lambda count: _pod(status={"podIPs": [{"ip": f"x{number}"} for number in range(count)]}),
    "conditions": lambda count: _pod(
        status={"conditions": [{"type": f"t{n}", "status": "True"} for n in range(count)]}
    ),
    "labels of a namespace": lambda count: {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "hostile", "labels": labels_of(count)},
    },
    "annotations of a namespace": lambda count: annotated(namespace("hostile"), labels_of(count)),
    "an annotation of a namespace": lambda count: annotated(namespace("hostile"), {"text": "x" * count}),
    "annotations of a node": lambda count: annotated(node("hostile"), labels_of(count)),
    "managed fields of a pod": lambda count: _pod(
        managedFields=[{"manager": f"m{n}", "fieldsV1": {"f": {}}} for n in range(count)]
    ),
    "addresses of a node": lambda count: _node(count, "addresses"),
    "podCIDRs of a node": lambda count: _node(count, "podCIDRs"),
}


SHAPES: Final = POLICIES | LONG_TEXTS | INVALID_POLICIES | OTHERS


# --- mixtures ---------------------------------------------------------------------------------------------------------

_PEERS: Final[dict[str, Callable[[int], list[Object]]]] = {
    "everyone": lambda n: [],
    "addresses": lambda n: [block(f"{address(n)}/32")],
    "both families": lambda n: [block(f"{address_6(n)}/128"), block(f"{address(n)}/31")],
    "all but one": lambda n: [block("0.0.0.0/0", f"{address(n)}/32")],
    "nested": lambda n: [_nested(n)],
    "labels": lambda n: [pods(labelled(app=f"v{n}")), block("10.0.0.0/8")],
    "other labels": lambda n: [pods(values_of("NotIn")(n % 7 + 1))],
    "both selectors": lambda n: [namespaces(labelled(team=f"v{n}"), labelled(app="v1"))],
    "other namespaces": lambda n: [namespaces(values_of("NotIn", "team")(n % 7 + 1))],
}
_PORTS: Final[dict[str, Callable[[int], list[Object]]]] = {
    "all": lambda n: [],
    "one": lambda n: [port(80)],
    "numbers": lambda n: [_port(n)],
    "ranges": lambda n: [_range(n)],
    "names": lambda n: [_port(n), port(f"p{n}")],
    "wide": lambda n: [{"protocol": "UDP"}, {"port": 1, "endPort": 60_000 + n % 5_000}],
}


class Mixture(NamedTuple):
    """A shape that alternates between different peers and ports. Each rule contains `in_rule` of its entries."""

    peers: Sequence[str]
    ports: Sequence[str]
    direction: Direction
    in_rule: int | None
    """None: all entries are in one rule."""

    def policy(self, count: int) -> Object:
        """The policy with this many entries."""
        step = self.in_rule or count
        numbers = [range(first, min(first + step, count)) for first in range(0, count, step)]
        rule = admits if self.direction is Direction.INGRESS else sends
        rules = [
            rule(*_entries(_PEERS, self.peers, some), ports=_entries(_PORTS, self.ports, some)) for some in numbers
        ]
        return policy("tenant/hostile", labelled(app="own"), **{self.direction.field: rules})


def _entries(
    parts: Mapping[str, Callable[[int], list[Object]]], names: Sequence[str], numbers: Iterable[int]
) -> list[Object]:
    return [entry for number in numbers for entry in parts[names[number % len(names)]](number)]


def mixtures() -> st.SearchStrategy[Mixture]:
    """Policies in which entries of several kinds are long at the same time."""
    return st.builds(
        Mixture,
        st.lists(st.sampled_from(sorted(_PEERS)), min_size=1, max_size=3, unique=True),
        st.lists(st.sampled_from(sorted(_PORTS)), min_size=1, max_size=3, unique=True),
        st.sampled_from(Direction),
        st.sampled_from((1, 3, 10, None)),
    )


# --- the cluster ------------------------------------------------------------------------------------------------------


def crowd(count: int) -> list[Object]:
    """Namespaces, and pods with the labels, port names and addresses that the shapes use. One is on the node `here`.

    That pod belongs to the tenant. All policies of the tenant select it.
    """
    spaces = [f"space-{number}" for number in range(9)]
    others = [
        pod(
            f"{spaces[number % 9]}/pod-{number}",
            {"app": f"v{number}"},
            ports=[container_port(f"p{number % 10}", 80 + number)],
            addresses=[address(number)],
            nodeName="there",
        )
        for number in range(count - 1)
    ]
    return [
        *(namespace(name, team=f"v{number}") for number, name in enumerate(["tenant", *spaces])),
        *others,
        pod(SUBJECT, {"app": "own"}, ports=[container_port("p1", 8080)], addresses=["10.9.0.8"], nodeName="here"),
    ]


def delivered(obj: Object) -> Any:
    """An object in the form in which a watch delivers it: a policy as text, all others decoded."""
    kind, text = KINDS.find(obj["apiVersion"], obj["kind"]), encoded(obj)
    assert kind is not None
    metadata = obj["metadata"]
    if kind.is_policy:
        return Undecoded.of(kind, metadata.get("namespace", ""), metadata["name"], text)
    return decode_json(text, kind)
