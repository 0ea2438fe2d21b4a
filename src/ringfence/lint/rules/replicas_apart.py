"""Replicas of a StatefulSet that cannot reach each other.

Databases and brokers replicate between their pods. A policy that isolates them has to allow that, too, and often allows
only clients. It is found for a StatefulSet of several pods, if between two of them no port passes that they declare. It
is a warning if a port has a name that replicas use between themselves (peer, cluster, gossip, raft, replication), and
otherwise a note: some replicas never talk.

Remedy: add a rule whose peer is the `podSelector` of the policy itself.

Fires, for only clients are admitted:

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

Fires as a note, for it may be that they never talk:

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

Silent, for they are admitted:

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

Silent, for there is only one pod:

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

from collections.abc import Iterator
from typing import Final

from ringfence.engine.answers import traffic_between_two
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, Premise
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.texts import listed
from ringfence.lint.written import isolating_policy
from ringfence.model.policies import Direction

_BETWEEN_REPLICAS: Final = ("peer", "cluster", "gossip", "raft", "replication", "galera", "epmd", "internode")


def _check(linted: Linted) -> Iterator[Hit]:
    for pod in linted.state.members():
        if pod.reference.kind != "StatefulSet" or not pod.is_several or pod.host_network:
            continue
        allowed = traffic_between_two(linted.state, pod)
        if pod.container_ports and not any(allowed.contains(one.protocol, one.port) for one in pod.container_ports):
            isolating = ((isolating_policy(linted, pod, direction), direction) for direction in Direction)
            policy, direction = next((one for one in isolating if one[0]), (None, Direction.INGRESS))
            if policy:
                yield _hit(policy, direction, pod)


def _hit(policy: PolicyInForce, direction: Direction, pod: Member) -> Hit:
    ports = listed(f"{one.protocol} {one.port}" for one in pod.container_ports)
    message = f"two pods of {pod} cannot reach each other on any port that they declare ({ports})"
    remedy = f"add a rule for {direction.field} whose peer is the podSelector of the policy itself"
    is_named = any(word in one.name for one in pod.container_ports for word in _BETWEEN_REPLICAS)
    level = None if is_named else FindingLevel.NOTE
    premises = tuple(Premise((pod,), one, is_refusal=True, is_between_pods=True) for one in Direction)
    return Hit(policy, "spec.podSelector", message, remedy, level, pods=(pod,), premises=premises)


RULE = LintRule("RF141", "replicas-apart", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
