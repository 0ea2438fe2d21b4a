"""Replicas of a StatefulSet that cannot reach each other.

Databases and brokers replicate between their pods. A policy that isolates them must allow this, too, and often allows
only clients. It is a warning for a StatefulSet with several pods and ports whose names are typical of traffic between
replicas (peer, cluster, gossip, raft, replication), if none of these ports is allowed between two pods. Without such
names it is a note if none of the declared ports is allowed, because some replicas never communicate. Replicas of other
workloads count if a headless Service selects them and a port has such a name.

Remedy: add a rule whose peer is the `podSelector` of the policy itself.

Fires: only clients are admitted:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}, {name: peer, containerPort: 7000}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
```

Fires: everybody is admitted to the port for clients alone:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 3306}, {name: galera, containerPort: 4567}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - ports: [{port: 3306}]
```

Fires as a note: they may never connect to each other:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shard, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shard}}
  template:
    metadata: {labels: {app: shard}}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shard, namespace: shop}
spec:
  podSelector: {matchLabels: {app: shard}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
```

Fires: also the two pods of a running cluster:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: db-0
  namespace: shop
  labels: {app: db}
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: "1", controller: true}]
spec: {containers: [{name: db, image: db, ports: [{name: gossip, containerPort: 7000}]}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: db-1
  namespace: shop
  labels: {app: db}
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: "1", controller: true}]
spec: {containers: [{name: db, image: db, ports: [{name: gossip, containerPort: 7000}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Egress]
```

Fires: the pods of a Deployment find each other by a headless Service:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: cache, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}, {name: cluster, containerPort: 7800}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: shop}
spec: {clusterIP: None, selector: {app: cache}, ports: [{port: 7800}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cache, namespace: shop}
spec:
  podSelector: {matchLabels: {app: cache}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
```

Silent: a headless Service alone does not say that the pods of a Deployment talk to each other:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: a, image: a, ports: [{name: grpc, containerPort: 50051}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {clusterIP: None, selector: {app: api}, ports: [{port: 50051}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
```

Silent: they are admitted:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}, {name: peer, containerPort: 7000}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: peer}]
```

Silent: there is only one pod:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db, ports: [{name: peer, containerPort: 7000}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
```
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Final

from ringfence.analysis.endpoints import is_headless, selected_members
from ringfence.engine.answers import side_traffic
from ringfence.engine.population import DeclaredPort, Member, Reference
from ringfence.lint.added_rules import add_rule, is_only_for, written_selector
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, Premise
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.texts import listed
from ringfence.lint.written import isolating_policy
from ringfence.model.policies import Direction
from ringfence.sets.traffic import Traffic

_BETWEEN_REPLICAS: Final = (
    *("peer", "cluster", "gossip", "raft", "replication", "galera", "epmd", "internode", "intra-node", "mesh-tcp"),
)
_MOST_PODS: Final = 8
"""The most replicas of a workload, among those that policies distinguish, that are compared with each other."""


def _check(linted: Linted) -> Iterator[Hit]:
    replicated = linted.remembered_of_pods(_replicated, lambda: dict(_replicated(linted)))
    selected = linted.state.population.identities(linted.selected)
    isolated = {linted.state.workload(pod) for identity in selected for pod in identity.pods()}
    for workload, pods in replicated.items() if isolated else ():
        if workload not in isolated:
            continue
        for source, destination in _pairs(linted, pods):
            if hit := _hit(linted, workload, pods, source, destination):
                yield hit
                break


def _replicated(linted: Linted) -> Iterator[tuple[Reference, list[Member]]]:
    """The workloads of several pods that declare ports, and these pods."""
    headless = None
    found: defaultdict[Reference, list[Member]] = defaultdict(list)
    for pod in linted.state.members():
        if pod.container_ports and not pod.host_network:
            found[linted.state.workload(pod)].append(pod)
    for workload, pods in sorted(found.items()):
        if len(pods) == 1 and not pods[0].is_several:
            continue
        # Replicas of other workloads rarely talk to each other, unless names of Services and ports say so.
        if workload.kind != "StatefulSet":
            headless = _behind_headless_services(linted) if headless is None else headless
            if pods[0] not in headless or not _named(pods[0]):
                continue
        yield workload, pods


def _behind_headless_services(linted: Linted) -> set[Member]:
    services = filter(is_headless, linted.services)
    return {pod for service in services for pod in selected_members(linted.state, service)}


def _named(pod: Member) -> list[DeclaredPort]:
    """The ports of a pod whose names are typical of traffic between replicas."""
    return [port for port in pod.container_ports if any(word in port.name for word in _BETWEEN_REPLICAS)]


def _pairs(linted: Linted, pods: list[Member]) -> Iterator[tuple[Member, Member]]:
    """Pairs of source and destination, with at most two pods of those that policies do not distinguish."""
    alike: defaultdict[int, list[Member]] = defaultdict(list)
    for pod in pods:
        alike[linted.state.identity(pod).bit].append(pod)
    # Two of each group: pods that policies do not distinguish may also be unable to reach each other.
    some = [pod for group in alike.values() for pod in group[:2]][:_MOST_PODS]
    yield from ((pod, pod) for pod in some if pod.is_several)
    yield from permutations(some, 2)


def _hit(linted: Linted, workload: Reference, pods: list[Member], source: Member, destination: Member) -> Hit | None:
    """A finding, at the policy that denies, if one replica can reach none of the ports of another one."""
    named = _named(destination)
    ports = named or list(destination.container_ports)
    egress = side_traffic(linted.state, source, Direction.EGRESS, destination)
    ingress = side_traffic(linted.state, destination, Direction.INGRESS, source)
    if _passes(egress & ingress, ports):
        return None
    # If the destination would accept it, the egress of the source is the cause.
    direction = Direction.EGRESS if _passes(ingress, ports) else Direction.INGRESS
    refusing = source if direction is Direction.EGRESS else destination
    policy = isolating_policy(linted, refusing, direction)
    if policy is None:
        return None
    premises = [Premise((refusing,), direction, is_refusal=True, is_between_pods=True)]
    # Each side allows some port, and there is none that both allow: without either, the pods could connect.
    if _passes(egress, ports) and _passes(ingress, ports):
        premises.append(Premise((destination,), Direction.INGRESS, is_refusal=True, is_between_pods=True))
    which = "any port that they have for each other" if named else "any port that they declare"
    numbers = listed(f"{one.protocol} {one.port}" for one in ports)
    rule = {direction.peers_field: [{"podSelector": written_selector(policy.policy.spec.pod_selector)}]}
    return Hit(
        policy,
        "spec.podSelector",
        f"two pods of {workload} cannot reach each other on {which} ({numbers})",
        f"add a rule for {direction.field} whose peer is the podSelector of the policy itself",
        None if named else FindingLevel.NOTE,
        add_rule(policy, direction, rule) if is_only_for(linted, policy, pods) else None,
        pods=(refusing,),
        premises=tuple(premises),
    )


def _passes(allowed: Traffic, ports: Iterable[DeclaredPort]) -> bool:
    """Whether one of some ports is in the allowed traffic."""
    return any(allowed.contains(one.protocol, one.port) for one in ports)


RULE = LintRule("RF141", "replicas-apart", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
