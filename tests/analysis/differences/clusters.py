"""Small clusters in few words, which differ in one thing."""

from pathlib import Path

from ringfence.analysis.differences import ClusterDifference, ConnectionChange, Ends
from ringfence.cluster import Cluster
from ringfence.sets.addresses import Addresses

WORKLOADS = """\
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: tools, labels: {team: infra}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: probe, namespace: tools}
spec: {replicas: 1, selector: {matchLabels: {app: probe}}, template: {metadata: {labels: {app: probe}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: prod}
spec: {replicas: 3, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}
"""

DB = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: infra}}
      podSelector: {matchLabels: {app: web}}
    ports: [{port: 3306}]
"""

BLOCKS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: prod}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - ipBlock: {cidr: 198.51.100.0/24}
"""

CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guard, namespace: prod}
spec: {endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEntities: [cluster]}]}
"""


def written(folder: Path, name: str, *documents: str) -> Path:
    """A file with some documents; each is in a file of its own number of lines, joined by separators."""
    path = folder / name
    path.write_text("---\n".join(documents))
    return path


def compared(folder: Path, before: tuple[str, ...], after: tuple[str, ...]) -> ClusterDifference:
    """The difference between two clusters, each of some documents in one file: `a.yaml` and `b.yaml`."""
    old, new = written(folder, "a.yaml", *before), written(folder, "b.yaml", *after)
    return Cluster.load(old).diff(Cluster.load(new), names=("a.yaml", "b.yaml"))


def rows(found: ClusterDifference, kind: ConnectionChange) -> list[str]:
    """The rows of one kind, as `SOURCES -> DESTINATIONS: TRAFFIC`."""
    return [f"{_ends(one.sources)} -> {_ends(one.destinations)}: {one.traffic}" for one in found.of(kind)]


def _ends(ends: Ends) -> str:
    return str(ends) if isinstance(ends, Addresses) else ", ".join(map(str, ends))
