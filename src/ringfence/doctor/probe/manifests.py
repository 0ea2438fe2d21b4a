"""The objects of the experiment: a namespace, pods that listen, pods that connect, and policies.

Whether a connection can be opened is the readiness of the pod that opens it: the kubelet runs its probe every second,
inside the pod. So nothing is executed from outside, no log is read, and who may list pods sees the result.

Sources: kubernetes.io, "Configure Liveness, Readiness and Startup Probes", "Pod Security Standards" (restricted);
`test/images/agnhost` of Kubernetes, for the program.
"""

from collections.abc import Mapping
from enum import Enum
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
SERVICE_PORT: Final = 80
"""The port of the Service, whose target port is `TCP_PORT`."""
KUBELET_PORT: Final = 10250
"""Where the kubelet of each node listens, for the API server. Source: kubernetes.io, "Ports and Protocols"."""

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


class Conduct(Enum):
    """What a client does."""

    CONNECTS = "connects"
    """It opens a new connection every second, and is ready while that succeeds."""
    KEEPS = "keeps"
    """It keeps one connection and sends a request over it every second. It is ready while these are answered."""
    STARTS = "starts"
    """It opens connections as soon as it starts, for some seconds, and is ready from the first that succeeds."""


class ProbeTarget(Enum):
    """To which address a client connects."""

    SERVER = "server"
    SERVER_OVER_IPV6 = "server over IPv6"
    SERVICE = "Service"
    NODE = "node"
    """The node on which it runs."""


class Client(msgspec.Struct, frozen=True):
    """A pod that connects: its name, its value of the label `role`, and to which port.

    One that is not `owned` is a pod without an owner.
    """

    name: str
    role: str
    port: int = TCP_PORT
    protocol: str = "TCP"
    target: ProbeTarget = ProbeTarget.SERVER
    conduct: Conduct = Conduct.CONNECTS
    owned: bool = True

    @property
    def connection(self) -> str:
        """What reports call its connection."""
        kept = "a connection that is kept" if self.conduct is Conduct.KEEPS else "a connection"
        match self.target:
            case ProbeTarget.NODE:
                return f"{kept} to the port {self.port} of the kubelet"
            case ProbeTarget.SERVICE:
                return f"{kept} to a Service"
            case _:
                return f"{kept} over {self.protocol}"


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
    match one.conduct:
        case Conduct.CONNECTS:
            connecting = ["/agnhost", "connect", _socket(address, one.port), "--timeout=1s"]
            probe = _executed(*connecting, f"--protocol={one.protocol.lower()}")
            container = _container("client", image, ["pause"], readinessProbe=probe)
        case Conduct.KEEPS:
            container = _script(_KEEPING.format(address=address, port=one.port), _IS_ANSWERED, image)
        case Conduct.STARTS:
            container = _script(_STARTING.format(socket=_socket(address, one.port)), _HAS_OPENED, image)
    made = _replica_set(f"{place}-{one.name}", place, one.role, node, run, [container])
    return made if one.owned else _bare(made)


def service(place: str, run: str) -> Manifest:
    """The Service of the server of a place."""
    port = {"port": SERVICE_PORT, "targetPort": TCP_PORT, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{place}-{SERVER}", "labels": {**MANAGED_BY, RUN: run}},
        "spec": {"selector": {"place": place, ROLE: SERVER}, "ports": [port]},
    }


def _socket(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# A request a second over one connection, and the file is as old as the last line of an answer. A connection that is cut
# is opened again, which a policy that forbids it does not let happen.
_KEEPING: Final = r"""while :; do
  while printf 'GET /hostname HTTP/1.1\r\nHost: server\r\n\r\n'; do sleep 1; done |
    nc {address} {port} | while read -r line; do touch "$TMPDIR/answered"; done
  sleep 1
done"""
_IS_ANSWERED: Final = '[ $(($(date +%s) - $(stat -c %Y "$TMPDIR/answered"))) -le 3 ]'

# The first attempt is the first thing that the container does. A new attempt sends a new packet, where one that waits
# would repeat its own after a second.
_STARTING: Final = """tries=0
while [ $tries -lt 40 ] && [ ! -e "$TMPDIR/opened" ]; do
  /agnhost connect {socket} --timeout=200ms --protocol=tcp && touch "$TMPDIR/opened"
  tries=$((tries + 1))
done
exec /agnhost pause"""
_HAS_OPENED: Final = '[ -e "$TMPDIR/opened" ]'

_STATE: Final = "/state"


def _script(script: str, is_ready: str, image: str) -> Manifest:
    """A container that runs a script, and is ready while another one succeeds; both may write to TMPDIR."""
    return _container(
        "client",
        image,
        ["-c", script],
        command=["sh"],
        env=[{"name": "TMPDIR", "value": _STATE}],
        volumeMounts=[{"name": "state", "mountPath": _STATE}],
        readinessProbe=_executed("sh", "-c", is_ready),
    )


def _executed(*command: str) -> Manifest:
    """A probe that the kubelet executes in the container every second."""
    return {
        "exec": {"command": [*command]},
        "periodSeconds": 1,
        "timeoutSeconds": 3,
        "failureThreshold": 1,
        "successThreshold": 1,
    }


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


def _has_state(containers: list[Manifest]) -> bool:
    return any("volumeMounts" in one for one in containers)


def _replica_set(name: str, place: str, role: str, node: str, run: str, containers: list[Manifest]) -> Manifest:
    labels = {**MANAGED_BY, RUN: run, "pod": name, "place": place, ROLE: role, **_NO_MESH}
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        **({"volumes": [{"name": "state", "emptyDir": {}}]} if _has_state(containers) else {}),
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
