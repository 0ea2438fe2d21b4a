"""The objects of the experiment: a namespace, pods that listen, pods that connect, and policies.

Whether a connection can be opened is the readiness of the pod that opens it: the kubelet runs its probe every second,
inside the pod. So nothing is executed from outside, no log is read, and who may list pods sees the result.

Sources: kubernetes.io, "Configure Liveness, Readiness and Startup Probes", "Pod Security Standards" (restricted);
`test/images/agnhost` of Kubernetes, for the program.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

Manifest = dict[str, Any]

DEFAULT_IMAGE: Final = "registry.k8s.io/e2e-test-images/agnhost:2.53"
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "ringfence"}
RUN: Final = "ringfence.dev/doctor-run"
"""The label that all objects of one experiment have; its value is a random text."""

ROLE: Final = "role"
SERVER: Final = "server"
TCP_PORT: Final = 8080
RANGE_PORT: Final = 8090
UDP_PORT: Final = 8081
SCTP_PORT: Final = 8082
PORT_NAME: Final = "web"

PROBED: Final = ("client", "server")
"""The names of the containers that have a readiness probe, of which a pod has one."""

_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_NO_MESH: Final = {
    "sidecar.istio.io/inject": "false",
    "istio.io/dataplane-mode": "none",
    "linkerd.io/inject": "disabled",
}


class Client(msgspec.Struct, frozen=True):
    """A pod that opens a connection every second: its name, its value of the label `role`, and the port it asks.

    One `over_ipv6` asks the address of the other family. One that is not `owned` is a pod without an owner.
    """

    name: str
    role: str
    port: int = TCP_PORT
    protocol: str = "TCP"
    over_ipv6: bool = False
    owned: bool = True


def namespace(name: str, run: str) -> Manifest:
    """The namespace, in which all other objects are."""
    labels = {**MANAGED_BY, RUN: run, **_NO_MESH, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def server(place: str, node: str, run: str, image: str, *, full: bool) -> Manifest:
    """A pod that listens on a node, as the only replica of a ReplicaSet; on all ports if the experiment is `full`.

    Some plugins do not guard pods without an owner, so it has one. Each protocol has a container of its own: that for
    SCTP ends at once where the kernel of the node has no SCTP.
    """
    web = {"name": PORT_NAME, "containerPort": TCP_PORT}
    containers = [_listening("server", image, [f"--http-port={TCP_PORT}"], web, readinessProbe=_from_node())]
    if full:
        containers += [
            _listening("range", image, [f"--http-port={RANGE_PORT}"], _port("range", RANGE_PORT, "TCP")),
            _listening("udp", image, ["--http-port=8091", f"--udp-port={UDP_PORT}"], _port("udp", UDP_PORT, "UDP")),
            _listening(
                "sctp", image, ["--http-port=8092", f"--sctp-port={SCTP_PORT}"], _port("sctp", SCTP_PORT, "SCTP")
            ),
        ]
    return _replica_set(f"{place}-{SERVER}", place, SERVER, node, run, containers)


def _listening(name: str, image: str, arguments: list[str], port: Manifest, **fields: Any) -> Manifest:
    """A container that listens on a port; what it does not name it does not listen on."""
    others = [] if any(one.startswith("--udp-port") for one in arguments) else ["--udp-port=-1"]
    return _container(name, image, ["netexec", *arguments, *others], ports=[port], **fields)


def _port(name: str, number: int, protocol: str) -> Manifest:
    return {"name": name, "containerPort": number, "protocol": protocol}


def client(one: Client, place: str, node: str, run: str, image: str, address: str) -> Manifest:
    """A pod that connects to an address from a node, and is ready while it can."""
    host = f"[{address}]" if ":" in address else address
    arguments = ["--timeout=1s", f"--protocol={one.protocol.lower()}"]
    probe = {
        "exec": {"command": ["/agnhost", "connect", f"{host}:{one.port}", *arguments]},
        "periodSeconds": 1,
        "timeoutSeconds": 3,
        "failureThreshold": 1,
        "successThreshold": 1,
    }
    containers = [_container("client", image, ["pause"], readinessProbe=probe)]
    made = _replica_set(f"{place}-{one.name}", place, one.role, node, run, containers)
    return made if one.owned else _bare(made)


def _bare(replica_set: Manifest) -> Manifest:
    """The pod that a ReplicaSet would make, by itself."""
    template = replica_set["spec"]["template"]
    metadata = {**template["metadata"], "name": replica_set["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _from_node() -> Manifest:
    """A probe that the kubelet sends to the pod from its node."""
    return {
        "httpGet": {"path": "/", "port": TCP_PORT},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 1,
        "successThreshold": 1,
    }


def policy(name: str, place: str, role: str, run: str, spec: Mapping[str, Any]) -> Manifest:
    """A policy for the pods of a place that have a role; for all of them if the role is empty."""
    selector = {"matchLabels": {"place": place, **({ROLE: role} if role else {})}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{place}-{name}", "labels": {**MANAGED_BY, RUN: run}},
        "spec": {"podSelector": selector, **spec},
    }


def _container(name: str, image: str, arguments: list[str], **fields: Any) -> Manifest:
    return {
        "name": name,
        "image": image,
        "args": arguments,
        "securityContext": _RESTRICTED,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        **fields,
    }


def _replica_set(name: str, place: str, role: str, node: str, run: str, containers: list[Manifest]) -> Manifest:
    labels = {**MANAGED_BY, RUN: run, "pod": name, "place": place, ROLE: role, **_NO_MESH}
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
        "containers": containers,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "labels": {**MANAGED_BY, RUN: run}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"pod": name, RUN: run}},
            "template": {"metadata": {"labels": labels, "annotations": _NO_MESH}, "spec": spec},
        },
    }
