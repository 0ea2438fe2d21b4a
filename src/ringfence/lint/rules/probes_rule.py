"""A rule for probes, which do not need one.

The kubelet of a node always reaches the pods on it, so probes work regardless of policies. A rule that allows the nodes
to connect to the port of a probe has no effect, unless the network plugin also isolates pods from their own node. It is
reported if all peers are blocks of node addresses, all ports are ports of probes of the workloads that the policy
selects, and no Service exposes one of these ports on the nodes.

Remedy: remove the rule.

Fires: the kubelet needs no rule:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, readinessProbe: {httpGet: {path: /, port: 8081}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.0/24}}]
    ports: [{port: 8081}]
```

Fires: also for one address of a node:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, readinessProbe: {httpGet: {path: /, port: 8081}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.11/32}}]
    ports: [{port: 8081}]
```

Silent: the port is not that of a probe:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, readinessProbe: {httpGet: {path: /, port: 8081}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.0/24}}]
    ports: [{port: 8080}]
```

Silent: no node has such an address:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, readinessProbe: {httpGet: {path: /, port: 8081}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 8081}]
```

Silent: nodes pass connections to the Service on:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a, readinessProbe: {httpGet: {path: /, port: 8081}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8081}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.0/24}}]
    ports: [{port: 8081}]
```
"""

from collections.abc import Iterator

from ringfence.analysis.endpoints import selected_members, target_port
from ringfence.engine.population import addresses_of
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenRule, rules_in_force
from ringfence.model.added_labels import pod_labels
from ringfence.model.objects import Container, Workload
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic


def _check(linted: Linted) -> Iterator[Hit]:
    nodes = Addresses.union_of(map(addresses_of, linted.state.nodes.values())) if linted.state.nodes else Addresses()
    for rule in rules_in_force(linted) if nodes else ():
        if rule.direction is Direction.INGRESS and _is_of_nodes(rule, nodes):
            probed = _probed(linted, rule.policy)
            traffic = rule.compiled.traffic
            # A rule with more ports than probes use, or with names, has another purpose as well.
            if traffic and not traffic - probed and not rule.compiled.port_names and not _is_opened(linted, rule):
                message = f"probes of {traffic} need no rule: a node always reaches the pods on it"
                yield Hit(rule.policy, rule.path, message, "remove the rule, if probes are its only purpose")


def _is_of_nodes(rule: WrittenRule, nodes: Addresses) -> bool:
    """Whether all peers of a rule are blocks with addresses of nodes, and none is a block of all addresses."""
    peers, block = list(rule.peers()), rule.compiled.peers.block
    return (
        bool(peers) and block is not None and not block.covers_family and all(peer.addresses & nodes for peer in peers)
    )


def _probed(linted: Linted, policy: PolicyInForce) -> Traffic:
    """The probe ports that all workloads of a policy have in common."""
    # A rule is for probes of all its workloads or of none: a port that only some probe is needed by the others.
    found = [
        Traffic.union_of([NO_TRAFFIC, *map(_of_probes, _containers(workload))])
        for _, workload in linted.workloads_in(policy.namespace)
        if policy.subject.pods.matches(pod_labels(workload).labels)
    ]
    return NO_TRAFFIC if not found else _common(found)


def _containers(workload: Workload) -> tuple[Container, ...]:
    spec = workload.template.spec
    return (spec.containers if spec else None) or ()


def _common(sets: list[Traffic]) -> Traffic:
    common = sets[0]
    for one in sets[1:]:
        common &= one
    return common


def _of_probes(container: Container) -> Traffic:
    names = {port.name: port.container_port for port in container.ports or ()}
    written = [probe.target for probe in container.probes if probe.target]
    numbers = [names.get(port, 0) if isinstance(port, str) else port for port in written]
    return Traffic.of("TCP", [(number, number) for number in numbers if number])


def _is_opened(linted: Linted, rule: WrittenRule) -> bool:
    """Whether nodes forward connections of a Service to a port of the rule; these come from node addresses."""
    subjects = set(linted.pods_of(rule.policy.subject))
    return any(
        (number := target_port(pod, port)) is not None and rule.compiled.traffic.contains(port.protocol, number)
        for service in linted.services
        if service.spec.type in ("NodePort", "LoadBalancer")
        for pod in selected_members(linted.state, service)
        if pod in subjects
        for port in service.spec.ports or ()
    )


RULE = LintRule("RF131", "probes-rule", FindingLevel.NOTE, __doc__, _check)
