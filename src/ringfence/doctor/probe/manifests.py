"""The objects of the experiment: a namespace, pods that listen, pods that connect, and policies.

The readiness of a client pod shows whether it can open its connection: the kubelet runs the readiness probe in the pod
every second. So the experiment does not execute commands in pods and does not read logs; the right to list pods is
sufficient to see the result.

Sources: kubernetes.io, "Configure Liveness, Readiness and Startup Probes", "Pod Security Standards" (restricted);
`test/images/agnhost` of Kubernetes, for the program.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

Manifest = dict[str, Any]

DEFAULT_IMAGE: Final = "registry.k8s.io/e2e-test-images/agnhost:2.53"
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "ringfence"}
RUN: Final = "ringfence.dev/doctor-run"
"""The label of all objects of one experiment. Its value is random."""

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
"""The port of the kubelet's API on each node. Source: kubernetes.io, "Ports and Protocols"."""

PROBED: Final = ("client", "server")
"""The names of the containers that have a readiness probe. Each pod has one of them."""

# What the Pod Security Standard `restricted` demands, which the namespace enforces.
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}
# The proxy of a service mesh accepts connections for the pod, so that denied ones would seem open.
_NO_MESH: Final = {
    "sidecar.istio.io/inject": "false",
    "istio.io/dataplane-mode": "none",
    "linkerd.io/inject": "disabled",
}


class Conduct(Enum):
    """How a client connects."""

    CONNECTS = "connects"
    """The client opens a new connection every second, and is ready while this succeeds."""
    KEEPS = "keeps"
    """The client keeps one connection and sends a request over it every second. It is ready while it gets answers."""
    STARTS = "starts"
    """The client tries to connect for some seconds from its start on. It is ready after the first success."""


class ProbeTarget(Enum):
    """The target to which a client connects."""

    SERVER = "server"
    SERVER_OVER_IPV6 = "server over IPv6"
    SERVICE = "Service"
    NODE = "node"
    """The node on which the client runs."""


class Client(msgspec.Struct, frozen=True):
    """A pod that connects: its name, its value of the label `role`, and the port to which it connects.

    If it is not `owned`, the pod has no owner, such as a ReplicaSet.
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
        """The name of its connection in reports."""
        kept = "a connection that is kept" if self.conduct is Conduct.KEEPS else "a connection"
        match self.target:
            case ProbeTarget.NODE:
                return f"{kept} to the port {self.port} of the kubelet"
            case ProbeTarget.SERVICE:
                return f"{kept} to a Service"
            case _:
                return f"{kept} over {self.protocol}"


class Site(NamedTuple):
    """What all pods of one site of the experiment have in common.

    This is the value of their label `place`, their node, the identifier of the run, and the image of their containers.
    """

    place: str
    node: str
    run: str
    image: str


def namespace(name: str, run: str) -> Manifest:
    """The namespace of all other objects."""
    labels = {**MANAGED_BY, RUN: run, **_NO_MESH, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def server(site: Site, *, full: bool) -> Manifest:
    """A ReplicaSet with one pod that listens on a node. If the experiment is `full`, the pod listens on all ports.

    The pod has an owner, because some plugins do not enforce policies for pods without an owner. Each port has a
    container of its own, because the container for SCTP exits immediately if the kernel of the node does not support
    SCTP.
    """
    image = site.image
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
    return _replica_set(SERVER, site, SERVER, containers)


def _listening(name: str, image: str, arguments: list[str], port: Manifest, **fields: Any) -> Manifest:
    """A container that listens only on the ports in its arguments. By default, agnhost also opens a UDP port."""
    others = [] if any(one.startswith("--udp-port") for one in arguments) else ["--udp-port=-1"]
    return _container(name, image, ["netexec", *arguments, *others], ports=[port], **fields)


def _port(name: str, number: int, protocol: str) -> Manifest:
    return {"name": name, "containerPort": number, "protocol": protocol}


def client(one: Client, site: Site, address: str) -> Manifest:
    """A pod on a node that connects to an address. Its readiness shows whether it can (`Conduct`)."""
    match one.conduct:
        case Conduct.CONNECTS:
            connecting = ["/agnhost", "connect", _socket(address, one.port), "--timeout=1s"]
            probe = _executed(*connecting, f"--protocol={one.protocol.lower()}")
            container = _container("client", site.image, ["pause"], readinessProbe=probe)
        case Conduct.KEEPS:
            container = _script(_KEEPING.format(address=address, port=one.port), _IS_ANSWERED, site.image)
        case Conduct.STARTS:
            container = _script(_STARTING.format(socket=_socket(address, one.port)), _HAS_OPENED, site.image)
    made = _replica_set(one.name, site, one.role, [container])
    return made if one.owned else _bare(made)


def service(site: Site) -> Manifest:
    """The Service of the server at one site of the experiment."""
    port = {"port": SERVICE_PORT, "targetPort": TCP_PORT, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{site.place}-{SERVER}", "labels": {**MANAGED_BY, RUN: site.run}},
        "spec": {"selector": {"place": site.place, ROLE: SERVER}, "ports": [port]},
    }


def _socket(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# The script sends a request every second over one connection. The modification time of the file is the time of the last
# line of an answer. The script reopens a connection that was cut; a policy in force denies this.
_KEEPING: Final = r"""while :; do
  while printf 'GET /hostname HTTP/1.1\r\nHost: server\r\n\r\n'; do sleep 1; done |
    nc {address} {port} | while read -r line; do touch "$TMPDIR/answered"; done
  sleep 1
