"""Short constructors of Kubernetes objects, as dicts in the shape of the API."""

from collections.abc import Iterable
from typing import Any, Final

Object = dict[str, Any]
Key = tuple[str, str, str]

NAME_LABEL = "kubernetes.io/metadata.name"


def key_of(obj: Object) -> Key:
    """The kind, the namespace and the name: the key that removes an object again."""
    kind, group = obj["kind"], obj.get("apiVersion", "").rpartition("/")[0]
    if group in ("policy.networking.k8s.io", "networking.k8s.aws"):
        return f"{kind}.{group}", "", obj["metadata"]["name"]
    namespace = "" if kind in ("Namespace", "Node") else obj["metadata"].get("namespace", "default")
    return kind, namespace, obj["metadata"]["name"]


def namespace(name: str, **labels: str) -> Object:
    """A namespace, with labels beside the one that every namespace has."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def node(name: str, *addresses: str) -> Object:
    """A node with its addresses, and its name among them as kubelets report it."""
    reported = [{"type": "Hostname", "address": name}, *({"type": "InternalIP", "address": one} for one in addresses)]
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"addresses": reported}}


def annotated(obj: Object, annotations: dict[str, str]) -> Object:
    """The object with annotations."""
    return obj | {"metadata": obj["metadata"] | {"annotations": annotations}}


def pod(
    path: str,
    labels: dict[str, str] | None = None,
    *,
    ports: Iterable[Object] = (),
    addresses: Iterable[str] = (),
    phase: str = "Running",
    **spec: Any,
) -> Object:
    """The pod `NAMESPACE/NAME`; `ports` are those of its one container."""
    owner, name = path.split("/")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": owner, "labels": labels or {}},
        "spec": {"containers": [{"name": "server", "image": "example.org/server:1", "ports": list(ports)}], **spec},
        "status": {"phase": phase, "podIPs": [{"ip": address} for address in addresses]},
    }


def stored(obj: Object) -> Object:
    """The object as a server has stored it, even if newer servers would refuse it."""
    return obj | {"metadata": obj["metadata"] | {"uid": "6b0a1f5e"}}


def owned(obj: Object, kind: str, name: str) -> Object:
    """The pod, made by a controller."""
    owner = {"kind": kind, "name": name, "controller": True}
    return obj | {"metadata": obj["metadata"] | {"ownerReferences": [owner]}}


def workload(path: str, kind: str, template: Object, **spec: Any) -> Object:
    """The workload `NAMESPACE/NAME` that makes pods like the given one, whose name does not matter.

    `spec` are more fields: of a CronJob, of the spec of its Jobs.
    """
    owner, name = path.split("/")
    inner = {"template": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]}, **spec}
    if kind in NEED_A_SELECTOR:
        inner = {"selector": ANY_LABELS, **inner}
    return {
        "apiVersion": "batch/v1" if kind in ("Job", "CronJob") else "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": owner, "labels": {"not": "those-of-the-pods"}},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": inner}} if kind == "CronJob" else inner,
    }


def autoscaler(path: str, kind: str, most: int, least: int | None = None) -> Object:
    """A HorizontalPodAutoscaler of the workload `NAMESPACE/NAME`, named after it."""
    owner, name = path.split("/")
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"of-{name}", "namespace": owner},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
            "maxReplicas": most,
            **({} if least is None else {"minReplicas": least}),
        },
    }


ANY_LABELS: Final[Object] = {"matchExpressions": [{"key": "not-there", "operator": "DoesNotExist"}]}
"""A selector as a workload needs one, which matches the labels of every template."""
NEED_A_SELECTOR: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def container_port(name: str, number: int, protocol: str = "TCP") -> Object:
    """A port as a container declares it."""
    return {"name": name, "containerPort": number, "protocol": protocol}


def policy(
    path: str,
    subject: Object | None = None,
    *,
    ingress: list[Object] | None = None,
    egress: list[Object] | None = None,
    **spec: Any,
) -> Object:
    """The policy `NAMESPACE/NAME`, about each direction for which there is a list of rules; `spec` overrides."""
    owner, name = path.split("/")
    given = {"ingress": ingress, "egress": egress}
    rules = {field: listed for field, listed in given.items() if listed is not None}
    types = [field.capitalize() for field in rules]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": owner},
        "spec": {"podSelector": subject or {}, "policyTypes": types, **rules, **spec},
    }


def admits(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """A rule of `ingress`."""
    return {"from": list(peers), "ports": list(ports)}


def sends(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """A rule of `egress`."""
    return {"to": list(peers), "ports": list(ports)}


def pods(selector: Object) -> Object:
    """A peer: the pods of the policy's own namespace that a selector matches."""
    return {"podSelector": selector}


def namespaces(selector: Object, pods: Object | None = None) -> Object:
    """A peer: the pods of the namespaces that a selector matches; those that `pods` matches, where it is given."""
    return {"namespaceSelector": selector} if pods is None else {"namespaceSelector": selector, "podSelector": pods}


def block(cidr: str, *holes: str) -> Object:
    """A peer: the addresses of a CIDR, less `holes`."""
    return {"ipBlock": {"cidr": cidr, "except": list(holes)}}


def port(number: int | str, protocol: str = "TCP", *, to: int | None = None) -> Object:
    """A port of a rule, by number or by name, or the range that ends with `to`."""
    return (
        {"protocol": protocol, "port": number} if to is None else {"protocol": protocol, "port": number, "endPort": to}
    )


def labelled(**labels: str) -> Object:
    """A selector: has all of these labels."""
    return {"matchLabels": labels}


def term(key: str, operator: str, *values: str) -> Object:
    """A selector of one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def named(*names: str) -> Object:
    """A selector of namespaces: has one of these names."""
    return term(NAME_LABEL, "In", *names)


def not_named(*names: str) -> Object:
    """A selector of namespaces: has none of these names."""
    return term(NAME_LABEL, "NotIn", *names)
