"""A port of a database or for administration that pods of several namespaces can reach.

The rule examines ports that a container declares, such as 5432 of PostgreSQL. It is reported if pods of two or more
other namespaces may connect, apart from the `system-namespaces` of the configuration, or if all possible pods may
connect. Both ends count: the ingress of the pod and the egress of the others.

Remedy: allow the port to the pods that need it.

Fires: pods of two namespaces may connect:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: audit, namespace: audit, labels: {app: audit}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, audit]}]}
```

Fires: nothing isolates it:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
```

Silent: pods of one namespace may connect:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: audit, namespace: audit, labels: {app: audit}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]
```

Silent: the rule is about another port:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: audit, namespace: audit, labels: {app: audit}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 9187}]
```

Silent: no database listens there:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
```
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from ringfence.engine.policies import PortQuestion, own_ports
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel, name_of_reference
from ringfence.lint.linted import Linted
from ringfence.lint.posture import (
    decided,
    is_of_the_system,
    passing_with_all_pods,
    running_workloads,
)
from ringfence.lint.premises import Basis, Premise, doubtful, witness
from ringfence.lint.rule import Hit, LintRule, ObjectHit, RuleGroup, Unknown
from ringfence.model.policies import Direction
from ringfence.sets.traffic import Traffic

SENSITIVE_PORTS: Final = {
    22: "SSH",
    1433: "SQL Server",
    1521: "Oracle",
    2379: "etcd",
    2380: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    9042: "Cassandra",
    9200: "Elasticsearch",
    9300: "Elasticsearch",
    10250: "the kubelet",
    11211: "memcached",
    27017: "MongoDB",
}
"""The ports that databases and administrators use, all TCP, and what is usually behind them."""

_MOST: Final = 1
"""The most other namespaces that are not reported: an application and its database are often in two namespaces."""


def _check(linted: Linted) -> Iterator[Hit | ObjectHit | Unknown]:
    yield from decided(_found(linted))


class _Who(msgspec.Struct, frozen=True):
    """The pods that may connect to a port, if they are too many; otherwise `text` is empty."""

    text: str = ""
    premises: tuple[Premise, ...] = ()


def _found(linted: Linted) -> Iterator[ObjectHit]:
    passing, known = passing_with_all_pods(linted), dict[tuple[int, int], _Who]()
    for workload, pods in running_workloads(linted).items():
        exposed: defaultdict[int, list[Member]] = defaultdict(list)
        for pod in pods:
            identity = linted.state.identity(pod)
            stack = linted.state.tiers.stack(identity, Direction.INGRESS)
            everybody = None
            for port in _sensitive_ports(pod):
                everybody = passing(stack, own_ports(stack, identity)) if everybody is None else everybody
                # Pods that no policy distinguishes get the same answer.
                if (identity.bit, port) not in known:
                    known[identity.bit, port] = _who(linted, pod, port, everybody)
                if known[identity.bit, port].text:
                    exposed[port].append(pod)
        for port, some in sorted(exposed.items()):
            premise = witness(linted, some, Direction.INGRESS, is_between_pods=True)
            who = known[linted.state.identity(premise.pods[0]).bit, port]
            yield ObjectHit(
                name_of_reference(workload),
                linted.place_of(workload),
                f"{who.text} may connect to TCP {port}, which is usually {SENSITIVE_PORTS[port]}",
                f"allow port {port} to the pods that need it",
                premises=(premise, *who.premises),
            )


def _sensitive_ports(pod: Member) -> list[int]:
    declared = {one.port for one in pod.container_ports if one.protocol == "TCP"}
    return sorted(declared.intersection(SENSITIVE_PORTS))


def _who(linted: Linted, pod: Member, port: int, everybody: Traffic) -> _Who:
    """The pods that may connect to a port. `everybody` is the traffic allowed from all possible pods."""
    if everybody.contains("TCP", port):
        return _Who("every pod of every namespace")
    sources = {
        name: witness(linted, pods, Direction.EGRESS, is_between_pods=True)
        for name, pods in _sources(linted, pod, port).items()
    }
    certain = [name for name, premise in sources.items() if doubtful(linted, [premise]) is None]
    # If enough namespaces are certain, the finding does not depend on the doubtful ones.
    named = certain if len(certain) > _MOST else list(sources)
    if len(named) <= _MOST:
        return _Who()
    text = f"pods of {len(named)} other namespaces, such as {min(named)},"
    return _Who(text, tuple(sources[name] for name in named))


def _sources(linted: Linted, pod: Member, port: int) -> dict[str, list[Member]]:
    """A pod of each identity that may connect to a port of a pod, by namespace, its own aside."""
    tiers, identity = linted.state.tiers, linted.state.identity(pod)
    question = PortQuestion(identity.families[0], "TCP", port)
    sources = tiers.peers_allowed(identity, Direction.INGRESS, question)
    sources &= tiers.subjects_allowing(identity, Direction.EGRESS, question)
    found: dict[str, list[Member]] = {}
    for one in linted.state.population.identities(sources):
        is_other = one.namespace != pod.namespace and not is_of_the_system(linted, one.namespace)
        if is_other and not one.host_network:
            found.setdefault(one.namespace, []).append(next(iter(one.pods())))
    return found


RULE = LintRule(
    "RF209",
    "sensitive-port-exposed",
    FindingLevel.NOTE,
    __doc__,
    _check,
    group=RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