done"""
_IS_ANSWERED: Final = '[ $(($(date +%s) - $(stat -c %Y "$TMPDIR/answered"))) -le 3 ]'

# The container connects before it does anything else. Attempts time out after 200 ms, because a new attempt sends a new
# packet, while a waiting attempt would repeat its packet only after a second.
_STARTING: Final = """tries=0
while [ $tries -lt 40 ] && [ ! -e "$TMPDIR/opened" ]; do
  /agnhost connect {socket} --timeout=200ms --protocol=tcp && touch "$TMPDIR/opened"
  tries=$((tries + 1))
done
exec /agnhost pause"""
_HAS_OPENED: Final = '[ -e "$TMPDIR/opened" ]'

_STATE: Final = "/state"


def _script(script: str, is_ready: str, image: str) -> Manifest:
    """A container that runs `script` and is ready while the script `is_ready` succeeds. Both can write to TMPDIR."""
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
    """A probe: a command that the kubelet executes in the container every second."""
    return {
        "exec": {"command": [*command]},
        "periodSeconds": 1,
        "timeoutSeconds": 3,
        # One result is enough in both directions, so that readiness follows the connection within seconds.
        "failureThreshold": 1,
        "successThreshold": 1,
    }


def _bare(replica_set: Manifest) -> Manifest:
    """The pod that a ReplicaSet would create, as a pod without an owner."""
    template = replica_set["spec"]["template"]
    metadata = {**template["metadata"], "name": replica_set["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _from_node() -> Manifest:
    """A probe: an HTTP request that the kubelet sends to the pod from its node every second."""
    return {
        "httpGet": {"path": "/", "port": TCP_PORT},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 1,
        "successThreshold": 1,
    }


def policy(name: str, site: Site, role: str, spec: Mapping[str, Any]) -> Manifest:
    """A policy for the pods of a site with this role; for all pods of the site if the role is empty."""
    selector = {"matchLabels": {"place": site.place, **({ROLE: role} if role else {})}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{site.place}-{name}", "labels": {**MANAGED_BY, RUN: site.run}},
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


def _replica_set(name: str, site: Site, role: str, containers: list[Manifest]) -> Manifest:
    name, run = f"{site.place}-{name}", site.run
    labels = {**MANAGED_BY, RUN: run, "pod": name, "place": site.place, ROLE: role, **_NO_MESH}
    # As for the pods of a DaemonSet: the scheduler still checks taints and resources, which `nodeName` would bypass.
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [site.node]}]}]
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
