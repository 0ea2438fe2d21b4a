"""A rule limits clients by address, but the Service hides their addresses.

A Service of type `LoadBalancer` or `NodePort` leads to pods of any node. With `externalTrafficPolicy: Cluster`, which
is the default, the node that a client connects to forwards the connection with its own address. The pod never sees the
client's address, and an `ipBlock` of clients allows nobody. AWS load balancers that lead to the addresses of pods do
not forward through a node and are left out.

Remedy: set `externalTrafficPolicy: Local` in the Service.

Fires: the source is a node:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8080}]
```

Fires: a NodePort is the same:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, externalTrafficPolicy: Cluster, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8080}]
```

Silent: the address of the client is kept:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8080}]
```

Silent: the load balancer of AWS leads to the pods, and not to nodes:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  annotations: {service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8080}]
```

Silent: the Service is for the cluster only:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8080}]
```

Silent: all addresses are admitted:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ports: [{port: 8080}]
```

Silent: the rule is about another port:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 9090}]
```
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from ringfence.analysis.endpoints import selected_members, target_port
from ringfence.engine.population import Member, Reference, addresses_of
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenRule, rules_in_force
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import NO_LABELS
from ringfence.model.policies import Direction
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import Addresses

_TYPES: Final = ("LoadBalancer", "NodePort")
_LEADS_TO_PODS: Final = {
    "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
    "service.beta.kubernetes.io/aws-load-balancer-type": "nlb-ip",
}
"""Annotations with which a load balancer leads to the addresses of pods.

Source: documentation of the AWS Load Balancer Controller, "Network Load Balancer".
"""
_Behind = dict[Member, list[tuple[Service, ServicePort]]]


def _check(linted: Linted) -> Iterator[Hit]:
    behind = _behind(linted)
    nodes = Addresses.union_of(map(addresses_of, linted.state.nodes.values())) if behind else Addresses()
    for rule in rules_in_force(linted) if behind else ():
        block = rule.compiled.peers.block
        # A block that has addresses of nodes matches what arrives from them.
        if rule.direction is Direction.EGRESS or block is None or block.covers_family or nodes & block.addresses:
            continue
        if found := _first(linted, rule, behind):
            service, pod = found
            name = f"{namespace_of(service)}/{service.metadata.name}"
            message = (
                f"clients of Service {name} reach {pod} with the address of a node, because its externalTrafficPolicy "
                "is Cluster: a block of client addresses does not match them"
            )
            peer = next(one for one in rule.peers() if one.peer.ip_block)
            remedy = f"set externalTrafficPolicy: Local in Service {name}"
            reference = Reference(namespace_of(service), "Service", service.metadata.name)
            yield Hit(rule.policy, peer.path, message, remedy, pods=(pod,), objects=((reference, "the Service"),))


def _behind(linted: Linted) -> _Behind:
    """The pods behind Services that hide client addresses, with these Services and their ports."""
    found: _Behind = defaultdict(list)
    for service in linted.services:
        spec = service.spec
        passes_nodes = spec.type in _TYPES and not _leads_to_pods(service)
        # With Local, only nodes with a pod of the Service get connections, and they keep the address of the client.
        if passes_nodes and spec.external_traffic_policy != "Local" and spec.selector:
            for pod in selected_members(linted.state, service):
                found[pod] += [(service, port) for port in spec.ports or ()]
    return found


def _leads_to_pods(service: Service) -> bool:
    annotations = service.metadata.annotations or NO_LABELS
    return any(annotations.get(key) == value for key, value in _LEADS_TO_PODS.items())


def _first(linted: Linted, rule: WrittenRule, behind: _Behind) -> tuple[Service, Member] | None:
    """The first Service that leads to a port of the rule, and a pod behind it."""
    for pod in linted.pods_of(rule.policy.subject):
        for service, port in behind.get(pod, ()):
            number = target_port(pod, port)
            if number is not None and rule.traffic_to(pod).contains(port.protocol, number):
                return service, pod
    return None


RULE = LintRule("RF136", "load-balancer-source", FindingLevel.WARNING, __doc__, _check)
