"""Laboratories from objects in few words."""

from tests.semantics.objects import Object, container_port

from ringfence.cluster import Cluster
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network.placement import PlacementOptions
from ringfence.lab.network.pod_network import NodeNetwork
from ringfence.model.decoding import decode, has_been_stored
from ringfence.model.objects import Manifest
from ringfence.model.origin import Origin
from ringfence.sets.addresses import FAMILIES, Family

ROUTED = NodeNetwork()
HTTP = [container_port("http", 8080)]


def laboratory(
    *objects: Object,
    nodes: int = 1,
    families: tuple[Family, ...] | None = FAMILIES,
    serve: bool = True,
    network: NodeNetwork = ROUTED,
) -> Laboratory:
    """A laboratory of these objects, in the sandbox that this process must be in."""
    cluster = Cluster()
    for obj in objects:
        cluster.upsert(obj)
    return Laboratory(cluster, PlacementOptions(nodes, families, network), serve=serve)


def manifests(*objects: Object) -> list[Manifest]:
    """Objects as a source would give them."""
    decoded = ((decode(obj), has_been_stored(obj)) for obj in objects)
    return [Manifest(one, Origin("test.yaml"), is_stored=stored) for one, stored in decoded if one is not None]


def service(path: str, selector: dict[str, str], protocol: str = "TCP", **spec: object) -> Object:
    """The Service `NAMESPACE/NAME`, whose port 80 leads to port 8080 of its pods."""
    namespace, name = path.split("/")
    ports = [{"name": "it", "port": 80, "targetPort": 8080, "protocol": protocol}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "ports": ports, **spec},
    }
